"""Freeze of a collection as it stands: what an epoch of it would be, what stops it, and its manifest, by name."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

from curator.contract.errors import UserError
from curator.contract.locations import DRAFT_PREFIX, manifest_file
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.recipe import BatchSize
from curator.freeze.build import freeze, is_frozen_in
from curator.freeze.checks.checks import FreezeReport, check
from curator.freeze.diff import ManifestDiff, diff
from curator.freeze.listing import FrozenManifest, manifests_in, summary
from curator.freeze.members import FreezeSpec, Members, members_of, spec_of
from curator.freeze.preview import FreezePreview, preview
from curator.freeze.reader import FreezeReader

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule, Size
    from curator.contract.progress import Progress
    from curator.index.collection import Collection

Captions: TypeAlias = Mapping[str, Any]
"""Caption rules by name."""


@contextmanager
def _read(
    collection: Collection,
    rule: BucketRule | None = None,
    only: Sequence[str] = (),
    captions: Captions | None = None,
) -> Generator[tuple[FreezeReader, FreezeSpec, Members]]:
    """What a freeze is made of, of one moment of the index; `rule` stands for the collection's own bucket rule."""
    with FreezeReader.opened(collection) as reader:
        spec = spec_of(collection, rule, only, captions)
        yield reader, spec, members_of(reader, spec)


def epoch_of(collection: Collection, batch: BatchSize | None = None) -> FreezePreview:
    """What an epoch would be, were the collection frozen now."""
    with _read(collection) as read:
        return preview(*read, batch or BatchSize())


def training_buckets(collection: Collection) -> list[tuple[Size, int]]:
    """The buckets of an epoch and their samples, regularisation left aside: the sizes that are trained."""
    with FreezeReader.opened(collection) as reader:
        spec = spec_of(collection)
        alone = replace(spec, subsets=tuple(each for each in spec.subsets if not each.is_reg))
        shown = preview(reader, alone, members_of(reader, alone), BatchSize())
        return [(load.bucket, load.samples) for load in shown.buckets]


def report_of(
    collection: Collection,
    batch: BatchSize | None = None,
    rule: BucketRule | None = None,
    only: Sequence[str] = (),
    captions: Captions | None = None,
) -> FreezeReport:
    """Everything that would stop or trouble a training, with what an epoch would be; choices as for a freeze."""
    with _read(collection, rule, only, captions) as read:
        return check(*read, preview(*read, batch or BatchSize()))


def freeze_named(
    collection: Collection,
    name: str,
    progress: Progress | None = None,
    *,
    rule: BucketRule | None = None,
    only: Sequence[str] = (),
    captions: Captions | None = None,
    replace: bool = False,
) -> FrozenManifest:
    """Check the collection and write `manifests/NAME.manifest`, all from one moment of the index.

    `rule` stands for the collection's own bucket rule, which stays as it is; `only` names the subsets that are frozen,
    if not all; `captions` are caption rules of all of them, in the place of their own. A manifest that is there is
    never replaced unless asked.

    Raises:
        UserError: a finding that stops, a name that is taken or no file name, no space.
    """
    if not re.fullmatch(r"\w[\w.+-]{0,80}", name):
        raise UserError(f"'{name}' cannot name a manifest", "use letters, digits, '-', '_' and '.'")
    path = manifest_file(collection.folder, name)
    if path.exists() and not replace:
        raise UserError(
            f"there is a manifest named {name}", "choose another name, or replace it with --replace"
        )
    with _read(collection, rule, only, captions) as read:
        report = check(*read, preview(*read, BatchSize()))
        for finding in report.stops:
            raise UserError(finding.what, finding.hint)
        return freeze(*read, path, progress, replace=replace)


def changes_since(
    collection: Collection, manifest: Path, progress: Progress | None = None, examples: int | None = 5
) -> ManifestDiff:
    """What differs between a manifest and the collection as it is: from it to what a freeze now would write.

    Raises:
        UserError: the manifest cannot be read, nothing would be frozen, or there is no space to write it for a moment.
    """
    with TemporaryDirectory(dir=collection.folder, prefix=DRAFT_PREFIX) as draft:
        now = Path(draft) / manifest.name
        with _read(collection) as read:
            freeze(*read, now, progress)
        with (
            open_manifest(manifest, checks_seal=False) as first,
            open_manifest(now, checks_seal=False) as second,
        ):
            return diff(first, second, examples)


def standing(
    collection: Collection,
    name: str,
    rule: BucketRule | None = None,
    only: Sequence[str] = (),
    captions: Captions | None = None,
) -> FrozenManifest | None:
    """The manifest that a freeze under that name would only repeat: that of the name, or where none is, the newest."""
    path = manifest_file(collection.folder, name)
    newest = [each.path for each in manifests_in(path.parent)[:1]]
    with _read(collection, rule, only, captions) as (reader, spec, members):
        for candidate in [path] if path.exists() else newest:
            with suppress(UserError):  # a damaged one is none
                if members.shown and is_frozen_in(reader, spec, members, candidate):
                    return summary(candidate)
    return None
