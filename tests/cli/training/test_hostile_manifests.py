"""Manifests that were changed, by accident or by somebody who sealed them again: every reader ends with a sentence."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from curator.contract.manifest.seal import seal
from curator.contract.manifest.signs import encode_wide
from tests.cli.conftest import Frieze

FORMATS = ("jsonl", "kohya-toml", "kohya-json", "imagefolder", "parquet")
_ROOM_BYTES = 1 << 30  # beyond what the tests themselves take


def readers(manifest: Path, sound: Path) -> Iterator[tuple[object, ...]]:
    """Every command that reads a manifest."""
    out = manifest.parent / "out"
    yield "manifest", "show", manifest
    yield "manifest", "show", manifest, "--json"
    yield "manifest", "diff", manifest, sound
    yield "manifest", "diff", sound, manifest
    yield "manifest", "captions", manifest, 0
    yield "manifest", "verify", manifest
    yield "train", manifest, "--check", "--recipe", "tiny-demo"
    for form in FORMATS:
        yield "manifest", "export", manifest, out, "--format", form
    yield "manifest", "export", manifest, out, "--format", "imagefolder", "--copy"


@contextmanager
def little_memory() -> Iterator[None]:
    """What takes much more than all before is a MemoryError, which no command calls a user's mistake."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _ROOM_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.fixture
def sound(frozen: Path) -> Path:
    """One that nobody touched, beside the one that will be."""
    return Path(shutil.copy(frozen, frozen.with_name("sound.manifest")))


