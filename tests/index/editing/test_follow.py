"""What other processes commit is taken from the journal into what is cached here; nothing is read again for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curator.index.changes.edits import (
    AddTags,
    Annotations,
    RemoveTags,
    RenameTag,
    Rewrite,
    SetCaption,
    SetMark,
)
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.sets import bitmap_file, columns
from curator.index.sets.bitmaps import Flag
from tests.images import NewImage, add_images

FACTS = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
EDITS = [
    AddTags(("a", "b"), "start"),
    RemoveTags(("c",)),
    RenameTag("d", "a"),
    Rewrite((Annotations(3, ("b", "e"), "said"), Annotations(4, ()))),
    SetMark(1),
    SetMark(-1),
    SetCaption("more"),
]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Collection, Collection]:
    here = Collection.create(tmp_path)
    with here.writing():
        root = here.images.root("/p")
    tags = [("a", "c"), ("d", "b"), ("d", "a"), ("c",), ()]
    add_images(here, [NewImage(root, f"{k}", FACTS, each) for k, each in enumerate(tags)])
    return here, Collection.open(tmp_path)


def known(collection: Collection) -> tuple[list[set[int]], list[int], list[int]]:
    with collection.reading():
        ids = collection.tags.ids_of("abcde")
        sets = [set(collection.bitmaps.of(tag)) for tag in ids if tag is not None]
        flags = [
            set(collection.bitmaps.of(flag)) for flag in (Flag.ALIVE, Flag.KEEP, Flag.REJECT, Flag.CAPTIONED)
        ]
        totals = [int(collection.tags.counts()[tag]) for tag in ids if tag is not None]
        return sets + flags, totals, np.array(collection.columns.of("tags_count")).tolist()


def test_caches_are_patched_and_not_read_again(
    pair: tuple[Collection, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tagging job beside the app does not make the app read what it has in memory."""
    here, there = pair
    there.apply(AddTags(("e",)), [1])
    known(here)

    def read_again(*_: object) -> None:
        raise AssertionError("read from the file again")

    for edit in EDITS:
        with monkeypatch.context() as frozen:
            there.apply(edit)
            frozen.setattr(bitmap_file.BitmapFile, "whole", read_again)
            frozen.setattr(columns.Columns, "_load", read_again)
            assert here.changed()
            followed = known(here)
        assert followed == known(Collection.open(here.folder))
    with monkeypatch.context() as frozen:
        while there.undo():
            frozen.setattr(bitmap_file.BitmapFile, "whole", read_again)
            frozen.setattr(columns.Columns, "_load", read_again)
            followed = known(here)
            frozen.undo()
            assert followed == known(Collection.open(here.folder))


def test_images_and_files_of_others_are_seen(pair: tuple[Collection, Collection]) -> None:
    here, there = pair
    known(here)
    add_images(there, [NewImage(1, "new", FACTS, ("a", "fresh"), "words")])
    there.apply(AddTags(("late",)), [6])
    assert known(here) == known(Collection.open(here.folder))
    assert here.tag_names([6]) == [("a", "fresh", "late")]
    with there.writing():
        there.images.update_files([(2, FileFacts(b"t" * 32, 77, 8, 9, 10, "jpeg"))])
        there.images.set_alive(here.images.alive() & here.bitmaps.of(Flag.ALIVE), False)
    assert here.images.count() == 0
    with here.reading():
        assert int(here.columns.of("width")[2]) == 9
        assert not here.tags.counts().any()


def test_a_rebuild_or_very_much_news_makes_it_read_again(
    pair: tuple[Collection, Collection], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair
    known(here)
    there.rebuild()
    assert known(here) == known(there)
    monkeypatch.setattr("curator.index.editing.journal_table._MANY_ROWS", 3)
    for number in range(6):
        there.apply(AddTags((f"x{number}", "c")), [number + 1])
    assert known(here) == known(there)
