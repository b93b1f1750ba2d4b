from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curator.contract.buckets import BucketRule, place
from curator.contract.epoch_plan import LEFTOVERS, EpochPlan
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.recipe import BatchSize
from curator.freeze.members import FreezeSpec
from curator.index.tables.rows import Subset
from tests.freeze.conftest import PICTURES, Maker, Picture
from tests.freezing import freeze, members_of, preview_of


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(40, 900), st.integers(40, 900), st.booleans()), min_size=1, max_size=25),
    st.tuples(st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([1.0, 1.5, 3.0])),
    st.integers(1, 5),
    st.sampled_from(LEFTOVERS),
    st.booleans(),
)
def test_the_preview_is_what_is_frozen(
    collect: Maker,
    pictures: list[tuple[int, int, bool]],
    repeats: tuple[float, float],
    size: int,
    leftovers: str,
    upscale: bool,
) -> None:
    """S037, B14: steps, samples and loads shown before equal those of the manifest's own epoch plan."""
    import uuid

    named = (
        Picture(f"{i:03}.png", (w, h), ("cat",) if cat else ()) for i, (w, h, cat) in enumerate(pictures)
    )
    collection = collect(named, uuid.uuid4().hex)
    spec = FreezeSpec(
        BucketRule(256, 256, 128, 512, 64, upscale),
        (Subset("cats", "cat", repeats[0]), Subset("rest", "", repeats[1])),
    )
    members = members_of(collection, spec)
    shown = preview_of(collection, spec, BatchSize(size=size, leftovers=leftovers))  # type: ignore[arg-type]
    if not shown.samples_per_epoch:
        return
    frozen = freeze(collection, spec, members, collection.folder / "m.manifest")
    with open_manifest(frozen.path) as manifest:
        plan = EpochPlan(manifest.spans, size, 1, leftovers)  # type: ignore[arg-type]
        assert shown.steps_per_epoch == plan.batches(0)
        assert shown.samples_per_epoch == plan.samples_per_epoch == frozen.samples_per_epoch
        assert {load.bucket: load.batches for load in shown.buckets} == {
            manifest.header.buckets[bucket]: batches for bucket, batches in plan.bucket_batches(0).items()
        }
        for image in manifest.images():
            assert image.placement == place(image.size, spec.rule)
            assert manifest.header.buckets[image.bucket] == image.placement.bucket
    assert shown.images == frozen.images
    assert sum(share.steps for share in shown.subsets) == pytest.approx(shown.steps_per_epoch)
    assert sum(share.share for share in shown.subsets) == pytest.approx(1.0)


def test_more_repeats_make_more_steps(collect: Maker) -> None:
    """B14: fractional repeats, and the steps they cause."""
    collection = collect(PICTURES)

    def steps(repeats: float) -> int:
        spec = FreezeSpec(BucketRule(), (Subset("cats", "cat", repeats), Subset("rest", "")))
        return preview_of(collection, spec, BatchSize(size=1)).steps_per_epoch

    assert [steps(repeats) for repeats in (0.0, 0.5, 1.0, 2.5)] == [4, 5, 6, 9]


def test_shares_add_up(collect: Maker) -> None:
    collection = collect(PICTURES)
    spec = FreezeSpec(BucketRule(), (Subset("cats", "cat", 3.0), Subset("rest", "")))
    shown = preview_of(collection, spec, BatchSize(size=2))
    assert [(share.samples, share.share) for share in shown.subsets] == [(6, 0.6), (4, 0.4)]
    assert {load.bucket: load.short_by for load in shown.buckets}[(512, 512)] == 1
