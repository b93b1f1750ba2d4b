"""Counts, images by tag and tags by image, against plain loops over the same answers."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from pyroaring import BitMap

from curator.proposals import kept_model
from curator.proposals.kept_model import KeptModel
from curator.proposals.queries import ByContent, by_image, counts_by_label, images_by_label, ratings
from curator.proposals.thresholds import Thresholds
from tests.proposals.made_answers import ABOUT, LABELS, NUMBER, answers, said

NAMES = list(LABELS)


def column(contents: list[int]) -> np.ndarray:
    """Image ids begin at 1."""
    return np.array([0, *contents], np.uint64)


@pytest.mark.parametrize("mcut", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_questions_agree_with_loops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, mcut: bool
) -> None:
    monkeypatch.setattr(kept_model, "MOST_IMAGES", 8)
    draw = random.Random(seed)
    rows = {
        content: {number: float(np.float32(draw.uniform(0.06, 1))) for number in draw.sample(range(12), 6)}
        for content in draw.sample(range(1, 500), 30)
    }
    model = KeptModel.create(tmp_path, ABOUT)
    model.add(answers(rows))
    contents = [draw.choice([*rows, 1000 + n]) for n in range(60)]  # some twice, some unknown
    ids = BitMap(draw.sample(range(1, 61), 40))
    images = ByContent(ids, column(contents))
    thresholds = Thresholds(general=0.3, character=0.6) if not mcut else Thresholds(mcut=True)
    told = {each.image: each for each in by_image(model, thresholds, images)}
    assert sorted(told) == [image for image in sorted(ids) if contents[image - 1] in rows]
    assert images.unanswered(model) == ids - BitMap(told)
    tags = {image: {tag.name for tag in each.tags} for image, each in told.items()}
    for image, names in tags.items() if not mcut else ():
        row = rows[contents[image - 1]]
        limit = {"general": 0.3, "character": 0.6, "rating": 9.0}
        assert names == {NAMES[n] for n, value in row.items() if value > limit[LABELS[NAMES[n]]]}
    by_label = images_by_label(model, thresholds, images)
    counts = counts_by_label(model, thresholds, images)
    for number, name in enumerate(NAMES):
        expected = {image for image, names in tags.items() if name in names}
        assert set(by_label.get(number, ())) == expected
        assert counts[number] == len(expected)
    for image, each in told.items():
        row = {number: value for number, value in rows[contents[image - 1]].items() if number < 4}
        best = max(row, key=lambda number: row[number]) if row else None
        assert each.rating == ((NAMES[best], row[best]) if best is not None else None)
        assert best is None or image in ratings(model, images)[NAMES[best]]


def test_tags_come_by_falling_value(tmp_path: Path) -> None:
    model = KeptModel.create(tmp_path, ABOUT)
    model.add(said({7: {"smile": 0.5, "1girl": 0.9, "hair": 0.5, "hakurei_reimu": 0.95}}))
    (told,) = by_image(model, Thresholds(), ByContent(BitMap([1]), column([7])))
    assert [(tag.name, tag.cls) for tag in told.tags] == [
        ("hakurei_reimu", "character"), ("1girl", "general"), ("hair", "general"), ("smile", "general")
    ]  # fmt: skip
    assert told.rating is None
    assert NUMBER["hair"] < NUMBER["smile"]


def test_no_images_and_no_answers(tmp_path: Path) -> None:
    model = KeptModel.create(tmp_path, ABOUT)
    nothing = ByContent(BitMap(), column([7]))
    assert not counts_by_label(model, Thresholds(), nothing).any()
    model.add(answers({7: {}}))
    assert list(by_image(model, Thresholds(), nothing)) == []
    (told,) = by_image(model, Thresholds(mcut=True), ByContent(BitMap([1]), column([7])))
    assert told.tags == ()
    assert images_by_label(model, Thresholds(), ByContent(BitMap([1]), column([7]))) == {}
