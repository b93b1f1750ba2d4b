"""What is counted about the data before a run, and that a run of millions does not wait for each file."""

from __future__ import annotations

from collections import Counter

import pytest

from curator.contract.caption.captions import CaptionRules
from curator.contract.manifest.manifest import open_manifest
from curator.contract.run.events import PhaseStarted, RunFailed, Warned
from train.data import survey as surveys
from train.data.survey import CountedManifest


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than 4 images, 3 are looked at: rows 0, 3 and 6 of 9."""
    monkeypatch.setattr(surveys, "_ALL_UP_TO", 4)
    monkeypatch.setattr(surveys, "_SOME", 3)


def counted(freeze, wanted, *, weighted: bool = False):  # type: ignore[no-untyped-def]
    with open_manifest(freeze(wanted).manifest) as manifest:
        looks = CountedManifest(manifest, weighted_captions=weighted)
        seen = list(looks.images())
        assert len(seen) == len(looks)
        return looks.survey(), list(manifest.images())


@pytest.mark.parametrize("is_sample", [False, True])
def test_totals_are_of_all_pictures(freeze, frozen, request, is_sample) -> None:
    """S070: what a manifest knows of all its images is not estimated."""
    if is_sample:
        request.getfixturevalue("sampled")
    survey, images = counted(freeze, frozen(regs=(0, 1), repeats=2.0))
    subsets, buckets = Counter(each.subset for each in images), Counter(each.bucket for each in images)
    assert survey.images == [subsets[0], subsets[1]]
    assert survey.samples == [
        sum(each.repeats for each in images if each.subset == number) for number in (0, 1)
    ]
    assert survey.bucket_images == [buckets[number] for number in range(len(survey.bucket_images))]
    for number, tags in enumerate(survey.tags):
        own = [each.parts for each in images if each.subset == number]
        counts = Counter(tag for parts in own for tag in {*parts.head, *parts.middle, *parts.tail})
        assert dict(tags) == counts
        assert [count for _, count in tags] == sorted(counts.values(), reverse=True)
    assert survey.is_sample == is_sample
    assert sum(survey.looked_at) == (3 if is_sample else 9)


def test_of_many_pictures_some_are_looked_at(sampled, make_run, work, events_of, frozen) -> None:
    """S025: and the sentences say that these are not all."""
    rules = CaptionRules(shuffle=True, trigger="(sls")
    run = make_run("length.steps=1", "text.weighted_captions=true", frozen=frozen(rules=rules, mask="file"))
    assert work(run) == 0
    events = events_of(run)
    warned = [event.what for event in events if isinstance(event, Warned)]
    assert any("(and 2 more captions of 3 looked at)" in each for each in warned)
    assert "all: 0 of 3 images looked at have a mask file; the others count whole" in warned
    (checked,) = [e for e in events if isinstance(e, PhaseStarted) and e.name == "checking images"]
    assert checked.total == 3


def test_lost_files_among_many_are_refused(sampled, make_run, work, events_of, capsys) -> None:
    """S070: where a sample shows that some are gone."""
    run = make_run("length.steps=1")
    for file in (run.path.parents[1] / "pictures").glob("*.png"):
        file.unlink()
    assert work(run) == 3
    (failed,) = [event for event in events_of(run) if isinstance(event, RunFailed)]
    assert failed.what.endswith(": it is gone, and 2 more of 3 looked at are gone or changed")
