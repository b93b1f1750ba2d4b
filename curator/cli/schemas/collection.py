"""Outputs about a whole collection: scans, counts, checks, imports, exports, saved filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from curator.cli.schemas.words import FileReason, FunnelStep, WarningCount


class ScanReport(TypedDict):
    """What a scan found."""

    schema: Literal["frieze/scan/1"]
    collection: str
    added: int
    changed: int
    moved: int
    missing: int
    returned: int
    reread: int
    unchanged: int
    passed_over: Mapping[str, int]
    quarantined: Sequence[FileReason]
    conflicts: Sequence[FileReason]
    warnings: Sequence[FileReason]


class QuarantinedRow(FileReason):
    """A file that the last scan could not use."""

    created_at: str
    at: float


class StatsReport(TypedDict):
    """What a collection holds."""

    schema: Literal["frieze/stats/1"]
    images: int
    kept: int
    rejected: int
    untagged: int
    with_a_caption: int
    bytes: int
    tags: int
    tags_on_images: int
    subsets: int
    manifests: int
    runs: int
    quarantined: Sequence[FileReason]


class VerifyReport(TypedDict):
    """Faults of the index; none where it is sound."""

    schema: Literal["frieze/verify/1"]
    rebuilt: bool
    faults: Sequence[str]


class ImportedRows(TypedDict):
    """What became of the rows of another tool's data."""

    rows: int
    funnel: Sequence[FunnelStep]
    understood: Mapping[str, int]
    warnings: Sequence[WarningCount]
    scores: Mapping[str, int]


class PlannedSubset(TypedDict):
    """A folder that becomes a subset."""

    name: str
    folder: str
    repeats: float
    class_tokens: str
    images: int
    is_reg: bool


class ImportPlan(ImportedRows):
    """What an import would do."""

    schema: Literal["frieze/import-plan/1"]
    layout: str
    subsets: Sequence[PlannedSubset]
    ignored: Sequence[FileReason]
    notes: Sequence[str]


class ImportReport(ImportedRows):
    """What an import did."""

    schema: Literal["frieze/import/1"]
    added: int
    quarantined: Sequence[FileReason]
    passed_over: Mapping[str, int]
    scan_warnings: Sequence[FileReason]
    subsets: Sequence[str]
    class_tokens_given: int
    commit: int | None
    commits: Sequence[int]


class DoctorCheck(TypedDict):
    """One thing that was looked at."""

    part: str
    name: str
    verdict: Literal["ok", "gap", "fault"]
    found: str
    hint: str


class DoctorReport(TypedDict):
    """What Frieze works with on this machine."""

    schema: Literal["frieze/doctor/1"]
    sound: bool
    checks: Sequence[DoctorCheck]


class PageReport(TypedDict):
    """An HTML page about a run or a manifest, and where it is."""

    schema: Literal["frieze/report/1"]
    subject: Literal["run", "manifest"]
    name: str
    path: str
    bytes: int
    pictures: int
    pictures_left_out: int


class ExportReport(TypedDict):
    """What was written for other programs, and where."""

    schema: Literal["frieze/export/1"]
    path: str
    images: int
    notes: Sequence[str]


class ExportedFolder(TypedDict):
    """A folder for kohya's scripts, or its metadata file, and the repeats that its images have in the manifest."""

    name: str
    images: int
    repeats: float


class ManifestExport(TypedDict):
    """What was, or would be, written of a manifest for other programs."""

    schema: Literal["frieze/manifest-export/1"]
    path: str
    images: int
    notes: Sequence[str]
    folders: Sequence[ExportedFolder]
    dry_run: bool


class FilterRow(TypedDict):
    """A saved filter."""

    name: str
    filter: str
