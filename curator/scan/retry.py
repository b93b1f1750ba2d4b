"""Quarantined files read once more: by a quick scan of the roots they are in.

A quick scan looks into every folder that holds such a file, and passes over all others that are as they were. Images
that could not be decoded are looked at again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.files.picture_file import has_picture
from curator.contract.files.tar_members import is_tar
from curator.scan.copies.relook import retry_failed_fingerprints
from curator.scan.report import ScanReport
from curator.scan.scan import Progress, ScanProgress, scan

if TYPE_CHECKING:
    from curator.index.collection import Collection


class Retried(NamedTuple):
    """Of the files set aside: how many can be used now, how many are gone from the disk, and how many are left.

    `scanned` is what else the quick scan met.
    """

    usable: int
    gone: int
    left: int
    scanned: ScanReport


def retry(collection: Collection, progress: Progress | None = None) -> Retried:
    """Read all files again that were set aside; those of a root that is not there (a disk taken out) stay."""
    with collection.reading():
        before = {entry.path for entry in collection.quarantine.list()}
        roots = [root for root in collection.images.roots() if any(_lies_in(path, root) for path in before)]
    report = ScanReport()
    for root in roots:
        is_there = Path(root).is_dir() or is_tar(root)
        if is_there and not any(_lies_in(root, other) for other in roots if other != root):
            report.include(scan(collection, Path(root), progress, quick=True))
    retry_failed_fingerprints(
        collection, (lambda done, total: progress(ScanProgress(done, total, ""))) if progress else None
    )
    with collection.reading():
        left = {entry.path for entry in collection.quarantine.list()}
    freed = before - left
    usable = sum(map(has_picture, freed))
    return Retried(usable, len(freed) - usable, len(left), report)


def _lies_in(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
