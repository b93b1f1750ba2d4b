"""The report of a scan: counts, and every file it could not take as it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

Pairs = list[tuple[str, str]]


@dataclass
class ScanReport:
    """What a scan found. Lists hold (absolute path, reason).

    `added` + `changed` + `moved` + `returned` + `unchanged` + quarantined is every image file met. `reread` counts
    images whose words were taken from a changed sidecar, `passed_over` images and videos of formats that are not
    read, by ending.
    """

    added: int = 0
    changed: int = 0
    moved: int = 0
    returned: int = 0
    missing: int = 0
    unchanged: int = 0
    reread: int = 0
    quarantined: Pairs = field(default_factory=Pairs)
    conflicts: Pairs = field(default_factory=Pairs)
    warnings: Pairs = field(default_factory=Pairs)
    passed_over: Counter[str] = field(default_factory=Counter[str])

    def include(self, other: ScanReport) -> None:
        """Add the report of one more batch."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
