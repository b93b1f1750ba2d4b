"""Thresholds against values worked out one by one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.contract.errors import UserError
from curator.proposals.kept_model import KeptModel
from curator.proposals.segment import Segment
from curator.proposals.thresholds import Thresholds
from tests.proposals.made_answers import ABOUT, LABELS, answers, said

JUST_ABOVE = float(np.nextafter(np.float32(0.35), np.float32(1)))


def segment_of(folder: Path, rows: dict[int, dict[str, float]]) -> Segment:
    model = KeptModel.create(folder, ABOUT)
    model.add(said(rows))
    (segment,) = model.segments()
    return segment


def accepted(segment: Segment, thresholds: Thresholds) -> dict[int, set[str]]:
    names = list(LABELS)
    found: dict[int, set[str]] = {}
    for place in np.flatnonzero(thresholds.accepted(segment, ABOUT)).tolist():
        label = int(np.repeat(segment.labels, segment.arrays["counts"])[place])
        found.setdefault(int(segment.contents[segment.slots[place]]), set()).add(names[label])
    return found


def test_a_value_must_be_strictly_greater_as_float32(tmp_path: Path) -> None:
    """S029: 0.35 is not above 0.35; the next float32 is."""
    segment = segment_of(tmp_path, {1: {"smile": 0.35, "1girl": JUST_ABOVE, "hakurei_reimu": 0.85}})
    assert accepted(segment, Thresholds()) == {1: {"1girl"}}
    assert accepted(segment, Thresholds(general=0.3)) == {1: {"1girl", "smile"}}
    assert accepted(segment, Thresholds(character=0.8)) == {1: {"1girl", "hakurei_reimu"}}
    assert accepted(segment, Thresholds(general=1.0, character=1.0)) == {}


def test_the_zoo_has_a_say_of_each_class() -> None:
    about = replace(ABOUT, thresholds={"general": 0.5, "copyright": 0.7})
    assert Thresholds().of_classes(about) == {"general": 0.5, "character": 0.85}
    assert Thresholds(general=0.2).of_classes(about) == {"general": 0.2, "character": 0.85}


@pytest.mark.parametrize("value", [0.01, 1.5, -1.0])
def test_thresholds_below_what_is_kept_are_refused(value: float) -> None:
    with pytest.raises(UserError, match="a threshold of"):
        Thresholds(general=value)


def mcut(values: list[float]) -> float:
    """As Largeron et al. have it, of values down to the floor."""
    ordered = [*sorted(map(np.float32, values), key=float, reverse=True), np.float32(0.05)]
    gaps = [first - second for first, second in itertools.pairwise(ordered)]
    widest = gaps.index(max(gaps))
    return float((ordered[widest] + ordered[widest + 1]) / 2)


VALUES = st.lists(st.floats(0.0625, 1, width=32), max_size=7)


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_maximum_cut_by_its_definition(
    tmp_path_factory: pytest.TempPathFactory, images: list[list[float]]
) -> None:
    rows = {
        content: {4 + n: value for n, value in enumerate(values)} for content, values in enumerate(images)
    }
    about = replace(ABOUT, classes=("rating",) * 4 + ("general",) * 8)
    model = KeptModel.create(tmp_path_factory.mktemp("m"), about)
    model.add(answers(rows))
    (segment,) = model.segments()
    mask = Thresholds(mcut=True).accepted(segment, model.about)
    found = {(int(segment.slots[p]), float(segment.values()[p])) for p in np.flatnonzero(mask).tolist()}
    expected = {
        (content, value) for content, values in enumerate(images) for value in values if value > mcut(values)
    }
    assert found == expected


def test_maximum_cut_of_characters_is_at_least_0_15(tmp_path: Path) -> None:
    segment = segment_of(
        tmp_path,
        {1: {"hakurei_reimu": 0.14, "smile": 0.1, "1girl": 0.9}, 2: {"hakurei_reimu": 0.6, "hair": 0.2}},
    )
    assert accepted(segment, Thresholds(mcut=True)) == {1: {"1girl"}, 2: {"hakurei_reimu", "hair"}}
    assert accepted(segment, Thresholds(mcut=True, character=0.7)) == {1: {"1girl"}, 2: {"hair"}}
