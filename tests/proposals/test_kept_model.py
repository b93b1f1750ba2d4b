"""Answers are kept once, whatever is added, and in files of a bounded number of images."""

from __future__ import annotations

import multiprocessing
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curator.contract.errors import UserError
from curator.proposals import kept_model
from curator.proposals.answers import joined
from curator.proposals.kept_model import KeptModel
from tests.proposals.made_answers import ABOUT, add_one_by_one, answers, as_rows


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_model, "MOST_IMAGES", 8)


def everything(model: KeptModel) -> dict[int, dict[int, float]]:
    segments = model.segments()
    return as_rows(joined([each.answers() for each in segments])) if segments else {}


@pytest.mark.usefixtures("small_segments")
def test_parts_of_any_size_come_back_each_image_once(tmp_path: Path) -> None:
    draw = random.Random(3)
    model = KeptModel.create(tmp_path, ABOUT)
    expected: dict[int, dict[int, float]] = {}
    for _ in range(30):
        rows = {
            draw.randrange(120): {draw.randrange(12): draw.randrange(1, 9) / 8}
            for _ in range(draw.randrange(12))
        }
        new = {content: row for content, row in rows.items() if content not in expected}
        assert model.add(answers(rows)) == len(new)
        expected |= new
        assert everything(model) == expected
    sizes = [len(segment.contents) for segment in model.segments()]
    assert max(sizes) <= 8
    assert sum(size < 8 for size in sizes) <= 1
    assert everything(KeptModel.open(tmp_path)) == expected
    assert model.contents().tolist() == sorted(expected)


@pytest.mark.usefixtures("small_segments")
def test_a_kill_between_a_new_file_and_the_removal_of_what_it_replaces_doubles_nothing(
    tmp_path: Path,
) -> None:
    model = KeptModel.create(tmp_path, ABOUT)
    model.add(answers({1: {4: 0.5}, 2: {}}))
    old = (tmp_path / "000001.segment").read_bytes()
    model.add(answers({3: {5: 0.25}}))
    assert not (tmp_path / "000001.segment").exists()
    (tmp_path / "000001.segment").write_bytes(old)  # as if the process had died before it was removed
    again = KeptModel.open(tmp_path)
    assert everything(again) == {1: {4: 0.5}, 2: {}, 3: {5: 0.25}}
    again.add(answers({4: {}}))
    assert [file.name for file in sorted(tmp_path.glob("*.segment"))] == ["000003.segment"]


def test_two_processes_that_add_lose_nothing(tmp_path: Path) -> None:
    model = KeptModel.create(tmp_path, ABOUT)
    context = multiprocessing.get_context("spawn")
    both = [
        context.Process(target=add_one_by_one, args=(tmp_path, range(first, first + 30))) for first in (0, 20)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join(300)
    assert everything(model) == {content: {4: 0.5} for content in range(50)}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    model = KeptModel.create(tmp_path, ABOUT)
    model.add(answers({1: {4: 0.5}}))
    file = tmp_path / "000001.segment"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"000001\.segment is damaged"):
        KeptModel.open(tmp_path).segments()
    (tmp_path / "model.json").write_text("[")
    with pytest.raises(UserError, match="cannot be used"):
        KeptModel.open(tmp_path)


def test_the_name_it_was_asked_for_last_is_its_name(tmp_path: Path) -> None:
    KeptModel.create(tmp_path, ABOUT)
    other = KeptModel.create(tmp_path, replace(ABOUT, names=("other",)))
    assert other.about.names == ("tagger", "other")
    assert KeptModel.create(tmp_path, ABOUT).about.names == ("other", "tagger")


def test_ratings_are_kept_whole(tmp_path: Path) -> None:
    model = KeptModel.create(tmp_path, ABOUT)
    model.add(answers({2: {0: 0.01, 3: 0.9, 4: 0.5}, 1: {0: 0.75, 3: 0.125}}))
    (segment,) = model.segments()
    assert segment.whole_labels.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(segment.whole[[0, 3]], np.float32([[0.75, 0.01], [0.125, 0.9]]))
    assert np.isnan(segment.whole[1:3]).all()
