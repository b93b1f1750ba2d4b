"""Images held out for validation: by content, stable, and never trained."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.buckets import BucketRule
from curator.contract.epoch_plan import EpochPlan
from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, uniform
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.recipe import BatchSize
from curator.freeze.held_out import draws
from curator.freeze.members import FreezeSpec
from curator.index.images.images import FileFacts
from curator.index.tables.rows import Subset
from tests.freeze.conftest import Maker, Picture
from tests.freezing import check, freeze, members_of, preview_of
from tests.images import NewImage, add_images

ALL = Subset("all", "", validation_share=0.3)


def pictures(count: int, tag: str = "cat") -> list[Picture]:
    return [Picture(f"{tag}{n}.png", (512 + 64 * (n % 3), 512), (tag,)) for n in range(count)]


def spec(*subsets: Subset) -> FreezeSpec:
    return FreezeSpec(BucketRule(), subsets)


def held_names(collection, *subsets: Subset) -> set[str]:  # type: ignore[no-untyped-def]
    members = members_of(collection, spec(*subsets))
    return {row.name for each in members.held_out for row in collection.rows(each.ids)}


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers(-(2**63), 2**63 - 1))
def test_the_draw_is_the_contracts(contents: list[int], seed: int) -> None:
    found = draws(np.array(contents, np.uint64), seed)
    assert found.tolist() == [uniform(seed, Purpose.HELD_OUT, content) for content in contents]


def test_adding_images_moves_none(collect: Maker) -> None:
    """B10: about the share is held out, and what was held out or trained stays so when images are added."""
    few, many = collect(pictures(100), "few"), collect(pictures(400), "many")
    before, after = held_names(few, ALL), held_names(many, ALL)
    assert 15 <= len(before) <= 45
    assert 80 <= len(after) <= 160
    assert {name for name in after if name in {each.name for each in pictures(100)}} == before
    assert held_names(few, Subset("all", "", validation_share=0.3, validation_seed=1)) != before


def test_a_larger_share_holds_out_more_of_the_same(collect: Maker) -> None:
    collection = collect(pictures(100))
    assert held_names(collection, Subset("all", "", validation_share=0.1)) < held_names(collection, ALL)


def test_copies_are_never_on_both_sides(collect: Maker) -> None:
    """B10: also where they are in different subsets, and only one of these holds out."""
    collection = collect(pictures(60))
    with collection.writing():
        root = collection.images.root(str(collection.folder / "copies"))
    contents = [hashlib.sha256(each.name.encode()).digest() for each in pictures(60)]
    copies = [
        NewImage(root, f"copy{n}.png", FileFacts(sha, 1000, 1, 512, 512, "png"), ("dog",), "")
        for n, sha in enumerate(contents)
    ]
    add_images(collection, copies)
    for subsets in (
        (Subset("cats", "cat", validation_share=0.3), Subset("dogs", "dog")),
        (Subset("dogs", "dog"), Subset("cats", "cat", validation_share=0.3)),
        (Subset("cats", "cat", validation_share=0.3), Subset("dogs", "dog", 5, is_reg=True)),
        (Subset("all", "", validation_share=0.3),),
    ):
        members = members_of(collection, spec(*subsets))
        sides = [
            {row.sha256 for each in some for row in collection.rows(each.ids)}
            for some in (members.shown, members.held_out)
        ]
        assert sides[1]
        assert not sides[0] & sides[1]
    found = check(
        collection, spec(Subset("cats", "cat", validation_share=0.3), Subset("dogs", "dog")), BatchSize()
    )
    assert any("of what is held out" in each.what for each in found.findings)


def test_the_epoch_and_every_count_is_of_the_trained_alone(collect: Maker) -> None:
    """B10: the funnel tells how many are held out; no batch of any epoch has one."""
    collection = collect(pictures(40))
    plan = spec(Subset("cats", "cat", 1.5, validation_share=0.3))
    members, shown = members_of(collection, plan), preview_of(collection, plan, BatchSize(2))
    held = len(members.held_out[0].ids)
    assert 0 < held < 30
    assert members.funnel == (
        ("in the collection", 40), ("held out for validation", held), ("kept", 40 - held),
    )  # fmt: skip
    assert (shown.images, shown.held_out, shown.subsets[0].held_out) == (40 - held, held, held)
    made = freeze(collection, plan, members, collection.folder / "m.manifest")
    assert (made.images, made.held_out, made.samples_per_epoch) == (40 - held, held, shown.samples_per_epoch)
    with open_manifest(made.path) as manifest:
        apart = {manifest.held_out[n] for n in range(len(manifest.held_out))}
        assert len(manifest) == 40
        assert {row for row in range(40) if manifest.image(row).is_held_out} == apart
        assert sorted(apart | {manifest.trained[n] for n in range(len(manifest.trained))}) == list(range(40))
        epochs = EpochPlan(manifest.spans, 2, 7)
        seen = {sample.row for epoch in range(2) for batch in epochs.epoch(epoch) for sample in batch.samples}
        assert len(seen) == 40 - held
        assert not seen & apart
        assert manifest.tag_counts(0) == [("cat", 40 - held)]
        with pytest.raises(IndexError):
            manifest.held_out[held]


def test_without_a_share_nothing_is_held_out(collect: Maker) -> None:
    collection = collect(pictures(40))
    assert members_of(collection, spec(Subset("all", ""))).held_out == ()


def test_what_came_of_the_share_is_told(collect: Maker) -> None:
    collection = collect(pictures(3))
    for share, said in ((1e-9, "holds none of 3 images out"), (1 - 1e-9, "3 images, all of them held out")):
        found = check(collection, spec(Subset("cats", "cat", validation_share=share)), BatchSize())
        assert any(said in each.what for each in found.findings), found.findings


@pytest.mark.parametrize(
    ("subset", "says"),
    [
        (Subset("a", "", validation_share=1.0), "validation share is 1"),
        (Subset("a", "", validation_share=-0.1), "validation share is -0.1"),
        (Subset("a", "", validation_share=float("nan")), "validation share is nan"),
        (Subset("a", "", validation_share=0.1, is_reg=True), "regularisation images are not held out"),
        (Subset("a", "", validation_seed=1 << 63), "validation seed is too large"),
    ],
)
def test_a_share_that_is_none_is_refused(collect: Maker, subset: Subset, says: str) -> None:
    with pytest.raises(UserError, match=says):
        collect([]).subsets.save(subset)
