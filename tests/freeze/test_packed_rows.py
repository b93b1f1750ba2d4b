"""A freeze packs millions of rows with numpy; row by row the contract's own functions say the same."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curator.contract.buckets import BucketRule, cropped_around, face_in, place
from curator.contract.caption.captions import CaptionRules, split_caption
from curator.contract.manifest.digest import verify_digest
from curator.contract.manifest.manifest import ManifestImage, open_manifest
from curator.contract.manifest.writer import ManifestContent, write_manifest
from curator.freeze.members import FreezeSpec, Members
from curator.index.changes.edits import AddTags, RemoveTags, SetMark
from curator.index.collection import Collection
from curator.index.tables.rows import Subset
from curator.placement.buckets import buckets_of
from curator.placement.crops import scaled
from tests.freeze.conftest import Maker, Picture
from tests.freezing import freeze, members_of

TAGS = (
    "cat",
    "dog",
    "1girl ||| smile",
    "a|||b|||c",
    "|||",
    "sls",
    "red (colour)",
    *(f"t{n}" for n in range(150)),
)
sides = st.integers(1, 3000)
tags = st.lists(st.sampled_from(TAGS), max_size=6, unique=True).map(tuple)
captions = st.sampled_from(["", "", "a cat\non a wall", "caf\u00e9 \U0001f408", "x" * 3000])
names = st.text(st.sampled_from("ab_1 .\u00e9\udce9\U0001f408"), min_size=1, max_size=8).filter(
    lambda name: name.strip(".") != ""
)
pictures = st.lists(
    st.builds(Picture, names, st.tuples(sides, sides), tags, captions),
    min_size=1, max_size=70, unique_by=lambda each: os.fsencode(each.name),
)  # fmt: skip
caption_rules = st.builds(
    CaptionRules,
    keep_tags=st.integers(0, 3),
    trigger=st.sampled_from(["", "sls", "cat", "new"]),
    keep_separator=st.sampled_from(["", "|||"]),
)
subsets = st.lists(
    st.builds(
        Subset,
        name=st.uuids().map(str),
        filter=st.sampled_from(["cat", "dog", "", "t1 OR t2", "width>800"]),
        repeats=st.sampled_from([0.0, 0.5, 1.0, 2.5]),
        rules=caption_rules,
        is_reg=st.sampled_from([False, False, True]),
        crop=st.sampled_from(["center", "face", "random"]),
        validation_share=st.sampled_from([0.0, 0.0, 0.4]),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def expected(collection: Collection, spec: FreezeSpec, members: Members, buckets: Sequence[tuple[int, int]]):  # type: ignore[no-untyped-def]
    """The rows as they were made one by one."""
    found: list[ManifestImage] = []
    for shown in members.all_shown:
        subset = spec.subsets[shown.subset]
        rows = collection.rows(list(shown.ids))
        for row, own in zip(rows, collection.tag_names(list(shown.ids)), strict=True):
            size = (row.width, row.height)
            placed = place(size, spec.rule)
            if subset.crop == "face" and (middle := face_in(row.path)):
                placed = cropped_around(placed, size, middle)
            parts = split_caption(own, row.caption, subset.rules)
            found.append(
                ManifestImage(
                    row.path,
                    0,
                    row.sha256,
                    row.file_bytes,
                    size,
                    buckets.index(placed.bucket),
                    placed,
                    shown.subset,
                    shown.repeats,
                    parts,
                )
            )
    return sorted(found, key=lambda each: (each.bucket, each.repeats, each.subset, os.fsencode(each.path)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(pictures, subsets, st.booleans(), st.lists(st.integers(0, 69), max_size=5), st.booleans())
def test_packed_at_once_is_packed_one_by_one(
    collect: Maker,
    pictures: list[Picture],
    subsets: list[Subset],
    upscale: bool,
    rejects: list[int],
    edited: bool,
) -> None:
    collection = collect(pictures, uuid.uuid4().hex)
    ids = sorted(collection.images.alive())
    if rejects:
        collection.apply(SetMark(-1), [ids[i % len(ids)] for i in rejects])
    if edited:
        collection.apply(AddTags(("later", "cat")), ids[::2])
        collection.apply(RemoveTags(("dog",)), ids[::3])
    spec = FreezeSpec(BucketRule(512, 512, 256, 1024, 64, upscale), tuple(subsets))
    members = members_of(collection, spec)
    if not members.shown:
        return
    path = collection.folder / "m.manifest"
    frozen = freeze(collection, spec, members, path)
    with open_manifest(path) as manifest:
        verify_digest(manifest)
        meant = expected(collection, spec, members, manifest.header.buckets)
        assert list(manifest.images()) == meant
        assert [manifest.image(row) for row in range(len(manifest))] == meant
        for row, each in enumerate(meant):
            assert manifest.rows_of(manifest.file_of(each)) == (row,)
        header = manifest.header
        content = ManifestContent(
            header.rule, header.buckets, header.subsets, manifest.tag_classes(), meant, header.provenance
        )
        assert write_manifest(collection.folder / "again.manifest", content) == frozen.digest
        with open_manifest(collection.folder / "again.manifest") as again:
            for number in range(len(header.subsets)):
                assert again.tag_counts(number) == manifest.tag_counts(number)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(1, 20000), st.integers(1, 20000)), min_size=1, max_size=30),
    st.sampled_from([BucketRule(), BucketRule(1024, 1024, 256, 4096), BucketRule(768, 512, 128, 1536, 32)]),
    st.booleans(),
)
def test_scale_and_crop_are_those_of_the_contract(
    sizes: list[tuple[int, int]], rule: BucketRule, upscale: bool
) -> None:
    rule = replace(rule, upscale=upscale)
    width, height = np.array(sizes).T
    buckets = buckets_of(width, height, rule)
    own = np.array(buckets.sizes)[buckets.of_image]
    found = scaled(width, height, own[:, 0], own[:, 1], rule)
    for at, size in enumerate(sizes):
        placed = place(size, rule)
        assert tuple(own[at]) == placed.bucket
        assert (found.width[at], found.height[at]) == placed.resized
        assert (found.left[at], found.top[at]) == placed.crop[:2]


def test_the_order_of_tags_is_how_common_they_are(collect: Maker) -> None:
    """Ids depend on the frozen images alone; triggers come first."""
    pictures = [
        Picture("a.png", (512, 512), ("rare", "common", "left out")),
        Picture("b.png", (512, 512), ("common", "also rare")),
        Picture("c.png", (512, 512), ("left out",)),
    ]
    collection = collect(pictures)
    collection.apply(SetMark(-1), [3])
    spec = FreezeSpec(BucketRule(), (Subset("all", "", rules=CaptionRules(trigger="sls")),))
    freeze(collection, spec, members_of(collection, spec), collection.folder / "m.manifest")
    with open_manifest(collection.folder / "m.manifest") as manifest:
        assert manifest.tags == ["sls", "common", "also rare", "left out", "rare"]


@pytest.mark.parametrize(
    ("name", "middle"),
    [
        ("a/b_100_40_20_20.png", (100, 40)),
        ("sls_frog_7_8_9_10.webp", (7, 8)),
        ("_1_2_3_4.png", None),
        ("a_1_2_3.png", None),
        ("a_1_-2_3_4.png", None),
        ("1_2_3_4/a.png", None),
    ],
)
def test_faces_are_read_from_names(name: str, middle: tuple[int, int] | None) -> None:
    assert face_in(name) == middle


def test_a_crop_around_a_face_stays_inside() -> None:
    """512x512 of an image of 1024x512: the crop follows the face as far as there is image."""
    placed = place((1024, 512), BucketRule(512, 512, 512, 512))
    lefts = [
        cropped_around(placed, (1024, 512), (x, 100)).crop[0] for x in (0, 256, 400, 512, 768, 1023, 5000)
    ]
    assert lefts == [0, 0, 144, 256, 512, 512, 512]
    assert cropped_around(placed, (1024, 512), (512, 9000)).crop == placed.crop
