"""The manifests of a collection: by name, and never replaced unless asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from curator.contract.buckets import BucketRule
from curator.contract.errors import UserError
from curator.contract.locations import manifest_file, manifest_files
from curator.contract.progress import Progress
from curator.contract.recipe.recipe import BatchSize
from curator.freeze.build import FrozenManifest, freeze, is_frozen_in, summary
from curator.freeze.checks.checks import check
from curator.freeze.members import members_of
from curator.freeze.preview import preview
from curator.freeze.reader import FreezeReader
from curator.freeze.spec import spec_of
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


def manifests_in(
    folder: Path, passed_over: Callable[[UserError], None] | None = None
) -> list[FrozenManifest]:
    """The manifests of a folder, newest first. `passed_over` hears of those that cannot be read."""
    found: list[FrozenManifest] = []
    for path in manifest_files(folder):
        try:
            found.append(summary(path))
        except UserError as error:
            if passed_over:
                passed_over(error)
    return sorted(found, key=lambda each: each.created_at, reverse=True)
