"""The manifests of a collection: by name, and never replaced unless asked."""

from __future__ import annotations

import re

from curator.contract.buckets import BucketRule
from curator.contract.errors import UserError
from curator.contract.locations import manifest_file
from curator.contract.progress import Progress
from curator.contract.recipe.recipe import BatchSize
from curator.freeze.build import freeze
from curator.freeze.checks.checks import check
from curator.freeze.listing import FrozenManifest
from curator.freeze.members import members_of
from curator.freeze.preview import preview
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
    with collection.reading():
        spec = spec_of(collection, rule)
        members = members_of(collection, spec)
        report = check(collection, spec, members, preview(collection, spec, members, BatchSize()))
        for finding in report.stops:
            raise UserError(finding.what, finding.hint)
        return freeze(collection, spec, members, path, progress, replace=replace)
