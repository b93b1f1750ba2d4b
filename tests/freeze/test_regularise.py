"""kohya's rule for regularisation images (S045, S047)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.buckets import BucketRule
from curator.contract.epoch_plan import EpochPlan, Span
from curator.contract.manifest.manifest import open_manifest
from curator.freeze.members import SURPLUS, FreezeSpec
from curator.freeze.regularise import Run, Runs, regularised
from curator.index.tables.rows import Subset
from tests.freeze.conftest import Maker, Picture
from tests.freezing import freeze, members_of

Repeats = list[list[float]]  # of each image of each subset


def spread(runs: Runs) -> Repeats:
    return [[run.repeats for run in own for _ in range(run.pictures)] for own in runs]


def epoch(buckets: list[list[int]]) -> Callable[[Repeats], int]:
    """The samples of an epoch of images that stand in such buckets."""

    def samples(repeats: Repeats) -> int:
        rows: dict[tuple[int, float], int] = {}
        for own_buckets, own in zip(buckets, repeats, strict=True):
            for where in zip(own_buckets, own, strict=False):
                rows[where] = rows.get(where, 0) + 1
        return sum(Span(bucket, each, 0, count).samples for (bucket, each), count in rows.items())

    return samples


def in_one_bucket(runs: Runs) -> int:
    repeats = spread(runs)
    return epoch([[0] * len(own) for own in repeats])(repeats)


@pytest.mark.parametrize(
    ("samples", "given_runs", "meant"),
    [
        (30, [Run(60, 1)], [[Run(30, 1)]]),  # surplus is left out
        (20, [Run(8, 1)], [[Run(4, 3), Run(4, 2)]]),  # 8 + 12 more: one each, then the first four again
        (10, [Run(4, 3)], [[Run(4, 3)]]),  # the last one goes beyond
        (10, [Run(2, 1), Run(3, 2)], [[Run(2, 2)], [Run(3, 2)]]),  # 8 given, the first two once more
        (10, [Run(5, 2), Run(3, 1)], [[Run(5, 2)], []]),  # enough before the second
        (5, [Run(4, 0.5)], [[Run(3, 1.5), Run(1, 0.5)]]),
        (7, [Run(2, 0)], [[]]),
        (0, [Run(2, 1)], [[]]),
        (7, [], []),
    ],
)
def test_by_hand(samples: int, given_runs: list[Run], meant: Runs) -> None:
    assert regularised(samples, given_runs, in_one_bucket) == meant


def kohya(samples: int, runs: list[Run], shown: Callable[[Repeats], int]) -> Repeats:
    """The published loop, image by image."""
    times: list[list[int]] = [[] for _ in runs]

    def repeats() -> Repeats:
        return [[run.repeats + more for more in own] for own, run in zip(times, runs, strict=True)]

    first = True
    while shown(repeats()) < samples:
        for own, run in zip(times, runs, strict=True):
            for picture in range(run.pictures if first else len(own)):
                if first:
                    own.append(0)
                else:
                    own[picture] += 1
                if shown(repeats()) >= samples:
                    return repeats()
        first = False
    return repeats()


whole = st.lists(st.builds(Run, st.integers(1, 12), st.integers(1, 5)), min_size=1, max_size=4)
with_fractions = st.lists(
    st.builds(Run, st.integers(1, 9), st.sampled_from([0.1, 0.3, 0.5, 0.75, 1.0, 1.3, 2.5])),
    min_size=1, max_size=3,
)  # fmt: skip


@given(st.integers(0, 200), whole)
def test_it_is_the_published_loop(samples: int, runs: list[Run]) -> None:
    count = lambda repeats: int(sum(map(sum, repeats)))  # noqa: E731
    found = regularised(samples, runs, lambda runs: count(spread(runs)))
    assert spread(found) == kohya(samples, runs, count)


@given(st.integers(0, 60), with_fractions, st.data())
def test_fractions_count_as_an_epoch_rounds_them(samples: int, runs: list[Run], data: st.DataObject) -> None:
    """The first step of the loop after which an epoch shows enough."""
    buckets = [data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)) for n, _ in runs]
    shown = epoch(buckets)
    found = spread(regularised(samples, runs, lambda runs: shown(spread(runs))))
    assert found == kohya(samples, runs, shown)
    assert shown(found) >= samples


SIZES = ((512, 512), (512, 512), (768, 512), (512, 768), (512, 768), (512, 768), (512, 768))


@pytest.mark.parametrize("trained", [0.3, 0.5, 1.0, 1.7])
@pytest.mark.parametrize(("pictures", "repeats"), [(20, 1.0), (2, 1.0), (20, 0.3), (3, 0.4), (3, 1.7)])
def test_an_epoch_shows_as_many_of_either(
    collect: Maker, trained: float, pictures: int, repeats: float
) -> None:
    """S045: seven images in three buckets; no image less would be enough, and no more is."""
    named = [Picture(f"t{n}.png", size, ("fox",)) for n, size in enumerate(SIZES)]
    named += [Picture(f"c{n:02}.png", SIZES[n % 7]) for n in range(pictures)]
    collection = collect(named)
    fox, other = Subset("fox", "fox", trained), Subset("class", "", repeats, is_reg=True)
    alone = frozen_samples(collection, FreezeSpec(BucketRule(), (fox,)))
    both = frozen_samples(collection, FreezeSpec(BucketRule(), (fox, other)))
    assert alone <= both - alone <= alone + 2
    spec = FreezeSpec(BucketRule(), (fox, other))
    if repeats == 1.0 and pictures == 20:
        assert both == 2 * alone
        assert dict(members_of(collection, spec).funnel)[SURPLUS] == pictures - alone


def frozen_samples(collection, spec: FreezeSpec) -> int:  # type: ignore[no-untyped-def]
    """What an epoch of the manifest shows."""
    path = collection.folder / "m.manifest"
    freeze(collection, spec, members_of(collection, spec), path)
    with open_manifest(path) as manifest:
        plan = EpochPlan(manifest.spans, 1, 1)
        assert sum(len(batch.samples) for batch in plan.epoch(0)) == plan.samples_per_epoch
        return plan.samples_per_epoch
