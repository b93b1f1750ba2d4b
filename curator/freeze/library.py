"""The manifests of a collection: by name, and never replaced unless asked."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.locations import manifest_file, manifest_files
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.recipe import BatchSize
from curator.freeze.build import freeze, is_frozen_in
from curator.freeze.checks.checks import check
from curator.freeze.listing import FrozenManifest, manifests_in, summary
from curator.freeze.members import members_of
from curator.freeze.preview import preview
from curator.freeze.reader import FreezeReader
from curator.freeze.spec import spec_of

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule
    from curator.contract.progress import Progress
    from curator.index.collection import Collection


def freeze_named(
    collection: Collection,
    name: str,
    progress: Progress | None = None,
    *,
    rule: BucketRule | None = None,
    replace: bool = False,
) -> FrozenManifest:
    """Check the collection and write `manifests/NAME.manifest`, all from one moment of the index.

    `rule` stands for the collection's own bucket rule, which stays as it is.

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
    with FreezeReader.opened(collection) as reader:
        spec = spec_of(collection, rule)
        members = members_of(reader, spec)
        report = check(reader, spec, members, preview(reader, spec, members, BatchSize()))
        for finding in report.stops:
            raise UserError(finding.what, finding.hint)
        return freeze(reader, spec, members, path, progress, replace=replace)


def standing(collection: Collection, name: str, rule: BucketRule | None = None) -> FrozenManifest | None:
    """The manifest that a freeze under that name would only repeat: that of the name, or where none is, the newest."""
    path = manifest_file(collection.folder, name)
    newest = [each.path for each in manifests_in(path.parent)[:1]]
    with FreezeReader.opened(collection) as reader:
        spec = spec_of(collection, rule)
        members = members_of(reader, spec)
        for candidate in [path] if path.exists() else newest:
            with suppress(UserError):  # a damaged one is none
                if members.shown and is_frozen_in(reader, spec, members, candidate):
                    return summary(candidate)
    return None


@dataclass(frozen=True)
class FrozenAs:
    """A row of a manifest that the image's file has."""

    manifest: str
    row: int
    repeats: float


def rows_of_file(folder: Path, file: Path) -> tuple[tuple[FrozenAs, ...], tuple[str, ...]]:
    """The rows that an image's file has in the manifests of a folder; and of those that cannot be read why."""
    frozen: list[FrozenAs] = []
    passed_over: list[str] = []
    for path in manifest_files(folder):
        try:
            with open_manifest(path) as manifest:
                frozen += [
                    FrozenAs(path.stem, number, manifest.image(number).repeats)
                    for number in manifest.rows_of(file)
                ]
        except UserError as error:
            passed_over.append(error.what)
    return tuple(frozen), tuple(passed_over)
