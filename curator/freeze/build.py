"""The building of a manifest from a collection: rows in training order, captions split, sealed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.manifest.header import ManifestSubset, Provenance
from curator.contract.manifest.manifest import open_manifest
from curator.contract.manifest.writer import ManifestContent, digest_of_content, write_manifest
from curator.contract.progress import Progress, silent
from curator.freeze.bucket_table import bucket_table
from curator.freeze.members import Members
from curator.freeze.packing.rows import Freezing, FrozenRows
from curator.freeze.packing.tag_codes import tag_codes
from curator.freeze.spec import FreezeSpec
from curator.index.bulk_rows import BulkRows
from curator.index.collection import Collection
from curator.index.file.paths import from_blob
from curator.tags.derive_plan import USED


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
    progress: Progress | None = None,
    *,
    replace: bool = True,
) -> FrozenManifest:
    """Write the manifest of `members` to `path`; without `replace` never over another.

    `progress` gets images done and all, from 0 on, and may raise to cancel.

    Raises:
        UserError: nothing to freeze, or the file cannot be written. The file is whole or not there.
    """
    with collection.reading():
        frozen = members.frozen()
        if not frozen:
            raise UserError("no image would be frozen", "scan a folder, or widen the subsets' filters")
        write_manifest(path, _content(collection, spec, members, path.stem, progress), replace=replace)
    return summary(path)


def is_frozen_in(collection: Collection, spec: FreezeSpec, members: Members, path: Path) -> bool:
    """Whether the manifest at `path` is what a freeze of `members` would write, but for its name and date.

    Raises:
        UserError: it cannot be read, or is damaged.
    """
    with open_manifest(path) as manifest, collection.reading():
        header = manifest.header
        frozen = members.frozen()
        if (spec.rule, _subsets(spec), len(frozen), _roots(collection)) != (
            header.rule, header.subsets, len(manifest), header.provenance.roots,
        ):  # fmt: skip
            return False
        return digest_of_content(_content(collection, spec, members, path.stem, None)) == header.digest


def _content(
    collection: Collection, spec: FreezeSpec, members: Members, name: str, progress: Progress | None
) -> ManifestContent:
    table = bucket_table(collection, spec.rule, members.frozen())
    codes = tag_codes(collection, spec, members.frozen())
    return ManifestContent(
        rule=spec.rule,
        buckets=table.sizes,
        subsets=_subsets(spec),
        tags=codes.classes,
        images=FrozenRows(Freezing(collection, spec, members, table, codes), progress or silent),
        provenance=_provenance(collection, members, name),
    )


def summary(path: Path) -> FrozenManifest:
    """One line about the manifest at `path`."""
    with open_manifest(path, checks_seal=False) as manifest:  # made a moment ago, or one of a list
        about = manifest.header.provenance
        samples = sum(span.samples for span in manifest.spans)
        return FrozenManifest(path, about.name, manifest.digest, len(manifest), samples, about.created_at)


def _subsets(spec: FreezeSpec) -> tuple[ManifestSubset, ...]:
    return tuple(
        ManifestSubset(
            each.name,
            each.filter,
            float(each.repeats),
            float(each.loss_weight),
            each.flip,
            each.rules,
            each.is_reg,
            each.crop,
            each.mask,
        )
        for each in spec.subsets
    )


def _provenance(collection: Collection, members: Members, name: str) -> Provenance:
    return Provenance(
        name=name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by="frieze",
        index_commit=collection.journal.last_id(),
        funnel=members.funnel,
        roots=_roots(collection),
        derived=json.dumps(derived, sort_keys=True) if (derived := collection.settings.get(USED)) else "",
    )


def _roots(collection: Collection) -> tuple[str, ...]:
    return tuple(from_blob(path) for _, path in BulkRows(collection).roots())
