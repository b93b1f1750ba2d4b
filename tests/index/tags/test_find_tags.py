"""Tags by any part of their name or of an alias, with counts and classes. Row B15; popularity counts, row S008."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.index.changes.edits import AddTags, RenameTag, SetClass
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tags.tag_lookup import TagLookup
from curator.index.tags.tag_names import folded
from tests.images import NewImage, add_images

ROWS = [
    ("1girl", "long_hair", "Saber (Fate)"),
    ("1girl", "long_hair"),
    ("1girl", "hair ribbon", "very long hair"),
    ("chair",),
]


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path)
    with made.writing():
        root = made.images.root("/p")
    facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
    add_images(made, [NewImage(root, f"{k}", facts, tags) for k, tags in enumerate(ROWS)])
    return made


def names(collection: Collection, typed: str, limit: int = 20) -> list[str]:
    return [tag.name for tag, _ in collection.find_tags(typed, limit)]


def test_tags_that_hold_a_sign(collection: Collection) -> None:
    def holding(signs: str) -> list[str]:
        with collection.reading():
            return sorted(name for _, name in collection.tags.holding(signs))

    assert holding("()[]") == ["Saber (Fate)"]
    assert holding("_") == ["long_hair"]  # a sign of its own, no pattern
    assert holding("{") == holding("*") == []


def test_starts_come_before_words_before_parts(collection: Collection) -> None:
    assert names(collection, "hair") == ["hair ribbon", "long_hair", "very long hair", "chair"]
    assert names(collection, "LONG_H") == ["long_hair", "very long hair"]
    assert names(collection, "(f") == ["Saber (Fate)"]
    assert names(collection, "zzz") == []
    assert names(collection, "", 2) == ["1girl", "long_hair"]


def test_counts_and_classes_are_those_of_now(collection: Collection) -> None:
    assert [(tag.count, tag.cls) for tag, _ in collection.find_tags("saber")] == [(1, "general")]
    collection.apply(SetClass(("Saber (Fate)",), "character"))
    collection.apply(AddTags(("Saber (Fate)",)))
    assert [(tag.count, tag.cls) for tag, _ in collection.find_tags("saber")] == [(4, "character")]
    collection.apply(RenameTag("chair", "armchair"))
    assert names(collection, "armch") == ["armchair"]


def test_tags_nobody_has_are_left_out(collection: Collection) -> None:
    collection.apply(AddTags(("brief",)), [1])
    collection.undo()
    assert names(collection, "brief") == []


def test_aliases_find_their_tag_and_are_named(collection: Collection) -> None:
    collection.aliases.put([("artoria", "Saber (Fate)"), ("nobody", "no such tag"), ("girl one", "1girl")])
    found = collection.find_tags("arto")
    assert [(tag.name, alias) for tag, alias in found] == [("Saber (Fate)", "artoria")]
    assert [(tag.name, alias) for tag, alias in collection.find_tags("1g")] == [("1girl", "")]
    other = Collection.open(collection.folder)
    assert names(other, "nobody") == []
    other.aliases.remove(["artoria"])
    assert names(collection, "arto") == []


def test_letters_of_any_script_make_words() -> None:
    """A word begins behind no letter, however many bytes that takes."""
    texts = ["bé", "éb", "漢b", "漢 b", "é b", "𝒳b"]
    lookup = TagLookup(np.arange(len(texts)), "\n".join(texts), [])
    found = [texts[match.tag] for match in lookup.find("b", np.arange(len(texts), 0, -1), 9)]
    assert found == ["bé", "漢 b", "é b", "éb", "漢b", "𝒳b"]


words = st.text(alphabet="ab_ (é漢𝒳", min_size=1, max_size=5).map(str.strip).filter(bool)


@given(st.dictionaries(words, st.integers(0, 9), min_size=1, max_size=12), words)
def test_every_part_of_every_name_is_found(counts: dict[str, int], typed: str) -> None:
    numbers = {name: number for number, name in enumerate(counts)}
    names = "\n".join(folded(name) for name in numbers)
    lookup = TagLookup(np.array(list(numbers.values()), np.int64), names, [])
    found = {match.tag for match in lookup.find(typed, np.array(list(counts.values())), 99)}
    wanted = folded(typed.strip()).replace("_", " ")
    keys = {name: folded(name).replace("_", " ") for name in counts}
    assert found == {numbers[name] for name, count in counts.items() if count and wanted in keys[name]}
