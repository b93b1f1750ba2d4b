"""Tags meant by misspelt words: found among very many without reading them all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.index.collection import Collection
from curator.index.tags.misspelt import misspelt
from curator.index.tags.tag_names import folded

MANY = 5000


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    """A table of tags as the index has it."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT, class TEXT, count INTEGER, folded TEXT)"
    )
    connection.execute("CREATE INDEX idx_tag_folded ON tag(folded)")
    names = [f"{n:05d} filler" for n in range(MANY)] + [
        "long hair",
        "blue eyes",
        "looking at viewer",
        "ärmel",
    ]
    connection.executemany("INSERT INTO tag VALUES(NULL, ?1, 'general', 1, ?1)", [(name,) for name in names])
    return connection


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lnog hair", ["long hair"]),
        ("longhair", ["long hair"]),
        ("hair long", ["long hair"]),
        ("xong hair", ["long hair"]),
        ("blue eyess", ["blue eyes"]),
        ("looking to viewer", ["looking at viewer"]),
        ("ärmal", ["ärmel"]),
        ("nothing like it", []),
        ("", []),
        ("x", []),
        ("a" * 5000, []),
    ],
)
def test_the_nearest_tag(table: sqlite3.Connection, typed: str, meant: list[str]) -> None:
    assert misspelt(table, typed) == meant


@given(
    at=st.integers(0, 8),
    letter=st.sampled_from("aqz09_-"),
    kind=st.sampled_from(["insert", "delete", "replace"]),
)
def test_one_wrong_letter_is_always_seen(table: sqlite3.Connection, at: int, letter: str, kind: str) -> None:
    word = "blue eyes"
    typed = {
        "insert": word[:at] + letter + word[at:],
        "delete": word[:at] + word[at + 1 :],
        "replace": word[:at] + letter + word[at + 1 :],
    }[kind]
    assert "blue eyes" in misspelt(table, typed)


def test_no_look_reads_the_whole_table(table: sqlite3.Connection) -> None:
    """By what SQLite says it does: every look goes by an index, but the one that stops early."""
    asked: list[str] = []
    table.set_trace_callback(asked.append)
    assert misspelt(table, "loking to vewer") == []
    table.set_trace_callback(None)
    plans = [row[3] for query in asked for row in table.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert asked
    assert (
        len([plan for plan in plans if plan.startswith("SCAN tag")]) == 1
    )  # of the few, where a LIMIT ends it


def test_an_alias_is_known_however_it_is_spelled(tmp_path: Path) -> None:
    aliases = ("Long_Tresses", "50% off", "o_o", "Ärmel", "mañana", "a_b c", "[x]")
    words = (*aliases, "long tresses", "LONG_tresses", "long-tresses", "o o", "o_o", "ÄRMEL", "a\u0308rmel", "armel",
             "50_ off", "50x off", "man\u0303ana", "a b_c", "[X]", "x", "%", "_")  # fmt: skip
    with Collection.create(tmp_path) as collection:
        collection.aliases.put((alias, f"of {alias}") for alias in aliases)
        meant = {folded(alias): f"of {alias}" for alias in aliases}
        assert {word: collection.aliases.tag_of(word) for word in words} == {
            word: meant.get(folded(word)) for word in words
        }
