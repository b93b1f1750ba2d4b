"""The index against a model of plain lists: imports, edits, undo, redo, folds, two connections, restarts, lost files.

Rows S003 and B03: what is read is the same before, amid and after a fold, in every process.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pyroaring import BitMap

from curator.index import bitmap_file, fold, journal
from curator.index.bitmaps import Flag
from curator.index.collection import Collection
from curator.index.edits import (
    AddTags,
    Edit,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetMark,
    Words,
)
from curator.index.images import FileFacts, NewImage

NAMES = ["1girl", "solo", "saber (fate)", "long_hair", "Solo", "é"]
names = st.sampled_from(NAMES)
name_lists = st.lists(names, max_size=4, unique=True)
images = st.sets(st.integers(1, 14))
places = st.one_of(st.sampled_from(["start", "end"]), st.integers(0, 5))


@dataclass
class Image:
    tags: list[str] = field(default_factory=list)
    caption: str = ""
    mark: int = 0
    alive: bool = True


def copied(image: Image) -> Image:
    return replace(image, tags=list(image.tags))


class IndexMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.limits = (journal.AT_ONCE, fold.ROWS_PER_PIECE, bitmap_file._LATE)
        bitmap_file._LATE = 3
        journal.AT_ONCE, fold.ROWS_PER_PIECE = 1, 2  # nearly every edit waits, and folds in many pieces
        self.folder = Path(tempfile.mkdtemp())
        self.connections = [Collection.create(self.folder), Collection.open(self.folder)]
        with self.connections[0].writing():
            self.root = self.connections[0].images.root("/pictures")
        self.model: dict[int, Image] = {}
        self.done: list[dict[int, tuple[Image, Image]]] = []
        self.undone: list[dict[int, tuple[Image, Image]]] = []
        self.turn = 0

    def teardown(self) -> None:
        journal.AT_ONCE, fold.ROWS_PER_PIECE, bitmap_file._LATE = self.limits
        for connection in self.connections:
            connection.close()
        shutil.rmtree(self.folder)

    @property
    def collection(self) -> Collection:
        self.turn += 1
        return self.connections[self.turn % 2]

    @rule(rows=st.lists(st.tuples(name_lists, st.sampled_from(["", "a cat"])), min_size=1, max_size=3))
    @precondition(lambda self: len(self.model) < 12)
    def add_images(self, rows: list[tuple[list[str], str]]) -> None:
        first = len(self.model) + 1
        new = [
            NewImage(self.root, f"{first + k}.png", facts(first + k), tuple(tags), caption)
            for k, (tags, caption) in enumerate(rows)
        ]
        ids = self.collection.add_images(new)
        assert ids == list(range(first, first + len(rows)))
        for number, (tags, caption) in zip(ids, rows, strict=True):
            self.model[number] = Image(list(tags), caption)

    @rule(tags=name_lists, at=places, ids=images)
    def add_tags(self, tags: list[str], at: str | int, ids: set[int]) -> None:
        def change(image: Image) -> None:
            place = len(image.tags) if at == "end" else 0 if at == "start" else min(int(at), len(image.tags))
            for tag in [tag for tag in tags if tag not in image.tags]:
                image.tags.insert(place, tag)
                place += 1

        self.edit(AddTags(tuple(tags), at), ids, change)  # type: ignore[arg-type]

    @rule(tags=name_lists, ids=images)
    def remove_tags(self, tags: list[str], ids: set[int]) -> None:
        def change(image: Image) -> None:
            image.tags = [tag for tag in image.tags if tag not in tags]

        self.edit(RemoveTags(tuple(tags)), ids, change)

    @rule(old=names, new=names, ids=st.one_of(images, st.none()))
    def rename(self, old: str, new: str, ids: set[int] | None) -> None:
        def change(image: Image) -> None:
            if old in image.tags and old != new:
                place = image.tags.index(old)
                image.tags[place : place + 1] = [] if new in image.tags else [new]

        alive_with_old = {n for n, image in self.model.items() if image.alive and old in image.tags}
        chosen = {n for n in self.model if ids is None or n in ids}
        if alive_with_old and alive_with_old <= chosen:  # the tag itself is renamed, for missing images too
            chosen |= {n for n, image in self.model.items() if not image.alive and old in image.tags}
        self.edit(RenameTag(old, new), ids, change, concerned=chosen if alive_with_old & chosen else set())

    @rule(data=st.data())
    @precondition(lambda self: any(image.alive for image in self.model.values()))
    def reorder(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([n for n, image in self.model.items() if image.alive]))
        order = data.draw(st.permutations(self.model[number].tags))

        def change(image: Image) -> None:
            image.tags = list(order)

        self.edit(ReorderTags(tuple(order)), {number}, change)

    @rule(text=st.sampled_from(["", "a dog", "a cat"]), ids=images)
    def caption(self, text: str, ids: set[int]) -> None:
        self.edit(SetCaption(text), ids, lambda image: setattr(image, "caption", text))

    @rule(mark=st.sampled_from([-1, 0, 1]), ids=images)
    def mark(self, mark: int, ids: set[int]) -> None:
        self.edit(SetMark(mark), ids, lambda image: setattr(image, "mark", mark))

    @rule(tags=name_lists, caption=st.one_of(st.none(), st.just("new")), ids=images)
    def rewrite(self, tags: list[str], caption: str | None, ids: set[int]) -> None:
        def change(image: Image) -> None:
            image.tags = list(tags)
            image.caption = image.caption if caption is None else caption

        self.edit(Rewrite(tuple(Words(number, tuple(tags), caption) for number in ids)), ids, change)

    def edit(self, edit: Edit, ids: set[int] | None, change, concerned: set[int] | None = None) -> None:  # type: ignore[no-untyped-def]
        alive = {n for n, image in self.model.items() if image.alive}
        concerned = alive & (set(self.model) if ids is None else ids) if concerned is None else concerned
        changed: dict[int, tuple[Image, Image]] = {}
        for number in concerned:
            before, after = copied(self.model[number]), copied(self.model[number])
            change(after)
            if before != after:
                changed[number] = (before, after)
                self.model[number] = after
        collection = self.collection
        expected = collection.preview(edit, ids)
        commit = collection.apply(edit, ids)
        assert commit.images_changed == len(set(changed) & alive)
        if not isinstance(edit, Rewrite | ReorderTags):
            assert expected == commit.images_changed
        if changed:
            self.done.append(changed)
            self.undone.clear()

    @rule()
    def undo(self) -> None:
        commit = self.collection.undo()
        assert (commit is None) == (not self.done)
        if commit is not None:
            changed = self.done.pop()
            self.undone.append(changed)
            self.put({number: before for number, (before, _) in changed.items()})

    @rule()
    def redo(self) -> None:
        commit = self.collection.redo()
        assert (commit is None) == (not self.undone)
        if commit is not None:
            changed = self.undone.pop()
            self.done.append(changed)
            self.put({number: after for number, (_, after) in changed.items()})

    def put(self, images: dict[int, Image]) -> None:
        for number, image in images.items():
            self.model[number] = replace(copied(image), alive=self.model[number].alive)

    @rule(ids=images, alive=st.booleans())
    def files_go_and_come(self, ids: set[int], alive: bool) -> None:
        collection = self.collection
        known = ids & set(self.model)
        with collection.writing():
            news = collection.images.set_alive(BitMap(known), alive)
        assert set(news) == {number for number in known if self.model[number].alive != alive}
        for number in known:
            self.model[number].alive = alive

    @rule(pieces=st.integers(1, 3))
    def fold_some(self, pieces: int) -> None:
        collection = self.collection
        for _ in range(pieces):
            with collection.writing():
                fold.fold_piece(collection._store)

    @rule()
    def fold_all(self) -> None:
        assert self.collection.fold() == 0

    @rule()
    def restart(self) -> None:
        self.connections[0].close()
        self.connections[0] = Collection.open(self.folder)

    @rule()
    def rebuild(self) -> None:
        self.collection.rebuild()

    @invariant()
    def same_as_model(self) -> None:
        for collection in self.connections:
            ids = sorted(self.model)
            assert collection.tag_names(ids) == [tuple(self.model[n].tags) for n in ids]
            rows = collection.rows(ids)
            assert [(row.caption, row.mark, row.tags_count) for row in rows] == [
                (self.model[n].caption, self.model[n].mark, len(self.model[n].tags)) for n in ids
            ]
            assert set(collection.images.alive()) == {n for n in ids if self.model[n].alive}
            captioned = {n for n in ids if self.model[n].caption}
            assert set(collection.bitmaps.of(Flag.CAPTIONED)) == captioned
            counts: dict[str, int] = {}
            for image in self.model.values():
                for tag in image.tags if image.alive else ():
                    counts[tag] = counts.get(tag, 0) + 1
            assert {tag.name: tag.count for tag in collection.all_tags()} == counts
            cached = collection.tags.counts()
            assert all(int(cached[tag.id]) == tag.count for tag in collection.all_tags())
        assert self.connections[0].check() == []


def facts(number: int) -> FileFacts:
    return FileFacts(bytes([number]) * 32, number * 100, number, 64 + number, 64, "png")


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
