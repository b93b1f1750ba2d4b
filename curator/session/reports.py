"""Reports: one HTML page about a run or a manifest, for a browser or a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.progress import Progress, silent
from curator.reports.writing import WrittenReport

if TYPE_CHECKING:
    from pathlib import Path

    from curator.contract.run.run_folder import RunFolder

__all__ = ["WrittenReport", "report_on_manifest", "report_on_run"]


def report_on_run(
    run: RunFolder, path: Path, pictures: int, progress: Progress = silent, *, replace: bool = False
) -> WrittenReport:
    """Write the page of a run, with at most so many pictures."""
    from curator.reports.writing import write_run_report

    return write_run_report(run, path, pictures, progress, replace=replace)


def report_on_manifest(
    manifest: Path, path: Path, pictures: int, progress: Progress = silent, *, replace: bool = False
) -> WrittenReport:
    """Write the page of a manifest, with at most so many pictures."""
    from curator.reports.writing import write_manifest_report

    return write_manifest_report(manifest, path, pictures, progress, replace=replace)
