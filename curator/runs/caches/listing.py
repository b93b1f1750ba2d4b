"""Caches of a collection listed: what each holds, of which model, how much that is, and when it was used last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curator.contract.cache.groups import Group, bytes_in, groups_in


@dataclass(frozen=True)
class CacheSummary:
    """One cache; times are seconds of the clock. `used_by` are digests of the manifests that were trained from it."""

    name: str
    kind: str
    model: str
    entries: int
    bytes: int
    made_at: float
    last_used: float
    used_by: tuple[str, ...]


def summaries(caches: Path) -> list[CacheSummary]:
    """All caches in a folder, those used last first."""
    found = [_summary(group) for group in groups_in(caches)]
    return sorted(found, key=lambda each: (-each.last_used, each.name))


def _summary(group: Group) -> CacheSummary:
    about = group.about
    return CacheSummary(
        group.name,
        about.kind,
        about.model,
        sum(shard.entries for shard in group.shards),
        bytes_in(group.folder),
        about.made_at,
        group.last_used,
        tuple(sorted(group.used_by)),
    )
