"""The report of a scan in lines: counts, then files with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from curator.cli.schemas.collection import ScanReport as Report
    from curator.cli.schemas.words import FileReason
    from curator.session.images.images import ScanReport

_COUNTS = ("added", "changed", "moved", "missing", "returned", "reread", "unchanged")
_SHOWN = 20  # files with the same warning
_LISTS = ("quarantined", "conflicts", "warnings")


def report_lines(report: ScanReport, *, quarantined: bool = True) -> list[str]:
    """For a person; without files in quarantine where these are listed anyway."""
    told = (f"{getattr(report, name)} {name}" for name in _COUNTS if getattr(report, name))
    lines = [", ".join(told) or "no images", *passed_over_lines(report)]
    for name in _LISTS[:2] if quarantined else _LISTS[1:2]:
        lines += [_line(name, path, why) for path, why in getattr(report, name)]
    return lines + _warnings(report)


def passed_over_lines(report: ScanReport) -> list[str]:
    """A line of the images and videos that no scan reads, where there are any."""
    counts = [f"{count:,} {ending}" for ending, count in sorted(report.passed_over.items())]
    return [f"passed over, of formats that are not read: {', '.join(counts)}"] if counts else []


def _warnings(report: ScanReport) -> list[str]:
    """Some of each reason, and how many more there are."""
    by_reason: dict[str, list[str]] = {}
    for path, why in report.warnings:
        by_reason.setdefault(why, []).append(path)
    lines: list[str] = []
    for why, paths in by_reason.items():
        lines += [_line("warnings", path, why) for path in paths[:_SHOWN]]
        if len(paths) > _SHOWN:
            lines.append(f"warning: {len(paths) - _SHOWN:,} more: {why}")
    return lines


def _line(name: str, path: str, why: str) -> str:
    return f"{name.removesuffix('s')}: {path}: {why}"


def report_json(report: ScanReport, home: Path) -> Report:
    """For a program."""
    lists: dict[str, list[FileReason]] = {
        name: [{"path": path, "reason": why} for path, why in getattr(report, name)] for name in _LISTS
    }
    counts = {name: getattr(report, name) for name in _COUNTS}
    passed_over = dict(sorted(report.passed_over.items()))
    about = {
        "schema": "frieze/scan/1",
        "collection": str(home.absolute()),
        **counts,
        "passed_over": passed_over,
    }
    return cast("Report", about | lists)
