"""Outputs about caches of latents and captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class CacheRow(TypedDict):
    """A cache as the list has it; `used_by` are digests of the manifests that were trained from it."""

    name: str
    kind: str
    model: str
    entries: int
    bytes: int
    made_at: str
    last_used: str
    used_by: Sequence[str]


class CheckedCache(TypedDict):
    """What of a cache is damaged."""

    name: str
    entries: int
    damaged: int


class CacheCheckReport(TypedDict):
    """All caches, each entry read and compared."""

    schema: Literal["frieze/cache-verify/1"]
    caches: Sequence[CheckedCache]


class PrunedCache(TypedDict):
    """How many entries of a cache are removed, or would be."""

    name: str
    entries: int


class CachePrune(TypedDict):
    """What is removed of caches, or would be; `shards_in_use` were left alone since runs write to them."""

    schema: Literal["frieze/cache-prune/1"]
    dry_run: bool
    entries: int
    bytes: int
    caches: Sequence[PrunedCache]
    shards_in_use: int


class CacheExport(TypedDict):
    """Files of latents written for other programs: `there` stay as they were, `missing` had nothing in the cache."""

    schema: Literal["frieze/cache-export/1"]
    dry_run: bool
    written: int
    there: int
    missing: int
