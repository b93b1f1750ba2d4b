"""The index against a model of plain lists: imports, edits, undo, redo, folds, two connections, restarts, lost files.

Row B03: what is read is the same before, amid and after a fold, in every process. Two actors edit; any commit
is taken back and made again while others stand; edits of subsets, saved filters and rules lie between
(`record_rules.py`). The model keeps, for each thing of an image that can change, the list of who changed it when.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.index.changes.edits import (
    AddTags,
    Annotations,
    Commit,
    Edit,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetMark,
)
from curator.index.collection import Collection
from curator.index.editing import compaction as settle
from curator.index.editing import fold
from curator.index.images.images import FileFacts
from curator.index.sets import bitmap_file, columns
from curator.index.sets.bitmaps import Flag
from curator.index.tags import tag_table
from tests.images import NewImage, add_images
from tests.index.record_rules import RecordDone, RecordRules

NAMES = ["1girl", "solo", "saber (fate)", "long_hair", "Two", "é"]
names = st.sampled_from(NAMES)
name_lists = st.lists(names, max_size=4, unique=True)
images = st.one_of(st.just({1, 2, 3, 4}), st.sets(st.integers(1, 6), min_size=1))
actors = st.sampled_from(["you", "tagger"])
places = st.one_of(st.sampled_from(["start", "end"]), st.integers(0, 5))


@dataclass
class Image:
    tags: list[str] = field(default_factory=list)
    caption: str = ""
    mark: int = 0
    alive: bool = True


def copied(image: Image) -> Image:
    return replace(image, tags=list(image.tags))


Unit = tuple[str, ...]  # what is taken back as one: a tag, both names of a rename, or one of the following
ORDER, CAPTION, MARK = "/order", "/caption", "/mark"


@dataclass
class Done:
    """A commit as the model knows it: what each image was and became, in units; when each unit was turned."""

    id: int
    actor: str
    images: dict[int, tuple[Image, Image]]
    units: dict[int, list[Unit]]
    turns: dict[tuple[int, Unit], list[int]] = field(default_factory=dict)
    tags: dict[int, tuple[int, list[str], list[str]]] = field(
        default_factory=dict
    )  # turn, tags then and after it
    stands: bool = True
    undone_by: str = ""  # empty where plain redo does not bring it back
    stayed: int = 0


def units_of(edit: Edit, before: Image, after: Image) -> list[Unit]:
    if isinstance(edit, RenameTag):
        return [(edit.old,) if edit.new in before.tags else (edit.old, edit.new)]
    units: list[Unit] = [(tag,) for tag in sorted(set(before.tags) ^ set(after.tags))]
    units += [(ORDER,)] if not same_order(before.tags, after.tags) else []
    units += [(CAPTION,)] if before.caption != after.caption else []
    return units + ([(MARK,)] if before.mark != after.mark else [])


def same_order(before: list[str], after: list[str]) -> bool:
    return [tag for tag in before if tag in after] == [tag for tag in after if tag in before]


class IndexMachine(RecordRules):
    def __init__(self) -> None:
        super().__init__()
        self.limits = (fold.AT_ONCE, fold.ROWS_PER_PIECE, bitmap_file._SHORT_ROW_IMAGES)
        self.portions = (bitmap_file.FEW, settle._BITMAPS)
        bitmap_file._SHORT_ROW_IMAGES = 3
        bitmap_file.FEW = columns.FEW = tag_table.FEW = settle._BITMAPS = 2
        fold.AT_ONCE, fold.ROWS_PER_PIECE = 1, 2  # nearly every edit waits, and folds in many pieces
        self.folder = Path(tempfile.mkdtemp())
        self.connections = [Collection.create(self.folder), Collection.open(self.folder)]
        with self.connections[0].writing():
            self.root = self.connections[0].images.root("/pictures")
        self.model: dict[int, Image] = {}
        self.done: list[Done | RecordDone] = []
        self.begin_records()
        self.log: dict[tuple[int, str], list[tuple[int, int]]] = {}  # (when, which commit) changed this
        self.clock = 0
        self.undone_at: dict[int, int] = {}
        self.actor = "you"
        self.turn = 0

    def teardown(self) -> None:
        fold.AT_ONCE, fold.ROWS_PER_PIECE, bitmap_file._SHORT_ROW_IMAGES = self.limits
        bitmap_file.FEW, settle._BITMAPS = self.portions
        columns.FEW = tag_table.FEW = bitmap_file.FEW
        for connection in self.connections:
            connection.close()
        shutil.rmtree(self.folder)

    @property
    def collection(self) -> Collection:
        self.turn += 1
        return self.connections[self.turn % 2]

    @initialize()
    def some_images(self) -> None:
        self.add_images([(["1girl", "solo"], ""), (["solo", "long_hair", "1girl"], "a cat")])

    @rule(rows=st.lists(st.tuples(name_lists, st.sampled_from(["", "a cat"])), min_size=1, max_size=3))
    @precondition(lambda self: len(self.model) < 6)
    def add_images(self, rows: list[tuple[list[str], str]]) -> None:
        first = len(self.model) + 1
        new = [
            NewImage(self.root, f"{first + k}.png", facts(first + k), tuple(tags), caption)
            for k, (tags, caption) in enumerate(rows)
        ]
        ids = add_images(self.collection, new)
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
        else:
            chosen &= {n for n, image in self.model.items() if image.alive}
        self.edit(RenameTag(old, new), ids, change, concerned=chosen if alive_with_old & chosen else set())

    @rule(data=st.data())
    @precondition(lambda self: any(image.alive for image in self.model.values()))
    def reorder(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([n for n, image in self.model.items() if image.alive]))
        self.put_in_order(number, data.draw(st.permutations(self.model[number].tags)))

    def put_in_order(self, number: int, order: list[str]) -> None:
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

        self.edit(Rewrite(tuple(Annotations(number, tuple(tags), caption) for number in ids)), ids, change)

    @rule(actor=actors)
    def somebody_else(self, actor: str) -> None:
        self.actor = actor

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
        commit = collection.apply(edit, ids, self.actor)
        assert commit.images_changed == len(set(changed) & alive)
        assert expected == commit.images_changed
        if changed:
            for each in self.done:
                each.undone_by = "" if each.undone_by == self.actor else each.undone_by
            units = {number: units_of(edit, *both) for number, both in changed.items()}
            done = Done(commit.id, self.actor, changed, units)
            self.note(
                done, {number: (list(b.tags), list(a.tags)) for number, (b, a) in changed.items()}, units
            )
            self.done.append(done)

    def note(
        self, done: Done, tags: dict[int, tuple[list[str], list[str]]], units: dict[int, list[Unit]]
    ) -> None:
        self.clock += 1
        for number, some in units.items():
            if not set(some) <= {(CAPTION,), (MARK,)}:
                done.tags[number] = (self.clock, *tags[number])
            for unit in some:
                done.turns.setdefault((number, unit), []).append(self.clock)
                for key in unit:
                    self.log.setdefault((number, key), []).append((self.clock, done.id))

    def touched_by_others(self, number: int, key: str, done: Done, since: int) -> bool:
        counts: dict[int, int] = {}
        for when, commit in self.log[number, key]:
            if when > since and commit != done.id:
                counts[commit] = counts.get(commit, 0) + 1
        return any(count % 2 for count in counts.values())

    @rule(actor=actors)
    def undo(self, actor: str) -> None:
        commit = self.collection.undo(actor)
        standing = [each for each in self.done if each.stands and each.actor == actor]
        assert (commit is None) == (not standing)
        if commit is not None:
            self.turned(commit, standing[-1], actor, back=True)

    @rule(actor=actors)
    def redo(self, actor: str) -> None:
        commit = self.collection.redo(actor)
        undone = [each for each in self.done if each.undone_by == actor]
        assert (commit is None) == (not undone)
        if commit is not None:
            last = max(undone, key=lambda each: self.undone_at[each.id])
            self.turned(commit, last, actor, back=False)

    @rule(actor=actors, data=st.data(), back=st.booleans())
    @precondition(lambda self: self.done)
    def turn_any(self, actor: str, data: st.DataObject, back: bool) -> None:
        self.turn_one(actor, data.draw(st.sampled_from(self.done[-8:])), back)

    def turn_one(self, actor: str, done: Done | RecordDone, back: bool) -> None:
        turn = self.collection.undo if back else self.collection.redo
        if done.stands != back and not done.stayed:
            with pytest.raises(UserError):
                turn(actor, done.id)
        else:
            self.turned(turn(actor, done.id), done, actor, back=back)

    def turned(self, commit: Commit | None, done: Done | RecordDone, actor: str, *, back: bool) -> None:
        assert commit is not None
        if isinstance(done, RecordDone):
            self.records_turned(commit, done, back=back)
        else:
            self.images_turned(commit, done, back=back)
        done.stands = not back
        done.undone_by = actor if back else ""
        self.undone_at[done.id] = self.clock

    def images_turned(self, commit: Commit, done: Done, *, back: bool) -> None:
        turned: dict[int, list[Unit]] = {}
        stayed: set[int] = set()
        for number, units in done.units.items():
            for unit in units:
                turns = done.turns[number, unit]
                if (len(turns) % 2 == 1) != back:
                    continue
                keys = (
                    unit
                    if unit != (ORDER,)
                    else [key for at, key in self.log if at == number and key[0] != "/"]
                )
                touched = any(self.touched_by_others(number, key, done, turns[-1]) for key in {*keys, *unit})
                if touched or (unit == (ORDER,) and not self.as_left(number, done)):
                    stayed.add(number)
                else:
                    turned.setdefault(number, []).append(unit)
        real = dict(zip(turned, self.connections[0].tag_names(list(turned)), strict=True))
        tags: dict[int, tuple[list[str], list[str]]] = {}
        for number, units in turned.items():
            was = self.model[number]
            self.model[number] = self.image_turned(number, done, units, list(real[number]), back=back)
            tags[number] = (was.tags, self.model[number].tags)
        assert commit.skipped == len(stayed)
        assert commit.images_changed == sum(self.model[number].alive for number in turned)
        self.note(done, tags, turned)
        done.stayed = len(stayed)

    def as_left(self, number: int, done: Done) -> bool:
        """Whether an image has the tags that the last turn of a commit left it, and that turn concerned all of it."""
        when, _, after = done.tags.get(number, (0, [], None))
        tag_units = [unit for unit in done.units[number] if unit not in ((CAPTION,), (MARK,))]
        return self.model[number].tags == after and all(
            done.turns[number, unit][-1] == when for unit in tag_units
        )

    def image_turned(
        self, number: int, done: Done, units: list[Unit], real: list[str], *, back: bool
    ) -> Image:
        """The image as it must be; where tags stand is taken from the index, if that is one of the right places."""
        now = copied(self.model[number])
        source, target = done.images[number] if not back else done.images[number][::-1]
        if (CAPTION,) in units:
            now.caption = target.caption
        if (MARK,) in units:
            now.mark = target.mark
        keys = {key for unit in units for key in unit}
        lost = (set(source.tags) - set(target.tags)) & keys
        gained = (set(target.tags) - set(source.tags)) & keys
        assert set(real) == (set(now.tags) - lost) | gained
        if units == done.units[number] and self.as_left(number, done):
            assert real == done.tags[number][1]
        elif (ORDER,) not in units and not any(len(unit) == 2 for unit in units):
            assert same_order(now.tags, real)
        now.tags = real
        return now

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
    def settle_some(self) -> None:
        collection = self.collection
        with collection.writing():
            settle.compact_portion(collection._store)

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
            self.same_records(collection)
        assert self.connections[0].check() == []


def facts(number: int) -> FileFacts:
    return FileFacts(bytes([number]) * 32, number * 100, number, 64 + number, 64, "png")


TestIndex = pytest.mark.slow(IndexMachine.TestCase)
TestIndex.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("seed", range(6))
def test_long_histories_of_two_actors(seed: int) -> None:
    """Hypothesis likes short histories; these are long, and half of their steps take back or make again."""
    rng = random.Random(seed)
    machine = IndexMachine()
    machine.some_images()
    machine.add_images([(["long_hair"], ""), ([], "a cat")])
    try:
        for _ in range(120):
            any_step(machine, rng)
            machine.same_as_model()
    finally:
        machine.teardown()


def any_step(machine: IndexMachine, rng: random.Random) -> None:
    some = {number for number in range(1, 5) if rng.random() < 0.6}
    alive = [number for number, image in machine.model.items() if image.alive] or [0]
    tags = rng.sample(NAMES, rng.randint(1, 3))
    one, other = rng.sample(NAMES, 2)
    image = rng.choice(alive)
    machine.actor = actor = rng.choice(["you", "tagger"])
    subset, name = rng.sample(["a", "b", "c"], 2)
    records = [
        lambda: machine.save_subset(subset, rng.choice([1, 2]), rng.random() < 0.5),
        lambda: machine.rename_subset(subset, name),
        lambda: machine.remove_subset(subset),
        lambda: machine.put_first(subset),
        lambda: machine.balance(rng.choice([3, 4])),
        lambda: machine.saved_filter(rng.choice(["x", "y", None])),
        lambda: machine.bucket_rule(rng.choice(["width", "height"]), rng.choice([512, 640])),
    ]
    edits = [
        lambda: machine.add_tags(tags, rng.choice(["start", "end", 1, 2]), some),
        lambda: machine.remove_tags(tags, some),
        lambda: machine.rename(one, other, rng.choice([None, some])),
        lambda: machine.rewrite(tags, rng.choice([None, "new"]), some),
        lambda: machine.mark(rng.choice([-1, 0, 1]), some),
        lambda: (
            image
            and machine.put_in_order(
                image, rng.sample(machine.model[image].tags, len(machine.model[image].tags))
            )
        ),
        *(rng.choice(records) for _ in range(4)),
        lambda: machine.fold_some(1),
        machine.fold_all,
        machine.settle_some,
        machine.restart,
        lambda: machine.files_go_and_come(some, rng.random() < 0.7),
    ]
    turns = [
        lambda: machine.undo(actor),
        lambda: machine.redo(actor),
        lambda: machine.turn_one(actor, rng.choice(machine.done), rng.random() < 0.6),
    ]
    rng.choice(edits if rng.random() < 0.5 or not machine.done else turns)()
