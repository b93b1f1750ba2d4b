"""Chain files: what is read, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.chains.chain_file import Chain, read_chain
from curator.contract.errors import UserError

STEPS = """
title = "Two"
[values]
word = "a cat"
size = "512"
[[steps]]
name = "one"
run = "frieze ls {word}"
reads = ["{size}.txt"]
[[steps]]
name = "two"
run = "ls --limit {size} 'x y'"
[[steps]]
name = "three"
run = "stats"
after = ["one"]
"""


def of(folder: Path, text: str, *sets: str) -> Chain:
    (folder / "two.toml").write_text(text)
    return read_chain(folder / "two.toml", sets)


def test_values_fill_words_whole(tmp_path: Path) -> None:
    chain = of(tmp_path, STEPS, "word=red dog; rm")
    assert [step.words for step in chain.steps] == [
        ("ls", "red dog; rm"),
        ("ls", "--limit", "512", "x y"),
        ("stats",),
    ]
    assert chain.steps[0].reads == ("512.txt",)
    assert [step.after for step in chain.steps] == [(), ("one",), ("one",)]
    assert (chain.name, chain.title, chain.folder) == ("two", "Two", tmp_path)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "has no steps"),
        ("x = 1", "there is no key 'x'"),
        ("[[steps]]\nname = 'a'\n", "runs nothing"),
        ("[[steps]]\nname = 'a b'\nrun = 'ls'\n", "its name is 'a b'"),
        ("[[steps]]\nname = 'a'\nrun = 'ls'\n[[steps]]\nname = 'a'\nrun = 'ls'\n", "its name is 'a'"),
        ("[[steps]]\nname = 'a'\nrun = 'ls'\nread = []\n", "there is no key 'read'"),
        ("[[steps]]\nname = 'a'\nrun = 'ls {w}'\n", "there is no value {w}"),
        ("[values]\nw = 1\n[[steps]]\nname = 'a'\nrun = 'ls'\n", "no step speaks of {w}"),
        ("[[steps]]\nname = 'a'\nrun = \"ls 'x\"\n", "a quote does not end"),
        ("[[steps]]\nname = 'a'\nrun = 'ls'\nafter = ['b']\n", "comes after 'b'"),
        ("[[steps]]\nname = 'a'\nrun = 'ls'\nreads = 'b'\n", "reads is no list"),
        ("steps = [1]", "is no table"),
        ("x = ", "Invalid"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        of(tmp_path, text)
    assert what in str(caught.value)


def test_a_value_that_is_not_there_cannot_be_set(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no value 'sise'") as caught:
        of(tmp_path, STEPS, "sise=1")
    assert "size" in caught.value.hint


def test_no_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no chain"):
        read_chain(tmp_path / "none.toml")
