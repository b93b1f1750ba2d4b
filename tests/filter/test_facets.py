"""Common tags among the images of a filter: exact by rows and by bitmaps, near in a sample. Row B03."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from curator.filter import facets
from curator.filter.cancel import Cancelled
from curator.filter.evaluate import select
from curator.filter.facets import exact_facets, sample_facets
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from tests.images import NewImage, add_images

COUNT = 1500


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    made = Collection.create(tmp_path_factory.mktemp("facets"))
    rng = np.random.default_rng(3)
    with made.writing():
        root = made.images.root("/p")
    drawn = [{f"t{k}" for k in rng.zipf(1.4, 12) if k < 400} for _ in range(COUNT)]
    facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
    add_images(made, [NewImage(root, f"{k}", facts, tuple(sorted(tags))) for k, tags in enumerate(drawn)])
    return made


def expected(collection: Collection, text: str, limit: int) -> list[int]:
    counts = Counter(tag for tags in collection.tag_names(select(collection, text).ids) for tag in tags)
    return sorted(counts.values(), reverse=True)[:limit]


@pytest.mark.parametrize("text", ["", "t1", "t2 -t1", "t3 t4", "t399", "nothing"])
@pytest.mark.parametrize(("rows", "left"), [(0, 0), (0, 10_000), (60_000, 0)])
def test_exact_counts(
    collection: Collection, text: str, rows: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By bitmaps, with a further draw and without, and row by row."""
    monkeypatch.setattr(facets, "_ROWS_A_CHUNK", rows)
    monkeypatch.setattr(facets, "SAMPLE", 150)
    monkeypatch.setattr(facets, "_MORE", 150 if not left else 0)
    monkeypatch.setattr(facets, "_LEFT", left)
    monkeypatch.setattr(facets, "_PIECE", 200)
    images = select(collection, text).bitmap()
    found = exact_facets(collection, images, 20)
    assert found.exact
    assert found.images == len(images)
    assert [facet.images for facet in found.tags] == expected(collection, text, 20)
    for facet in found.tags:
        assert facet.images == len(images & collection.bitmaps.of(facet.tag.id))
    order = [(-facet.images, facet.tag.id) for facet in found.tags]
    assert order == sorted(order)


def test_what_is_rare_in_the_draw_is_not_counted(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "_ROWS_A_CHUNK", 0)
    monkeypatch.setattr(facets, "SAMPLE", 600)
    monkeypatch.setattr(facets, "_MORE", 400)
    counted: list[int] = []
    count = collection.bitmaps.count_within
    monkeypatch.setattr(
        collection.bitmaps, "count_within", lambda tag, images: counted.append(tag) or count(tag, images)
    )
    found = exact_facets(collection, select(collection, "").bitmap(), 3)
    assert [facet.images for facet in found.tags] == expected(collection, "", 3)
    assert 3 <= len(counted) == len(set(counted)) < 10


def test_further_draws_take_none_twice(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "SAMPLE", 500)
    images = select(collection, "").bitmap()
    draw = facets._Draw(collection, images, 5)
    draw.more(COUNT)  # what is left, and no more
    exact = exact_facets(collection, images, 0)
    assert {facet.tag.id: facet.images for facet in exact.tags} == {
        int(tag): int(draw.counts[tag]) for tag in np.flatnonzero(draw.counts)
    }


@pytest.mark.parametrize("share", [0.01, 0.06, 0.4, 0.97])
def test_a_tag_is_left_out_only_where_that_is_all_but_certain(share: float) -> None:
    """The chance to see so few of a tag that is as common as the last one listed, summed term by term."""
    drawn, limit = 2000, 50
    rare = facets._too_rare(share, limit, drawn)
    chance = sum(
        math.exp(
            math.lgamma(drawn + 1) - math.lgamma(k + 1) - math.lgamma(drawn - k + 1)
            + k * math.log(share) + (drawn - k) * math.log(1 - share)
        )
        for k in range(rare + 1)
    )  # fmt: skip
    assert chance * limit < 1e-12
    assert rare < share * drawn - 5 * math.sqrt(drawn * share * (1 - share)) or rare == -1
    assert (rare > 0) == (share > 0.02)


def test_a_sample_is_near_and_says_so(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "SAMPLE", 500)
    images = select(collection, "").bitmap()
    sample = sample_facets(collection, images, 5)
    exact = exact_facets(collection, images, 5)
    assert not sample.exact
    assert sample.tags[0].tag.name == exact.tags[0].tag.name
    assert abs(sample.tags[0].images - exact.tags[0].images) < 0.1 * COUNT
    assert sample_facets(collection, select(collection, "t40").bitmap()).exact


def test_an_edit_that_waits_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curator.index.editing.fold.AT_ONCE", 0)
    made = Collection.create(tmp_path)
    with made.writing():
        root = made.images.root("/p")
    facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
    add_images(made, [NewImage(root, f"{k}", facts, ("a",)) for k in range(30)])
    made.apply(AddTags(("b",)), range(1, 21))
    for _ in range(2):
        found = exact_facets(made, select(made, "").bitmap())
        assert [(facet.tag.name, facet.images) for facet in found.tags] == [("a", 30), ("b", 20)]
        made.fold()


def test_counting_taken_back_ends(collection: Collection) -> None:
    with pytest.raises(Cancelled):
        exact_facets(collection, select(collection, "").bitmap(), 5, lambda: True)
