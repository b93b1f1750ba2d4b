"""A segment gives back what was written, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.proposals.answers import Answers, joined
from curator.proposals.segment import MOST_IMAGES, Segment, write_segment
from tests.proposals.made_answers import answers, as_rows

FLOATS = st.floats(0, 4, width=32)


ROWS = st.dictionaries(
    st.integers(0, 2**64 - 1), st.dictionaries(st.integers(0, 40), FLOATS, max_size=12), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.floats(0, 1, width=32))
def test_what_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: dict, threshold: float
) -> None:
    path = tmp_path_factory.mktemp("segment") / "1.segment"
    write_segment(path, answers(rows), [3, 7])
    segment = Segment.open(path)
    assert not {3, 7} & {*segment.labels.tolist()}
    assert segment.check() is None
    assert as_rows(segment.answers()) == rows
    assert segment.contents.tolist() == sorted(rows)
    mask = segment.above(np.full(len(segment.labels), threshold, np.float32))
    assert mask.tolist() == (segment.values() > np.float32(threshold)).tolist()


def test_a_full_segment_of_a_tagger_takes_under_4_75_bytes_a_value(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    per_image, labels = 60, 10_861
    weight = 1 / np.arange(1, labels - 3)
    counts = random.poisson(per_image, MOST_IMAGES)
    rows = [
        np.unique(random.choice(labels - 4, count, p=weight / weight.sum())) + 4 for count in counts.tolist()
    ]
    rows = [np.concatenate([np.arange(4), row]) for row in rows]
    every = np.concatenate(rows).astype(np.uint32)
    values = (0.05 + 0.95 * random.random(len(every)) ** 3).astype(np.float32)
    contents = random.integers(0, 2**64, MOST_IMAGES, dtype=np.uint64)
    many = Answers(contents, np.array([len(row) for row in rows], np.int64), every, values)
    path = tmp_path / "1.segment"
    write_segment(path, many, range(4))
    assert path.stat().st_size < 4.75 * len(values)
    segment = Segment.open(path)
    assert segment.whole_labels.tolist() == [0, 1, 2, 3]
    order = np.argsort(contents)
    again = segment.answers()
    assert np.array_equal(again.values.view(np.uint32), many.taken(order).values.view(np.uint32))


def test_bounds_of_distances(tmp_path: Path) -> None:
    rows = {
        content: {1: 0.5} if content in (0, 127, 128, MOST_IMAGES - 1) else {}
        for content in range(MOST_IMAGES)
    }
    rows[5] = {2: 0.25}
    write_segment(tmp_path / "s", answers(rows))
    segment = Segment.open(tmp_path / "s")
    assert segment.slots.tolist() == [0, 127, 128, MOST_IMAGES - 1, 5]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (answers({1: {1: float("nan")}}), "no number from 0"),
        (answers({1: {1: -0.5}}), "no number from 0"),
        (joined([answers({1: {1: 0.5}}), answers({1: {1: 0.5}})]), "twice"),
    ],
)
def test_what_no_model_says_is_refused(tmp_path: Path, wrong: Answers, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        write_segment(tmp_path / "s", wrong)
    assert not (tmp_path / "s").exists()


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "s"
    write_segment(path, answers({1: {1: 0.5, 2: 0.75}, 2: {1: 0.125}}))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match="more or less"):
        Segment.open(path)
    path.write_bytes(b"{}\n")
    with pytest.raises(ValueError, match="no segment"):
        Segment.open(path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert Segment.open(path).check() == "it is not what was written"