def reseal(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        (pages,), (size,) = (
            connection.execute(f"PRAGMA page_{what}").fetchone() for what in ("count", "size")
        )
    connection.close()
    os.truncate(path, pages * size)
    seal(path)


def test_a_flipped_byte_is_told_by_every_reader(frozen: Path, sound: Path, frieze: Frieze) -> None:
    """In used and unused space, in the header and in the seal."""
    whole = frozen.read_bytes()
    for at in (*range(24, len(whole), len(whole) // 17), len(whole) - 40, len(whole) - 1):
        frozen.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        for command in readers(frozen, sound):
            done = frieze(*command)
            assert (done.code, done.out) == (1 if "verify" in command else 2, ""), (at, command)
            assert "was changed after it was frozen" in done.err
        assert not (frozen.parent / "out").exists()
    frozen.write_bytes(whole)
    for command in readers(frozen, sound):
        assert frieze(*command).code == 0, command
        shutil.rmtree(frozen.parent / "out", ignore_errors=True)


def meta(name: str, value: str) -> tuple[str, tuple[str, ...]]:
    return "UPDATE meta SET value = ? WHERE name = ?", (value, name)


def rule(**changes: object) -> tuple[str, tuple[str, ...]]:
    return "UPDATE meta SET value = json_patch(value, ?) WHERE name = 'rule'", (json.dumps(changes),)


def provenance(**changes: object) -> tuple[str, tuple[str, ...]]:
    return "UPDATE meta SET value = json_patch(value, ?) WHERE name = 'provenance'", (json.dumps(changes),)


def subset(**changes: object) -> tuple[str, tuple[str, ...]]:
    return "UPDATE subset SET about = json_patch(about, ?) WHERE id = 0", (json.dumps(changes),)


def endless(table: str, columns: str) -> str:
    """A view in the table's place that never comes to its end."""
    names = ", ".join(f"{value} AS {name}" for name, value in (each.split("=") for each in columns.split()))
    rows = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n)"
    return f"DROP TABLE {table}; CREATE VIEW {table} AS {rows} SELECT {names} FROM n"


HOSTILE: dict[str, str | tuple[str, tuple[str, ...]]] = {
    "rows without end": "UPDATE part SET rows = 9000000000000000000",
    "rows below none": "UPDATE part SET rows = -1",
    "no rows": "UPDATE part SET rows = 0",
    "parts over each other": "UPDATE part SET rows = rows + 1 WHERE first_row = 0",
    "a part beyond": "UPDATE part SET first_row = first_row + 1000",
    "a part below none": "UPDATE part SET first_row = -5 WHERE first_row = 0",
    "no such bucket": "UPDATE part SET bucket = 4000",
    "a bucket below none": "UPDATE part SET bucket = -1",
    "no such subset": "UPDATE part SET subset = 7",
    "a subset that is text": "UPDATE part SET subset = 'rest'",
    "repeats without end": "UPDATE part SET repeats = 1e300",
    "infinite repeats": "UPDATE part SET repeats = 9e999",
    "repeats below none": "UPDATE part SET repeats = -2.0",
    "repeats that are text": "UPDATE part SET repeats = 'often'",
    "buckets of no size": "UPDATE bucket SET width = 0",
    "buckets of a billion": "UPDATE bucket SET width = 1000000000, height = 1000000000",
    "buckets below none": "UPDATE bucket SET height = -64",
    "buckets that are text": "UPDATE bucket SET width = 'wide'",
    "no buckets": "DELETE FROM bucket",
    "no subsets": "DELETE FROM subset",
    "no blocks": "DELETE FROM block",
    "blocks elsewhere": "UPDATE block SET id = id + 1000000",
    "numbers that are zeros": "UPDATE block SET numbers = zeroblob(4000)",
    "numbers that are noise": "UPDATE block SET numbers = randomblob(4000)",
    "numbers that are a number": "UPDATE block SET numbers = 5",
    "no numbers": "UPDATE block SET numbers = x''",
    "no contents": "UPDATE block SET sha256 = x''",
    "no paths": "UPDATE block SET paths = x''",
    "paths that are text": "UPDATE block SET paths = 'fox.pngowl.pngstrip.pngwolf.png'",
    "tags that nobody has": "UPDATE block SET tags = CAST(replace(CAST(tags AS TEXT), char(33), char(99999)) AS BLOB)",
    "tags that are no UTF-8": "UPDATE block SET tags = CAST(CAST(x'ff' AS TEXT) || tags AS BLOB)",
    "a path from the root": "UPDATE block SET paths = CAST(replace(CAST(paths AS TEXT), 'wolf', '/etc') AS BLOB)",
    "a path out of its root": "UPDATE block SET paths = CAST(replace(CAST(paths AS TEXT), 'wolf', '../e') AS BLOB)",
    "a path with a zero": "UPDATE block SET paths = CAST(replace(CAST(paths AS TEXT), 'lf', char(0) || 'f') AS BLOB)",
    "a rule of text": rule(width="wide"),
    "a rule of a billion": rule(width=10**9, height=10**9, max_side=10**9, step=8),
    "a rule with more": rule(colour="red"),
    "a rule of nothing": meta("rule", "null"),
    "a rule of lists": meta("rule", "[1, 2]"),
    "no number": meta("rule", '{"width": NaN, "height": Infinity}'),
    "a rule that is no JSON": meta("rule", "{"),
    "a rule without a bottom": meta("rule", "[" * 100_000),
    "a rule that says two things": meta("rule", '{}, "rule": {}'),
    "no provenance": "DELETE FROM meta WHERE name = 'provenance'",
    "provenance that is a list": meta("provenance", "[]"),
    "roots that are none": provenance(roots=["zz"]),
    "roots that are numbers": provenance(roots=[1, 2]),
    "roots with a zero": provenance(roots=["2f00"]),
    "no roots": provenance(roots=[]),
    "a funnel of text": provenance(funnel="wide"),
    "a funnel of halves": provenance(funnel=[["kept"]]),
    "a name that is none": provenance(name={"a": 1}),
    "a digest that is a number": meta("digest", "5"),
    "a digest that clears the screen": meta("digest", '"\\u001b[2J"'),
    "a version that is text": meta("version", '"1"'),
    "a version that is true": meta("version", "true"),
    "a version of none": meta("version", "0"),
    "another format": meta("format", '"frieze"'),
    "a subset that is a list": ("UPDATE subset SET about = ?", ("[]",)),
    "a subset named by a number": subset(name=5),
    "a subset with more": subset(zoom=2),
    "a subset of no weight": ("UPDATE subset SET about = replace(about, '1.0', ?)", ("NaN",)),
    "a subset cut by magic": subset(crop="magic"),
    "rules of text": subset(rules={"tag_dropout": "half"}),
    "rules beyond all": subset(rules={"tag_dropout": 9}),
    "rules that are a list": subset(rules=[]),
    "rules with more": subset(rules={"sing": True}),
    "tags without a name": "UPDATE tag SET name = CAST(name AS BLOB)",
    "no tags": "DROP TABLE tag",
    "parts without end": endless("part", "first_row=i rows=1 bucket=0 repeats=1.0 subset=0"),
    "tags without end": endless("tag", "id=i name='t'||i class='general'"),
    "buckets without end": endless("bucket", "id=i width=64 height=64"),
    "words without end": endless("meta", "name='format' value='1'"),
    "blocks without end": endless("block", "id=i numbers=x'20' sha256=x'' paths=x'' tags=x'' texts=x''"),
    "a value without end": "UPDATE block SET texts = zeroblob(40000000)",
}  # fmt: skip

IN_SPANS = frozenset(
    {  # met by whoever plans or counts samples
        "rows without end",
        "rows below none",
        "no rows",
        "parts over each other",
        "a part beyond",
        "a part below none",
        "no such bucket",
        "a bucket below none",
        "no such subset",
        "a subset that is text",
        "repeats without end",
        "infinite repeats",
        "repeats below none",
        "repeats that are text",
        "no buckets",
        "no subsets",
    }
)
IN_ROWS = frozenset(
    {  # met by whoever reads rows
        "no blocks",
        "blocks elsewhere",
        "numbers that are zeros",
        "numbers that are noise",
        "numbers that are a number",
        "no numbers",
        "no contents",
        "no paths",
        "paths that are text",
        "tags that nobody has",
        "tags that are no UTF-8",
        "a path from the root",
        "a path out of its root",
        "a path with a zero",
        "no roots",
        "tags without a name",
    }
)
SOUND_TO_READ = frozenset({"a rule that says two things", "a value without end"})  # only the digest tells

NO_MANIFEST = frozenset({"another format", "rules beyond all"})  # what is no manifest cannot be verified


def works(command: tuple[object, ...], name: str) -> bool:
    """Whether a command does its work on a manifest that was changed so: it does not read what was changed.

    `diff` compares rows with their digest, which does not count where blocks stand, and roots.
    """
    verb = command[:2] if command[0] == "manifest" else command[:1]
    if verb == ("manifest", "diff"):
        return name in ("blocks elsewhere", "no roots")
    if name == "other file sizes":  # met by whoever reads the files too
        return verb != ("manifest", "verify") and "--copy" not in command
    if name in SOUND_TO_READ:
        return verb != ("manifest", "verify")
    if name in IN_ROWS:
        return verb in (("manifest", "show"), ("train",))
    return False


@pytest.mark.parametrize("name", HOSTILE)
def test_one_that_was_sealed_again_ends_with_a_sentence(
    frozen: Path, sound: Path, frieze: Frieze, name: str
) -> None:
    change = HOSTILE[name]
    with sqlite3.connect(frozen) as connection:
        if isinstance(change, tuple):
            connection.execute(*change)
        else:
            connection.executescript(
                "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;" + change
            )
    connection.close()
    reseal(frozen)
    check(frozen, sound, frieze, name)


def check(frozen: Path, sound: Path, frieze: Frieze, name: str) -> None:
    for command in readers(frozen, sound):
        with little_memory():
            done = frieze(*command)
        refused = (
            1 if "verify" in command and name not in NO_MANIFEST else 2
        )  # that it is damaged is what a verification answers
        assert done.code == (0 if works(command, name) else refused), (command, done.err)
        assert "\x1b" not in done.out + done.err
        shutil.rmtree(frozen.parent / "out", ignore_errors=True)


def numbers_with(place: int, number: int) -> Callable[[str], str]:
    """A block's numbers with another in one of the wide columns of every image."""
    at = 3 + 2 * place
    return lambda text: "\n".join(
        line[:at] + encode_wide(number) + line[at + 2 :] for line in text.split("\n")
    )


# numbers that an image could have: only the digest tells
POSSIBLE = {
    (0, 10**9), (1, 10**9), (2, 10**9), (2, (1 << 40) - 1), (3, 10**9), (3, (1 << 40) - 1), (4, 0), (5, 0), (6, 0),
    (6, 10**9), (6, (1 << 40) - 1), (8, 0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("place", "number"),
    [(place, number) for place in range(9) for number in (0, 1_000_000_000, (1 << 40) - 1)] + [(9, 7)],
)
def test_pictures_of_any_size_and_offsets_anywhere(
    frozen: Path, sound: Path, frieze: Frieze, place: int, number: int
) -> None:
    with sqlite3.connect(frozen) as connection:
        for row, data in connection.execute("SELECT id, numbers FROM block").fetchall():
            changed = numbers_with(place, number)(data.decode())
            connection.execute("UPDATE block SET numbers = ? WHERE id = ?", (changed.encode(), row))
    connection.close()
    reseal(frozen)
    is_possible = (place, number) in POSSIBLE
    kind = (
        ("other file sizes" if place == 6 else "a value without end")
        if is_possible
        else "numbers that are noise"
    )
    check(frozen, sound, frieze, kind)


def test_a_damaged_manifest_is_named_in_the_list(frozen: Path, frieze: Frieze) -> None:
    (frozen.parent / "odd.manifest").write_bytes(b"odd")
    os.mkfifo(frozen.parent / "pipe.manifest")
    done = frieze("manifest", "list")
    assert done.code == 0
    assert [line.split()[0] for line in done.lines] == ["name", "set"]
    assert "odd.manifest is damaged" in done.err
    assert "pipe.manifest" in done.err
