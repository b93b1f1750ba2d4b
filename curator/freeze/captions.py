"""Captions before and after a freeze, drawn by the contract (row S042)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.contract.caption.captions import caption_of, split_caption
from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError
from curator.contract.manifest.manifest import open_manifest
from curator.freeze.members import members_of, spec_of
from curator.freeze.reader import FreezeReader

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.index.tables.rows import Subset


def subsets_of(collection: Collection, images: Iterable[int]) -> dict[int, Subset]:
    """The subset each image would be frozen in; those in none are left out."""
    with FreezeReader.opened(collection) as reader:
        spec = spec_of(collection)
        members = members_of(reader, spec)
    wanted = BitMap(images)
    return {
        image: subset for subset, ids in zip(spec.subsets, members.ids, strict=True) for image in ids & wanted
    }


def captions_of(
    collection: Collection, images: Sequence[int], epochs: range, seed: int = 0, step: int | None = None
) -> dict[int, list[str]]:
    """The captions of images in `epochs`, each as if its id were its row; those in no subset are left out.

    A manifest's own captions come from `manifest_captions`: the draws depend on the row.
    """
    with collection.reading():
        subsets = subsets_of(collection, images)
        rows = collection.rows([image for image in images if image in subsets])
        names = collection.tag_names([row.id for row in rows])
    found: dict[int, list[str]] = {}
    for row, tags in zip(rows, names, strict=True):
        rules = subsets[row.id].rules
        parts = split_caption(tags, row.caption, rules)
        found[row.id] = [caption_of(parts, rules, seed, Sample(at, row.id, 0), step) for at in epochs]
    return found


def manifest_captions(
    manifest: Path, row: int, epochs: range, seed: int, copy: int = 0, *, step: int | None = None
) -> list[str]:
    """The captions of manifest row `row` in `epochs`, exactly as they are trained (row S042).

    `step` matters only while tokens warm up; without one they are warm.
    """
    with open_manifest(manifest) as opened:
        try:
            image = opened.image(row)
        except IndexError:
            raise UserError(
                f"the manifest has no row {row}", f"rows go from 0 to {len(opened) - 1}"
            ) from None
        rules = opened.header.subsets[image.subset].rules
        return [caption_of(image.parts, rules, seed, Sample(epoch, row, copy), step) for epoch in epochs]
