"""A tag however it is spelled: case, underscores, composed letters; not the faces of row S015."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.filter.evaluate import select
from curator.index.changes.edits import AddAndRemoveTags, AddTags, Edit, RemoveTags, RenameTag, SetClass
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tags.tag_names import each_once, folded
from tests.images import NewImage, add_images

COMPOSED, DECOMPOSED = "caf\u00e9 au lait", "cafe\u0301_au_lait"


def collection_of(folder: Path, rows: list[tuple[str, ...]]) -> Collection:
    made = Collection.create(folder)
    with made.writing():
        root = made.images.root("/p")
    facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
    add_images(made, [NewImage(root, f"{k}", facts, tags) for k, tags in enumerate(rows)])
    return made


def tags_of(collection: Collection) -> list[tuple[str, ...]]:
    return collection.tag_names(list(collection.images.alive()))


def changed(collection: Collection, edit: Edit, ids: list[int] | None = None) -> int:
    """How many images an edit changes; the preview said so before."""
    expected = collection.preview(edit, ids)
    assert collection.apply(edit, ids).images_changed == expected
    assert collection.check() == []
    return expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("long_hair", "long hair"),
        ("Long Hair", "long_hair"),
        ("a__b_c", "a b c"),
        (COMPOSED, DECOMPOSED),
        ("STRASSE_X", "stra\u00dfe x"),
        ("O_O", "o_o"),
        ("(O)_(o)", "(o)_(o)"),
    ],
)
def test_the_same_tag(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert each_once([one, "x", other]) == (one, "x")


@pytest.mark.parametrize(
    ("one", "other"), [("o_o", "o o"), (">_<", "> <"), ("||_||", "|| ||"), ("a_b", "a b"), ("hair", "hairs")]
)
def test_other_tags(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_a_tag_is_added_as_the_collection_spells_it_and_never_beside_itself(tmp_path: Path) -> None:
    collection = collection_of(tmp_path, [("long_hair",), ("long_hair", "solo"), ("Long hair",), ("solo",)])
    assert changed(collection, AddTags(("long hair", "LONG_hair"))) == 1
    assert tags_of(collection)[3] == ("solo", "long_hair")
    assert changed(collection, AddTags(("New Tag", "new_tag")), [1]) == 1
    assert tags_of(collection)[0] == ("long_hair", "New Tag")
    assert (
        changed(collection, AddAndRemoveTags((("Solo", BitMap([1, 2])),), (("long hair", BitMap([2, 3])),)))
        == 3
    )
    assert tags_of(collection)[:3] == [("long_hair", "New Tag", "solo"), ("solo",), ()]


def test_a_spelling_no_picture_has_gives_way_to_one_that_is_used(tmp_path: Path) -> None:
    collection = collection_of(tmp_path, [("long_hair",), ("solo",)])
    collection.apply(AddTags(("blue eyes",)), [1])
    collection.apply(RenameTag("blue eyes", "long hair"), [1])
    assert changed(collection, AddTags(("long hair",)), [2]) == 1
    assert tags_of(collection) == [("long_hair",), ("solo", "long_hair")]


def test_every_spelling_is_taken_away_and_given_a_class(tmp_path: Path) -> None:
    collection = collection_of(tmp_path, [("long_hair", "Long Hair"), ("long hair",), (DECOMPOSED,)])
    collection.apply(SetClass(("LONG hair",), "look"))
    assert {tag.cls for tag in collection.all_tags() if folded(tag.name) == "long hair"} == {"look"}
    assert changed(collection, RemoveTags(("Long_Hair", COMPOSED))) == 3
    assert tags_of(collection) == [(), (), ()]
    collection.undo()
    assert tags_of(collection) == [("long_hair", "Long Hair"), ("long hair",), (DECOMPOSED,)]


def test_a_rename_spells_a_tag_anew_and_merges_its_spellings(tmp_path: Path) -> None:
    rows = [("a", "long_hair", "b"), ("long hair", "long_hair"), ("Long_hair", "c"), ("long hair",)]
    collection = collection_of(tmp_path, rows)
    collection.apply(SetClass(("long hair",), "look"))
    assert changed(collection, RenameTag("long hair", "long hair")) == 3
    assert tags_of(collection) == [
        ("a", "long hair", "b"),
        ("long hair",),
        ("long hair", "c"),
        ("long hair",),
    ]
    collection.undo()
    assert tags_of(collection) == rows
    assert changed(collection, RenameTag("LONG HAIR", "hair down")) == 4
    assert tags_of(collection) == [
        ("a", "hair down", "b"),
        ("hair down",),
        ("hair down", "c"),
        ("hair down",),
    ]
    assert collection.tags.find("hair down").cls == "look"
    collection.undo()
    assert tags_of(collection) == rows
    assert changed(collection, RenameTag("b", "Long_Hair"), [1]) == 1
    assert tags_of(collection)[0] == ("a", "long_hair")


def test_filter_and_look_up_find_every_spelling(tmp_path: Path) -> None:
    rows = [("long_hair",), ("Long hair",), (DECOMPOSED,), ("o_o",), ("o brother",), ("a_b",)]
    collection = collection_of(tmp_path, rows)

    def found(text: str) -> list[int]:
        return select(collection, text).ids.tolist()

    assert found("long_hair") == found("LONG_HAIR") == found("long_h*") == [1, 2]
    assert found(f'"{COMPOSED}"') == found("caf\u00e9_*") == found("cafe\u0301_*") == [3]
    assert found("o_o") == found("general:O_O") == [4]
    assert found("o_*") == [4, 5]
    assert found("a_b") == [6]
    assert found(f'general:"{COMPOSED}"') == [3]
    assert [tag.name for tag, _ in collection.find_tags("long_")] == ["long_hair", "Long hair"]
    assert [tag.name for tag, _ in collection.find_tags("g_h")] == ["long_hair", "Long hair"]
    assert [tag.name for tag, _ in collection.find_tags(COMPOSED[:4])] == [DECOMPOSED]
    collection.aliases.put([("hime", "LONG HAIR")])
    assert [(tag.name, alias) for tag, alias in collection.find_tags("hime")] == [("long_hair", "hime")]


SPELLED = ["long_hair", "Long hair", "long hair", "o_o", "O_O", "o o", "solo"]
rows = st.lists(
    st.lists(st.sampled_from(SPELLED), unique=True, max_size=4).map(tuple), min_size=1, max_size=4
)
edits = st.one_of(
    st.lists(st.sampled_from(SPELLED), min_size=1, max_size=2, unique=True).map(
        lambda names: AddTags(tuple(names))
    ),
    st.sampled_from(SPELLED).map(lambda name: RemoveTags((name,))),
    st.tuples(st.sampled_from(SPELLED), st.sampled_from(SPELLED)).map(lambda pair: RenameTag(*pair)),
)


@settings(max_examples=60, deadline=None)
@given(rows, st.lists(st.tuples(edits, st.sets(st.integers(1, 4), min_size=1)), min_size=1, max_size=4))
def test_no_edit_makes_a_second_spelling_and_undo_gives_all_back(
    rows: list[tuple[str, ...]], made: list[tuple[Edit, set[int]]]
) -> None:
    folder = Path(tempfile.mkdtemp())
    with collection_of(folder, rows) as collection:
        states = [tags_of(collection)]
        for edit, ids in made:
            before = states[-1]
            expected = collection.preview(edit, list(ids))
            done = collection.apply(edit, list(ids))
            assert done.images_changed == expected
            after = tags_of(collection)
            for old, new in zip(before, after, strict=True):
                keys = [folded(tag) for tag in new]
                assert len(keys) - len(set(keys)) <= len(old) - len({folded(tag) for tag in old})
            if done.id:
                states.append(after)
        for state in reversed(states[:-1]):
            collection.undo()
            assert tags_of(collection) == state
        assert collection.check() == []
    shutil.rmtree(folder)
