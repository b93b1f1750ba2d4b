from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.tagging.part import Part, read_part, write_part


def part_of(rows: list[tuple[list[int], str]]) -> Part:
    texts = [text.encode() for _, text in rows]
    labels = [label for each, _ in rows for label in each]
    return Part(
        len(rows),
        numbers=array("I", range(len(rows))).tobytes(),
        sha256=b"".join(bytes([number % 256]) * 32 for number in range(len(rows))),
        counts=array("I", [len(each) for each, _ in rows]).tobytes(),
        labels=array("I", labels).tobytes(),
        values=array("f", [1 / (label + 1) for label in labels]).tobytes(),
        lengths=array("I", map(len, texts)).tobytes(),
        texts=b"".join(texts),
    )


@given(st.lists(st.tuples(st.lists(st.integers(0, 80_000), max_size=5), st.text(max_size=8)), max_size=6))
def test_a_part_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[list[int], str]]
) -> None:
    file = tmp_path_factory.mktemp("part") / "a.part"
    write_part(file, part_of(rows))
    assert read_part(file) == part_of(rows)


def test_a_part_with_any_byte_changed_or_cut_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.part"
    write_part(file, part_of([([1, 2], "a"), ([], "bc")]))
    whole = file.read_bytes()
    start = whole.index(b"\n") + 1
    for at in range(start, len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match="not what was written"):
            read_part(file)
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        with pytest.raises(ValueError):
            read_part(file)


@pytest.mark.parametrize(
    "changes",
    [
        {"numbers": b""},
        {"sha256": b"x"},
        {"counts": b"\2\0\0\0"},
        {"values": b""},
        {"lengths": b"\2\0\0\0"},
        {"lengths": b""},
        {"texts": b"xy"},
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, bytes]) -> None:
    whole = part_of([([1], "a")])
    with pytest.raises(ValueError):
        replace(whole, **changes)
