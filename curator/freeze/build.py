"""The building of a manifest from a collection: rows in training order, captions split, sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.contract.manifest.block import ROWS, Block
from curator.contract.manifest.header import ManifestSubset, Provenance
from curator.contract.manifest.manifest import open_manifest
from curator.contract.manifest.writer import ManifestContent, TagCount, digest_of_content, write_manifest
from curator.contract.progress import Progress, silent
from curator.freeze.listing import FrozenManifest, summary
from curator.freeze.packing.rows import FrozenImages, RowPacking, row_order
from curator.freeze.packing.tag_codes import TagCodes, tag_codes
from curator.freeze.packing.tags import PackedTags, TagPacking
from curator.index.changes.changes import id_array
from curator.tags.deriving.derive_plan import USED

if TYPE_CHECKING:
    from curator.contract.manifest.span_rows import Part
    from curator.freeze.members import FreezeSpec, Members, Shown
    from curator.freeze.reader import FreezeReader

_ROWS_AT_ONCE = 256 * ROWS


def freeze(
    reader: FreezeReader,
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
    if not members.shown:
        raise UserError("no image would be frozen", "scan a folder, or widen the subsets' filters")
    write_manifest(path, _content(reader, spec, members, path.stem, progress), replace=replace)
    return summary(path)


def is_frozen_in(reader: FreezeReader, spec: FreezeSpec, members: Members, path: Path) -> bool:
    """Whether the manifest at `path` is what a freeze of `members` would write, but for its name and date.

    Raises:
        UserError: it cannot be read, or is damaged.
    """
    with open_manifest(path) as manifest:
        header = manifest.header
        content = _content(reader, spec, members, path.stem, None)
        if (content.rule, content.subsets, len(members.frozen()), content.provenance.roots) != (
            header.rule, header.subsets, len(manifest), header.provenance.roots,
        ):  # fmt: skip
            return False
        return digest_of_content(content) == header.digest


def _content(
    reader: FreezeReader, spec: FreezeSpec, members: Members, name: str, progress: Progress | None
) -> ManifestContent:
    frozen = members.frozen()
    table = reader.buckets(spec.rule, frozen)
    codes = _codes(reader, spec, frozen)
    return ManifestContent(
        rule=spec.rule,
        buckets=table.sizes,
        subsets=_subsets(spec),
        tags=codes.classes,
        images=_FrozenRows(reader, spec, members.all_shown, codes, progress or silent),
        provenance=_provenance(reader, members, name),
    )


def _codes(reader: FreezeReader, spec: FreezeSpec, frozen: BitMap) -> TagCodes:
    known = reader.tags()
    counts = reader.tag_counts(frozen, 1 + max((tag for tag, _, _ in known), default=0))
    return tag_codes([each.rules for each in spec.subsets], known, counts)


class _FrozenRows:
    """The rows as `contract.manifest.writer.PackedRows`. Everything but the free texts is read when it is made."""

    def __init__(
        self,
        reader: FreezeReader,
        spec: FreezeSpec,
        shown: Sequence[Shown],
        codes: TagCodes,
        progress: Progress,
    ) -> None:
        self._reader, self._progress = reader, progress
        images = BitMap().union(*(each.ids for each in shown))
        table = reader.buckets(spec.rule, images)
        ids = id_array(images)
        progress(0, len(ids))
        with reader.reading_files(images) as files:
            tags = self._read_tags(spec, shown, codes, images)
            by_path, paths, contents = files()
        self._used = {n: uses for n, uses in tags.used.items() if n < len(spec.subsets)}
        self._order = row_order(shown, table, by_path.ids, by_path.roots)
        numbers = (reader.column(name) for name in ("width", "height", "file_bytes"))
        self._packing = RowPacking(
            spec, table.sizes, codes, self._order, FrozenImages(ids, paths, contents, tags, *numbers)
        )

    def blocks(self) -> Iterator[Block]:
        count = len(self._order.ids)
        for first in range(0, count, _ROWS_AT_ONCE):
            rows = slice(first, min(first + _ROWS_AT_ONCE, count))
            yield from self._packing.blocks(rows, self._reader.captions(self._order.ids[rows]))
            self._progress((count + rows.stop) // 2, count)

    def parts(self) -> Sequence[Part]:
        return self._order.parts

    def tag_counts(self) -> Iterable[TagCount]:
        """Of the images that are trained alone."""
        for subset, uses in sorted(self._used.items()):
            tags = np.flatnonzero(uses)
            yield from zip([subset] * len(tags), tags.tolist(), uses[tags].tolist(), strict=True)

    def _read_tags(
        self, spec: FreezeSpec, shown: Sequence[Shown], codes: TagCodes, images: BitMap
    ) -> PackedTags:
        subset_of = np.zeros(images.max() + 1, np.uint16)
        for each in shown:
            subset_of[id_array(each.ids)] = each.subset if each.repeats else each.subset + len(spec.subsets)
        rules = [each.rules for each in spec.subsets]
        packing = TagPacking(
            [*rules, *rules], codes, subset_of, len(images)
        )  # those held out are counted apart
        done = 0
        for piece in self._reader.tag_pieces(images):
            packing.add(piece.ids, piece.values)
            done += len(piece.ids)
            self._progress(done // 2, len(images))  # the other half of the time is writing
        return packing.closed()


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


def _provenance(reader: FreezeReader, members: Members, name: str) -> Provenance:
    derived = reader.collection.settings.get(USED)
    return Provenance(
        name=name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        made_by="frieze",
        index_commit=reader.collection.journal.last_id(),
        funnel=members.funnel,
        roots=tuple(reader.roots()),
        derived=json.dumps(derived, sort_keys=True) if derived else "",
    )
