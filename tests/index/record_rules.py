"""Edits of subsets, saved filters and the bucket rule against a model of plain dicts: rules for the index's machine.

A record is known by a number (subsets) or its name; its values are things that are taken back one by one, its being
there is one thing, and so is the bucket rule. What another commit that stands has touched since, stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from curator.contract.buckets import BucketRule
from curator.index.bucket_rule import bucket_rule, set_bucket_rule
from curator.index.changes.edits import Commit
from curator.index.collection import Collection
from curator.index.tables.rows import SavedFilter, Subset

Key = tuple[str, Any]
Thing = tuple[Key, str]  # a record and one of its fields, or WHOLE
WHOLE = ""
RULE: Key = ("rule", 0)
FIELDS = ("name", "position", "filter", "repeats", "flip")
subset_names = st.sampled_from(["a", "b", "c"])


@dataclass
class RecordDone:
    """A commit as the model knows it: what each thing was and became; when it was turned."""

    id: int
    things: list[tuple[Thing, Any, Any]]
    turns: dict[Thing, list[int]] = field(default_factory=dict)
    actor: str = "you"
    stands: bool = True
    undone_by: str = ""
    stayed: int = 0


class RecordRules(RuleBasedStateMachine):
    collection: Collection
    connections: list[Collection]
    done: list[Any]
    clock: int

    def begin_records(self) -> None:
        self.records: dict[Key, dict[str, Any]] = {RULE: {"value": BucketRule()}}
        self.touches: dict[Key, list[tuple[int, int, str]]] = {}  # (when, which commit, which field)
        self.subsets_made = 0

    def subset_called(self, name: str) -> Key | None:
        found = (key for key, each in self.records.items() if key[0] == "subset" and each["name"] == name)
        return next(found, None)

    @rule(name=subset_names, repeats=st.sampled_from([1, 2]), flip=st.booleans())
    def save_subset(self, name: str, repeats: float, flip: bool) -> None:
        def change() -> None:
            key = self.subset_called(name)
            if key is None:
                self.subsets_made += 1
                key = ("subset", self.subsets_made)
                last = max(
                    (each["position"] for (kind, _), each in self.records.items() if kind == "subset"),
                    default=0,
                )
                self.records[key] = {
                    "name": name,
                    "position": max(last + 1, self.subsets_made),
                    "filter": "x",
                }
            self.records[key] = {**self.records[key], "repeats": repeats, "flip": flip}

        self.edit_records(
            lambda collection: collection.subsets.save(Subset(name, "x", repeats, flip=flip)), change
        )

    @rule(old=subset_names, new=subset_names)
    def rename_subset(self, old: str, new: str) -> None:
        key = self.subset_called(old)
        if key and (old == new or not self.subset_called(new)):

            def change() -> None:
                self.records[key] = {**self.records[key], "name": new}

            def rename(collection: Collection) -> None:
                subset = collection.subsets.get(old)
                assert subset is not None
                collection.subsets.change(old, lambda _: replace(subset, name=new))

            self.edit_records(rename, change)

    @rule(name=subset_names)
    def remove_subset(self, name: str) -> None:
        key = self.subset_called(name)
        self.edit_records(
            lambda collection: collection.subsets.remove(name), lambda: self.records.pop(key, None)
        )

    @rule(name=subset_names)
    def put_first(self, name: str) -> None:
        def change() -> None:
            if key := self.subset_called(name):
                first = (
                    min(each["position"] for (kind, _), each in self.records.items() if kind == "subset") - 1
                )
                self.records[key] = {**self.records[key], "position": first}

        self.edit_records(lambda collection: collection.subsets.put_first(name), change)

    @rule(repeats=st.sampled_from([3, 4]))
    def balance(self, repeats: float) -> None:
        def save_all(collection: Collection) -> None:
            with collection.grouped("balance"):
                for subset in collection.subsets.list():
                    collection.subsets.save(replace(subset, repeats=repeats))

        def change() -> None:
            for key in [key for key in self.records if key[0] == "subset"]:
                self.records[key] = {**self.records[key], "repeats": repeats}

        self.edit_records(save_all, change)

    @rule(text=st.sampled_from(["x", "y", None]))
    def saved_filter(self, text: str | None) -> None:
        def change() -> None:
            if text is None:
                self.records.pop(("filter", "good"), None)
            else:
                self.records["filter", "good"] = {"filter": text}

        def save(collection: Collection) -> None:
            if text is None:
                collection.saved_filters.remove("good")
            else:
                collection.saved_filters.save(SavedFilter("good", text))

        self.edit_records(save, change)

    @rule(name=st.sampled_from(["width", "height"]), value=st.sampled_from([512, 640]))
    def bucket_rule(self, name: str, value: int) -> None:
        def change() -> None:
            self.records[RULE] = {"value": replace(self.records[RULE]["value"], **{name: value})}

        def keep(collection: Collection) -> None:
            set_bucket_rule(collection, replace(bucket_rule(collection), **{name: value}))

        self.edit_records(keep, change)

    def edit_records(self, do: Callable[[Collection], object], change: Callable[[], object]) -> None:
        before = dict(self.records)
        change()
        collection = self.collection
        do(collection)
        things = list(differences(before, self.records))
        if things:
            for each in self.done:
                each.undone_by = "" if each.undone_by == "you" else each.undone_by
            done = RecordDone(collection.history(1)[0].id, things)
            self.note_records(done, [thing for thing, _, _ in things])
            self.done.append(done)

    def note_records(self, done: RecordDone, things: list[Thing]) -> None:
        self.clock += 1
        for thing in things:
            done.turns.setdefault(thing, []).append(self.clock)
            self.touches.setdefault(thing[0], []).append((self.clock, done.id, thing[1]))

    def records_turned(self, commit: Commit, done: RecordDone, *, back: bool) -> None:
        turned: list[Thing] = []
        stayed = 0
        for thing, before, after in reversed(done.things) if back else done.things:
            if (len(done.turns[thing]) % 2 == 1) != back:
                continue
            now, then = (after, before) if back else (before, after)
            if self.is_touched(thing, done) or not self.turn_thing(thing, now, then):
                stayed += 1
            else:
                turned.append(thing)
        assert (commit.skipped, len(commit.skipped_values), commit.images_changed) == (stayed, stayed, 0)
        self.note_records(done, turned)
        done.stayed = stayed

    def is_touched(self, thing: Thing, done: RecordDone) -> bool:
        counts: dict[tuple[int, str], int] = {}
        for when, commit, name in self.touches[thing[0]]:
            if (
                when > done.turns[thing][-1]
                and commit != done.id
                and (WHOLE in (name, thing[1]) or name == thing[1])
            ):
                counts[commit, name] = counts.get((commit, name), 0) + 1
        return any(count % 2 for count in counts.values())

    def turn_thing(self, thing: Thing, now: Any, then: Any) -> bool:
        key, name = thing
        if name == WHOLE:
            taken = then is not None and key[0] == "subset" and self.subset_called(then["name"]) is not None
            if self.records.get(key) != now or taken:
                return False
            self.records.pop(key, None)
            if then is not None:
                self.records[key] = then
            return True
        if key not in self.records or self.records[key][name] != now:
            return False
        if name == "name" and self.subset_called(then) is not None:
            return False
        self.records[key] = {**self.records[key], name: then}
        return True

    def same_records(self, collection: Collection) -> None:
        subsets = sorted(
            (each["position"], key[1], key) for key, each in self.records.items() if key[0] == "subset"
        )
        expected = [
            {name: self.records[key][name] for name in FIELDS if name != "position"} for _, _, key in subsets
        ]
        found = [asdict(each) for each in collection.subsets.list()]
        assert [{name: each[name] for name in FIELDS if name != "position"} for each in found] == expected
        saved = [each.filter for each in collection.saved_filters.list()]
        assert saved == [each["filter"] for key, each in self.records.items() if key[0] == "filter"]
        assert bucket_rule(collection) == self.records[RULE]["value"]


def differences(
    before: dict[Key, dict[str, Any]], after: dict[Key, dict[str, Any]]
) -> list[tuple[Thing, Any, Any]]:
    found: list[tuple[Thing, Any, Any]] = []
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            found += [((key, WHOLE), old, new)]
        else:
            found += [((key, name), old[name], new[name]) for name in old if old[name] != new[name]]
    return found
