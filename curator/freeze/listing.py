"""The manifests of a folder: in one line each, and the rows that a file has in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.locations import manifest_files
from curator.contract.manifest.manifest import open_manifest


@dataclass(frozen=True)
class FrozenManifest:
    """A manifest on disk, in one line. `images` are those trained, `held_out` those for validation.

    `index_commit` is the change of the collection that it was made after.
    """

    path: Path
    name: str
    digest: str
    images: int
    samples_per_epoch: int
    created_at: str
    held_out: int = 0
    index_commit: int = 0


def summary(path: Path) -> FrozenManifest:
    """One line about the manifest at `path`."""
    with open_manifest(path, checks_seal=False) as manifest:  # made a moment ago, or one of a list
        about = manifest.header.provenance
        samples = sum(span.samples for span in manifest.spans)
        return FrozenManifest(
            path,
            about.name,
            manifest.digest,
            len(manifest.trained),
            samples,
            about.created_at,
            len(manifest.held_out),
            about.index_commit,
        )


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
