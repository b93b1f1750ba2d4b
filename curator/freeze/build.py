"""Decides how a collection becomes a manifest: rows in training order, captions taken apart, sealed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.buckets import place
from curator.contract.captions import split_caption, split_tag
from curator.contract.errors import UserError
from curator.contract.manifest import ManifestImage, ManifestSubset, Provenance, open_manifest
from curator.contract.manifest_writer import ManifestContent, write_manifest
from curator.freeze.members import Members, shows
from curator.freeze.preview import BucketTable, bucket_table
from curator.freeze.spec import FreezeSpec
from curator.index.collection import Collection
from curator.tags.derive_plan import USED

Ids = NDArray[np.int64]
FreezeProgress = Callable[[int, int], None]  # rows written, rows in all; may raise to cancel
_ROWS_AT_ONCE = 2000
TRIGGER = "trigger"


@dataclass(frozen=True)
class FrozenManifest:
    """A manifest on disk, in one line."""

    path: Path
    name: str
    digest: str
    images: int
    samples_per_epoch: int
    created_at: str


def freeze(
    collection: Collection,
    spec: FreezeSpec,
    members: Members,
    path: Path,
    progress: FreezeProgress | None = None,
) -> FrozenManifest:
    """Write the manifest of `members` to `path`.

    Raises:
        UserError: nothing to freeze, or the file cannot be written. The file is whole or not there.
    """
    with collection.reading():
        frozen = [
            own if shows(subset, len(own)) else BitMap()
            for subset, own in zip(spec.subsets, members.ids, strict=True)
        ]
        if not any(frozen):
            raise UserError("no picture would be frozen", "scan a folder, or widen the subsets' filters")
        table = bucket_table(collection, spec.rule, BitMap.union(BitMap(), *frozen))
        roots = {root: number for number, root in enumerate(_roots(collection))}
        freezing = _Freezing(collection, spec, table, roots)
        content = ManifestContent(
            rule=spec.rule,
            buckets=table.sizes,
            subsets=_subsets(spec),
            tags=_tags(collection, spec, BitMap.union(BitMap(), *frozen)),
            images=_rows(freezing, frozen, progress or _silent),
            provenance=_provenance(collection, members, path.stem),
        )
        write_manifest(path, content)
    return summary(path)


def summary(path: Path) -> FrozenManifest:
    """One line about the manifest at `path`."""
    with open_manifest(path) as manifest:
        about = manifest.header.provenance
        samples = sum(span.samples for span in manifest.spans)
        return FrozenManifest(path, about.name, manifest.digest, len(manifest), samples, about.created_at)


def _subsets(spec: FreezeSpec) -> tuple[ManifestSubset, ...]:
    return tuple(
        ManifestSubset(
            each.name, each.filter, float(each.repeats), float(each.loss_weight), each.flip, each.rules
        )
        for each in spec.subsets
    )


def _tags(collection: Collection, spec: FreezeSpec, frozen: BitMap) -> dict[str, str]:
    """The class of every tag that a frozen picture has: what else the collection knows is not the manifest's."""
    used = [tag for tag in collection.all_tags() if frozen.intersect(collection.bitmaps.of(tag.id))]
    triggers = {subset.rules.trigger: TRIGGER for subset in spec.subsets if subset.rules.trigger}
    pieces: dict[str, str] = {}
    for separator in {subset.rules.keep_separator for subset in spec.subsets} - {""}:
        parted = (tag for tag in used if separator in tag.name)
        pieces |= {piece: tag.cls for tag in parted for piece in split_tag(tag.name, separator) if piece}
    return pieces | {tag.name: tag.cls for tag in used} | triggers


def _provenance(collection: Collection, members: Members, name: str) -> Provenance:
    return Provenance(
        name=name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by="frieze",
        index_commit=collection.journal.last_id(),
        funnel=members.funnel,
        roots=tuple(_roots(collection)),
        derived=json.dumps(derived, sort_keys=True) if (derived := collection.settings.get(USED)) else "",
    )


def _roots(collection: Collection) -> list[str]:
    """Roots in the order of their paths: their numbers are part of every row, so must not depend on history."""
    return sorted(collection.images.roots())


class _Freezing(NamedTuple):
    """One freeze under way."""

    collection: Collection
    spec: FreezeSpec
    table: BucketTable
    roots: dict[str, int]

    def groups(self, frozen: list[BitMap]) -> Iterator[tuple[int, Ids]]:
        """(subset, image ids) in order of bucket, repeats and subset."""
        found: list[tuple[int, float, int, Ids]] = []
        for number, (subset, own) in enumerate(zip(self.spec.subsets, frozen, strict=True)):
            ids = np.fromiter(own, dtype=np.int64, count=len(own))
            buckets = self.table.of_image[ids]
            found += [(int(b), float(subset.repeats), number, ids[buckets == b]) for b in np.unique(buckets)]
        for _, _, number, ids in sorted(found, key=lambda group: group[:3]):
            yield number, ids

    def by_path(self, ids: Ids) -> list[int]:
        """Image ids in the order of their files' names: unlike ids, the same for every index of the files."""
        named: list[tuple[str, str, int]] = []
        for at in range(0, len(ids), _ROWS_AT_ONCE):
            rows = self.collection.rows(ids[at : at + _ROWS_AT_ONCE].tolist())
            named += [(row.root, row.path, row.id) for row in rows]
        return [image for _, _, image in sorted(named)]

    def images(self, subset: int, ids: list[int]) -> Iterator[ManifestImage]:
        """The manifest rows of some pictures of one subset."""
        rules, repeats = self.spec.subsets[subset].rules, float(self.spec.subsets[subset].repeats)
        rows = self.collection.rows(ids)
        for row, tags in zip(rows, self.collection.tag_names(ids), strict=True):
            size = (row.width, row.height)
            yield ManifestImage(
                path=row.path,
                root=self.roots[row.root],
                sha256=row.sha256,
                file_bytes=row.file_bytes,
                size=size,
                bucket=int(self.table.of_image[row.id]),
                placement=_placed(size, self.spec.rule),
                subset=subset,
                repeats=repeats,
                parts=split_caption(tags, row.caption, rules),
            )


_placed = lru_cache(maxsize=4096)(place)


def _rows(freezing: _Freezing, frozen: list[BitMap], progress: FreezeProgress) -> Iterator[ManifestImage]:
    """All rows in training order, read a few thousand at a time."""
    total, done = sum(len(own) for own in frozen), 0
    for subset, ids in freezing.groups(frozen):
        ordered = iter(freezing.by_path(ids))
        while some := list(islice(ordered, _ROWS_AT_ONCE)):
            yield from freezing.images(subset, some)
            done += len(some)
            progress(done, total)


def _silent(_done: int, _total: int) -> None:
    """Nobody watches."""
