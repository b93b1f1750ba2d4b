"""Scores of models: columns by name that filters, sorts and picks know (S004, S007)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.filter.language.error import FilterError
from curator.filter.language.parse import parse
from curator.filter.language.shown import shown
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.select.pick import pick
from curator.select.rules import PickRules
from tests.images import NewImage, add_images


def facts(name: str) -> FileFacts:
    return FileFacts(hashlib.sha256(name.encode()).digest(), 1000, 1, 64, 64, "png")


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path)
    with made.writing():
        root = made.images.root(str(tmp_path))
        add_images(made, [NewImage(root, f"{k}.png", facts(str(k))) for k in range(1, 7)])
    made.scores.write("cafe-aesthetic", [(1, 0.9), (2, 0.1), (3, 0.9), (4, -2.5)])
    return made


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("score(cafe-aesthetic)>=0.9", [1, 3]),
        ("score(cafe-aesthetic)>0.9", []),
        ("SCORE(Cafe-Aesthetic):0.1", [2]),
        ("score(cafe-aesthetic):-3..0.5", [2, 4]),
        ("-score(cafe-aesthetic)>=0.5", [2, 4, 5, 6]),
        ("score(cafe-aesthetic):none", [5, 6]),
        ("score(cafe-aesthetic)!=none", [1, 2, 3, 4]),
        ("(score(cafe-aesthetic)<0 OR id:1)", [1, 4]),
        ("sort:-score(cafe-aesthetic)", [1, 3, 2, 4, 5, 6]),
        ("sort:score(cafe-aesthetic) limit:2", [4, 2]),
    ],
)
def test_filters_and_sorts(collection: Collection, text: str, ids: list[int]) -> None:
    """S007: a threshold is a filter, so another one needs no model."""
    assert select(collection, text).ids.tolist() == ids


def test_a_score_nobody_gave_offers_the_nearest(collection: Collection) -> None:
    with pytest.raises(UserError) as error:
        select(collection, "score(cafe_aesthetic)>1")
    assert "cafe-aesthetic" in error.value.hint
    for text in ("score()>1", "score(a b)>1", "sort:score()"):
        with pytest.raises(FilterError):
            select(collection, text)


def test_a_tag_in_brackets_is_still_a_tag(collection: Collection) -> None:
    assert select(collection, "score_(music)").unknown_tags == ("score_(music)",)


def test_written_as_typed() -> None:
    for text in ("score(a.b-c_1)>=0.5", "fav:none", "score(x)!=none"):
        where = parse(text).where
        assert where is not None
        assert parse(shown(where)).where == where


def test_a_changed_file_has_no_score_until_it_is_measured_again(collection: Collection) -> None:
    """S007: a score belongs to the content it was made of."""
    with collection.writing():
        collection.images.update_files([(1, facts("other"))])
    assert select(collection, "score(cafe-aesthetic)>=0.9").ids.tolist() == [3]
    collection.scores.write("cafe-aesthetic", [(1, 0.95)])
    assert select(collection, "score(cafe-aesthetic)>=0.9").ids.tolist() == [1, 3]
    with collection.writing():
        collection.images.update_files([(1, facts("1"))])
    assert np.isnan(collection.scores.of("cafe-aesthetic")[1])


def test_values_are_replaced_seen_elsewhere_and_kept_by_a_rebuild(
    collection: Collection, tmp_path: Path
) -> None:
    with Collection.open(tmp_path) as other:
        assert other.scores.of("cafe-aesthetic")[2] == 0.1
        collection.scores.write("cafe-aesthetic", [(2, 0.2)])
        collection.scores.write("b", [(6, 1.0)])
        assert other.scores.of("cafe-aesthetic")[2] == 0.2
        assert other.scores.names() == ["b", "cafe-aesthetic"]
    collection.rebuild()
    assert collection.check() == []
    assert collection.scores.of_image(2) == {"cafe-aesthetic": 0.2}
    assert collection.scores.remove("b")
    assert not collection.scores.remove("b")
    with pytest.raises(UserError):
        collection.scores.of("b")


def test_the_scores_of_one_image_are_those_of_the_column(collection: Collection) -> None:
    collection.scores.write("b", [(6, 1.0), (1, -2.0)])
    with collection.writing():
        collection.images.update_files([(3, facts("other"))])
    found = [collection.scores.of_image(image) for image in range(8)]
    columns = {name: collection.scores.of(name, 8) for name in collection.scores.names()}
    said = [
        {name: values[image] for name, values in columns.items() if not np.isnan(values[image])}
        for image in range(8)
    ]
    assert found == said == [
        {}, {"b": -2.0, "cafe-aesthetic": 0.9}, {"cafe-aesthetic": 0.1}, {}, {"cafe-aesthetic": -2.5}, {}, {"b": 1.0},
        {},
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "A", "a b", "a)", "é", "-a", "x" * 65])
def test_names_that_cannot_stand_in_a_filter(collection: Collection, name: str) -> None:
    with pytest.raises(UserError):
        collection.scores.write(name, [(1, 1.0)])


def test_a_pick_by_score(collection: Collection) -> None:
    """S004: best first, and what has no score leaves for that."""
    picked = pick(collection, PickRules(by="score(cafe-aesthetic)", top=2))
    assert picked.ids.tolist() == [1, 3]
    assert dict(picked.funnel)["no score(cafe-aesthetic) known"] == 2
    with pytest.raises(UserError):
        PickRules(by="scores")
    with pytest.raises(UserError):
        pick(collection, PickRules(by="score(none)", top=2))
