"""A freeze and what is said before it, each of a collection as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curator.contract.recipe.recipe import BatchSize
from curator.freeze import build, members, preview
from curator.freeze.build import FrozenManifest
from curator.freeze.checks import checks
from curator.freeze.checks.checks import FreezeReport
from curator.freeze.members import FreezeSpec, Members
from curator.freeze.preview import FreezePreview
from curator.freeze.reader import FreezeReader
from curator.index.collection import Collection


def members_of(collection: Collection, spec: FreezeSpec) -> Members:
    with FreezeReader.opened(collection) as reader:
        return members.members_of(reader, spec)


def preview_of(collection: Collection, spec: FreezeSpec, batch: BatchSize) -> FreezePreview:
    with FreezeReader.opened(collection) as reader:
        return preview.preview(reader, spec, members.members_of(reader, spec), batch)


def check(collection: Collection, spec: FreezeSpec, batch: BatchSize) -> FreezeReport:
    with FreezeReader.opened(collection) as reader:
        own = members.members_of(reader, spec)
        return checks.check(reader, spec, own, preview.preview(reader, spec, own, batch))


def freeze(
    collection: Collection, spec: FreezeSpec, own: Members, path: Path, *more: Any, **how: Any
) -> FrozenManifest:
    with FreezeReader.opened(collection) as reader:
        return build.freeze(reader, spec, own, path, *more, **how)
