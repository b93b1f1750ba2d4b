"""Undo of edits of subsets, rules, saved filters, picks and aliases: thing by thing, beneath others. Row B03."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.index.bucket_rule import bucket_rule, set_bucket_rule
from curator.index.changes.edits import AddTags, Commit, SetMark
from curator.index.changes.record_paths import differing, with_values_of
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tables.picks import Pick
from curator.index.tables.rows import SavedFilter, Subset
from tests.images import NewImage, add_images


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path)
    with made.writing():
        root = made.images.root("/p")
    facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
    add_images(made, [NewImage(root, f"{k}.png", facts, ("1girl", "solo")) for k in range(4)])
    return made


def lines(collection: Collection) -> list[str]:
    return [each.what for each in collection.history()]


def newest(collection: Collection) -> Commit:
    return collection.history(1)[0]


def test_each_edit_of_a_subset_is_a_line_that_can_be_taken_back(collection: Collection) -> None:
    alice = Subset("alice", "solo", 2)
    collection.subsets.save(alice)
    collection.subsets.save(replace(alice, repeats=3, rules=CaptionRules(trigger="xyz", shuffle=True)))
    collection.subsets.save(Subset("all", ""))
    collection.subsets.put_first("all")
    collection.subsets.change("alice", lambda _: replace(alice, name="alicia", flip=True))
    collection.subsets.remove("all")
    assert lines(collection) == [
        "subset all removed",
        "subset alice: name 'alice' -> 'alicia', repeats 3 -> 2, flip no -> yes, shuffle yes -> no, and 1 more",
        "subset all put first",
        "subset all added",
        "subset alice: repeats 2 -> 3, shuffle no -> yes, trigger '' -> 'xyz'",
        "subset alice added: solo",
    ]
    last = collection.subsets.list()
    states: list[list[Subset]] = []
    while collection.undo():
        states.append(collection.subsets.list())
    assert [each.name for each in states[0]] == ["all", "alicia"]
    assert [each.name for each in states[2]] == ["alice", "all"]
    assert states[3:] == [
        [replace(alice, repeats=3, rules=CaptionRules(trigger="xyz", shuffle=True))], [alice], [],
    ]  # fmt: skip
    while collection.redo():
        pass
    assert collection.subsets.list() == last


def test_what_a_newer_edit_changed_of_the_same_stays_and_is_said(collection: Collection) -> None:
    alice = Subset("alice", "solo")
    collection.subsets.save(alice)
    added = newest(collection).id
    collection.subsets.save(replace(alice, repeats=3, flip=True, loss_weight=0.5))
    first = newest(collection).id
    collection.subsets.save(replace(alice, repeats=4, flip=True, loss_weight=0.5))
    second = newest(collection).id
    collection.subsets.change(
        "alice", lambda _: replace(alice, name="alicia", repeats=4, flip=True, loss_weight=0.5)
    )
    undone = collection.undo(commit=first)
    assert undone is not None
    assert (undone.skipped, undone.skipped_values) == (1, ("repeats of subset alicia",))
    assert collection.subsets.list() == [replace(alice, name="alicia", repeats=4)]
    assert collection.history()[-2].skipped == 1
    undone = collection.undo(commit=added)
    assert undone is not None
    assert undone.skipped_values == ("subset alice",)
    assert len(collection.subsets.list()) == 1
    collection.undo(commit=second)
    again = collection.undo(commit=first)
    assert again is not None
    assert again.skipped == 0
    assert collection.subsets.list() == [replace(alice, name="alicia")]


def test_a_name_that_is_taken_since_stays_taken(collection: Collection) -> None:
    collection.subsets.save(Subset("a", "solo"))
    collection.subsets.change("a", lambda _: Subset("b", "solo"))
    collection.subsets.save(Subset("a", "1girl"))
    renamed, made = collection.history()[1].id, newest(collection).id
    undone = collection.undo(commit=renamed)
    assert undone is not None
    assert undone.skipped_values == ("name of subset b",)
    collection.subsets.remove("b")
    collection.subsets.save(Subset("b", "hat"))
    removed = collection.history()[1].id
    undone = collection.undo(commit=removed)
    assert undone is not None
    assert undone.skipped_values == ("subset b",)
    assert [each.filter for each in collection.subsets.list()] == ["1girl", "hat"]
    collection.undo()
    collection.undo(commit=removed)
    collection.undo(commit=made)
    collection.undo(commit=renamed)
    assert collection.subsets.list() == [Subset("a", "solo")]


def test_a_subset_comes_back_to_its_place(collection: Collection) -> None:
    for name in "abc":
        collection.subsets.save(Subset(name, "solo"))
    collection.subsets.remove("c")
    removed = newest(collection).id
    collection.subsets.save(Subset("d", "solo"))
    collection.undo(commit=removed)
    assert [each.name for each in collection.subsets.list()] == ["a", "b", "c", "d"]


def test_a_bucket_rule_is_one_thing(collection: Collection) -> None:
    """Halves of two rules need not be a rule."""
    set_bucket_rule(collection, BucketRule(1024, 1024, 512, 2048))
    set_bucket_rule(collection, BucketRule(1024, 1024, 512, 2048, 32))
    assert lines(collection) == [
        "bucket rule: step 64 -> 32",
        "bucket rule: width 512 -> 1024, height 512 -> 1024, min side 256 -> 512, max side 1024 -> 2048",
    ]
    undone = collection.undo(commit=collection.history()[1].id)
    assert undone is not None
    assert undone.skipped_values == ("bucket rule",)
    collection.undo()
    collection.undo(commit=collection.history()[1].id)
    assert bucket_rule(collection) == BucketRule()


def test_a_preset_of_quality_is_one_thing_with_the_name_that_is_used(collection: Collection) -> None:
    """Else one could take the preset away that a later change uses."""
    mine = {"quality": {"presets": {"mine": {"cuts": [1]}}}}
    used = {"quality": {"presets": {"mine": {"cuts": [1]}}, "preset": "mine"}}
    collection.settings.edit("tag tables", {}, mine)
    first = newest(collection).id
    collection.settings.edit("tag tables", mine, used)
    undone = collection.undo(commit=first)
    assert undone is not None
    assert undone.skipped
    assert collection.settings.get("tag tables") == used


def test_a_pick_is_one_thing(collection: Collection) -> None:
    """What a pick says of itself belongs to its images, also where two picks say the same."""
    for images, about in (({1, 2, 3}, "top 3"), ({1, 2}, "top 2"), ({2, 3}, "top 2")):
        collection.picks.save(Pick("p", BitMap(images), about))
    second = collection.history()[1].id
    undone = collection.undo(commit=second)
    assert undone is not None
    assert undone.skipped
    assert collection.picks.get("p") == Pick("p", BitMap([2, 3]), "top 2")


def test_a_setting_is_taken_back_word_by_word(collection: Collection) -> None:
    put = collection.settings.edit
    put("tag tables", {}, {"clean": {"replace": {"a": "b"}}})
    first = newest(collection).id
    put(
        "tag tables",
        {"clean": {"replace": {"a": "b"}}},
        {"clean": {"replace": {"a": "b", "c": "d"}, "drop": ["x"]}},
    )
    assert lines(collection)[0] == "tag tables: clean.replace.c (usual) -> 'd', clean.drop (usual) -> [\"x\"]"
    collection.undo(commit=first)
    assert collection.settings.get("tag tables") == {"clean": {"replace": {"c": "d"}, "drop": ["x"]}}
    collection.undo()
    assert collection.settings.get("tag tables") == {}
    collection.redo(commit=first)
    assert collection.settings.get("tag tables") == {"clean": {"replace": {"a": "b"}}}


def test_saved_filters_picks_and_aliases_come_back(collection: Collection) -> None:
    collection.saved_filters.save(SavedFilter("good", "solo"))
    collection.saved_filters.save(SavedFilter("good", "1girl"))
    collection.saved_filters.remove("good")
    collection.picks.save(Pick("half", BitMap([1, 3]), "drawn"))
    collection.picks.save(Pick("half", BitMap([2]), "drawn anew"))
    collection.picks.remove("half")
    collection.aliases.put([("girl", "1girl"), ("alone", "solo")])
    assert lines(collection) == [
        "alias 'girl' added: 1girl; alias 'alone' added: solo",
        "pick half removed",
        "pick half: 1 image in place of 2",
        "pick half: 2 images",
        "saved filter 'good' removed",
        "saved filter 'good': filter 'solo' -> '1girl'",
        "saved filter 'good' added: solo",
    ]
    other = Collection.open(collection.folder)
    assert [alias for _, alias in other.find_tags("girl")] == ["girl"] or other.find_tags("alone")[0][
        1
    ] == "alone"
    collection.undo()
    assert all(not alias for _, alias in other.find_tags("alone"))
    collection.undo()
    assert collection.picks.list() == [Pick("half", BitMap([2]), "drawn anew")]
    collection.undo()
    assert collection.picks.list() == [Pick("half", BitMap([1, 3]), "drawn")]
    collection.undo()
    collection.undo()
    assert collection.saved_filters.list() == [SavedFilter("good", "1girl")]
    collection.undo()
    assert collection.saved_filters.list() == [SavedFilter("good", "solo")]
    collection.undo()
    assert collection.saved_filters.list() == collection.picks.list() == []


def test_edits_made_as_one_are_taken_back_as_one(collection: Collection) -> None:
    with collection.grouped("pick"):
        collection.picks.save(Pick("half", BitMap([1, 3]), "drawn"))
        collection.subsets.save(Subset("half", "picked:half"))
        marked = collection.apply(SetMark(1), [1, 3])
    assert (marked.id, marked.images_changed) == (0, 2)
    assert lines(collection) == ["pick: pick half: 2 images; subset half added: picked:half; mark keep"]
    assert newest(collection).images_changed == 2
    collection.undo()
    assert collection.subsets.list() == collection.picks.list() == []
    assert [row.mark for row in collection.rows([1, 3])] == [0, 0]
    collection.redo()
    assert [row.mark for row in collection.rows([1, 3])] == [1, 1]


def test_one_that_fails_leaves_none_of_it(collection: Collection) -> None:
    def save_both() -> None:
        with collection.grouped():
            collection.subsets.save(Subset("a", "solo"))
            collection.subsets.save(Subset("b", "solo", repeats=-1))

    with pytest.raises(UserError):
        save_both()
    assert collection.subsets.list() == []
    assert collection.history() == []
    collection.subsets.save(Subset("c", "solo"))
    assert lines(collection) == ["subset c added: solo"]


def test_tags_that_may_wait_are_no_part_of_another_edit(collection: Collection) -> None:
    with pytest.raises(RuntimeError), collection.grouped():
        collection.apply(AddTags(("new",)))
    assert collection.tag_names([1]) == [("1girl", "solo")]


def test_nothing_to_do_keeps_nothing(collection: Collection) -> None:
    collection.subsets.save(Subset("a", "solo"))
    collection.subsets.save(Subset("a", "solo"))
    set_bucket_rule(collection, BucketRule())
    assert not collection.subsets.remove("nobody")
    assert not collection.picks.remove("nobody")
    assert not collection.saved_filters.remove("nobody")
    with collection.grouped("nothing"):
        pass
    assert lines(collection) == ["subset a added: solo"]


def test_it_goes_on_after_a_restart_a_rebuild_and_from_another_process(collection: Collection) -> None:
    other = Collection.open(collection.folder)
    collection.subsets.save(Subset("a", "solo", 2))
    other.subsets.save(Subset("a", "solo", 3))
    other.apply(AddTags(("new",)))
    collection.rebuild()
    assert collection.check() == []
    again = Collection.open(collection.folder)
    again.undo(commit=again.history()[1].id)
    assert collection.subsets.list()[0].repeats == other.subsets.list()[0].repeats == 2
    other.redo()
    assert collection.subsets.list()[0].repeats == 3
    assert other.check() == []


def test_names_that_no_terminal_should_see_are_shown_as_escapes(collection: Collection) -> None:
    collection.saved_filters.save(SavedFilter("\x1b[31mred", "solo\n"))
    assert lines(collection) == ["saved filter '\\x1b[31mred' added: solo\\x0a"]


def test_a_subset_of_older_rules_says_only_what_was_changed(collection: Collection) -> None:
    """Rules that came with a later version are not told as changes."""
    collection.subsets.save(Subset("a", "solo"))
    with collection.writing():
        collection._database.connection.execute(
            """UPDATE subset SET rules='{"shuffle": true, "keep_tags": 1}'"""
        )
    collection.subsets.save(replace(collection.subsets.list()[0], repeats=2))
    assert lines(collection)[0] == "subset a: repeats 1 -> 2"
    collection.undo()
    assert collection.subsets.list() == [Subset("a", "solo", rules=CaptionRules(shuffle=True, keep_tags=1))]


values = st.recursive(
    st.integers(0, 2) | st.lists(st.integers(0, 1), max_size=2),
    lambda inside: st.dictionaries(st.sampled_from("abc"), inside, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(before=objects, after=objects, deepest=st.integers(1, 4))
def test_what_differs_put_into_the_other_makes_them_equal(before, after, deepest) -> None:
    paths = list(differing(before, after, deepest))
    assert with_values_of(before, after, paths) == after
    assert all(len(path) <= deepest for path in paths)
    assert list(differing(after, before, deepest)) == [] or paths
