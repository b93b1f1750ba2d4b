"""Tags of many rows changed at once: as lists would be, and copied no more often than they must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.index.changes.edits import AddTags, RemoveTags
from curator.index.collection import Collection
from curator.index.editing import fold
from curator.index.images.image_facts import FileFacts
from curator.index.tags import tag_rows
from curator.index.tags.tag_blob import encode_many
from curator.index.tags.tag_rows import END, TagRows
from tests.images import NewImage, add_images

TAGS = st.integers(1, 6)
ROWS = st.sets(st.integers(0, 3), min_size=1)
STEPS = st.one_of(
    st.tuples(st.just("add"), TAGS, ROWS, st.sampled_from([0, 1, 2, END])),
    st.tuples(st.just("remove"), TAGS, ROWS, st.just(0)),
)


@given(st.lists(st.lists(TAGS, unique=True), min_size=4, max_size=4), st.lists(STEPS, max_size=12))
def test_rows_are_changed_as_lists_are(
    before: list[list[int]], steps: list[tuple[str, int, set[int], int]]
) -> None:
    flat = np.array([tag for row in before for tag in row], np.int64)
    blobs = encode_many(flat, np.array([len(row) for row in before], np.int64))
    rows, lists = TagRows(np.arange(4), blobs), [list(row) for row in before]
    for kind, tag, which, place in steps:
        at = np.array(sorted(which), np.int64)
        if kind == "add":
            rows.add(tag, at, np.full(len(at), place, np.int64))
            for row in (lists[each] for each in at.tolist() if tag not in lists[each]):
                row.insert(place, tag)
        else:
            places = [lists[each].index(tag) if tag in lists[each] else END for each in at.tolist()]
            assert rows.remove(tag, at).tolist() == places
            for row in (lists[each] for each in at.tolist() if tag in lists[each]):
                row.remove(tag)
    assert rows.lists() == lists
    assert rows.counts.tolist() == [len(row) for row in lists]


def copied_by(folder: Path, edits: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many tags are copied to make room for others while so many edits are folded into rows."""
    copied = 0
    insert = np.insert

    def counting(values: Any, *more: Any) -> Any:
        nonlocal copied
        copied += len(values)
        return insert(values, *more)

    with Collection.create(folder) as collection:
        with collection.writing():
            root = collection.images.root("/p")
        facts = [FileFacts(number.to_bytes(32, "big"), 1, 1, 64, 64, "png") for number in range(20)]
        ids = add_images(
            collection,
            [NewImage(root, f"{number}.png", fact, ("old",)) for number, fact in enumerate(facts)],
        )
        for number in range(edits):
            collection.apply(AddTags((f"new {number}",)), ids)
            if number == edits // 2:
                collection.apply(RemoveTags(("old",)), ids)
        assert collection.waiting() == len(ids)
        monkeypatch.setattr(tag_rows.np, "insert", counting)
        assert collection.fold() == 0
        monkeypatch.undo()
        assert collection.tag_names(ids[:1]) == [tuple(f"new {number}" for number in range(edits))]
    return copied


def test_folding_many_edits_copies_tags_once_and_not_once_an_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, edits in (("few", 10), ("many", 80)):
        with monkeypatch.context() as patched:
            patched.setattr(fold, "AT_ONCE", 0)
            assert copied_by(tmp_path / folder, edits, patched) <= 20 * 2
