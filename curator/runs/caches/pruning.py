"""Caches pruned: entries that no manifest needs, that were not used for long, that are damaged or too many.

What is left of a shard is written anew beside it, whole, before the old one goes: a kill loses nothing, a run that has
it open reads on. A shard that a run writes to is left alone.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.cache.groups import Group, bytes_in, groups_in
from curator.contract.cache.records import DATA, INDEX, NO_SUBJECT, Record, records_of
from curator.contract.cache.shards import Entry, Shard, ShardWriter, locked_index, shards_in
from curator.contract.cache.subjects import latent_subject
from curator.contract.errors import UserError
from curator.contract.files.whole_files import drafted_folder
from curator.contract.manifest.manifest import open_manifest
from curator.runs.caches.verifying import sound_records

if TYPE_CHECKING:
    from curator.contract.progress import Progress

_DAY_S = 86400.0
_REWRITTEN = "rewritten"
_WRITTEN_AT_ONCE = 64


@dataclass(frozen=True)
class Wanted:
    """What to remove: caches not used for so many days, what none of `manifests` needs (None: not asked) nor any that
    was trained from the caches and is still there, what is damaged, and the caches used least lately until all take
    `most_bytes`."""

    unused_days: float | None = None
    manifests: tuple[Path, ...] | None = None
    damaged: bool = False
    most_bytes: int | None = None


@dataclass
class _Fate:
    """What becomes of a shard: the records that stay; None: all of it goes."""

    group: Group
    shard: Shard
    entries: int
    stay: list[Record] | None

    @property
    def removed(self) -> int:
        return self.entries - len(self.stay or ())

    @property
    def freed_bytes(self) -> int:
        stay = self.stay or ()
        return max(0, self.shard.bytes - sum(record.length for record in stay)) if self.removed else 0


@dataclass
class Pruned:
    """What is removed, or would be: entries and bytes by cache; how many shards are left since runs write to them."""

    entries: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    in_use: int = 0


def prune(caches: Path, wanted: Wanted, progress: Progress, *, dry_run: bool) -> Pruned:
    """Remove what is wanted; with `dry_run` only say what that would be. `progress` hears shards.

    Raises:
        UserError: a manifest cannot be read, or the disk has no room for what is left of a shard.
    """
    fates = list(_fates(caches, wanted))
    _drop_to_size(fates, wanted.most_bytes, bytes_in(caches))
    pruned = Pruned()
    for done, fate in enumerate(fates, start=1):
        if fate.removed and (dry_run or _carried_out(fate, pruned)):
            pruned.entries[fate.group.name] = pruned.entries.get(fate.group.name, 0) + fate.removed
            pruned.bytes += fate.freed_bytes if dry_run else 0
        progress(done, len(fates))
    if not dry_run:
        for group in {fate.group.folder: fate.group for fate in fates}.values():
            _remove_if_empty(group)
    return pruned


def _fates(caches: Path, wanted: Wanted) -> Iterator[_Fate]:
    """By last use, the longest unused first."""
    others = [
        path for group in groups_in(caches) for path in group.manifests
    ]  # of collections that share them
    subjects, digests = _needed(
        {path.resolve() for path in (*wanted.manifests, *others)} if wanted.manifests is not None else ()
    )
    for group in sorted(groups_in(caches), key=lambda each: each.last_used):
        for left in shards_in(group.folder / _REWRITTEN):  # of one that was killed
            _move_in(left, group)
        is_old = (
            wanted.unused_days is not None and group.last_used < time.time() - wanted.unused_days * _DAY_S
        )
        is_unused = wanted.manifests is not None and digests.isdisjoint(group.used_by)
        for shard in group.shards:
            if is_old:
                yield _Fate(group, shard, shard.entries, None)
                continue
            records = sound_records(shard) if wanted.damaged else _records(shard)
            stay = [
                record
                for record in records
                if record and (wanted.manifests is None or _is_needed(record, subjects, is_unused=is_unused))
            ]
            yield _Fate(group, shard, shard.entries, stay or None)


def _records(shard: Shard) -> list[Record | None]:
    try:
        return list(records_of(shard.index))
    except FileNotFoundError:
        return []


def _is_needed(record: Record, subjects: set[bytes], *, is_unused: bool) -> bool:
    """Entries without a subject, those of captions, go with their whole cache."""
    return not is_unused if record.subject == NO_SUBJECT else record.subject in subjects


def _needed(manifests: Iterable[Path]) -> tuple[set[bytes], set[str]]:
    """The subjects of all images of these manifests, and the manifests' digests."""
    subjects: set[bytes] = set()
    digests: set[str] = set()
    for path in manifests:
        with open_manifest(path) as manifest:
            digests.add(manifest.digest)
            resample = manifest.header.rule.resample
            for image in manifest.images():
                for flip in (False, True):
                    subjects.add(latent_subject(image.sha256, image.placement, resample, flip=flip))
    return subjects, digests


def _drop_to_size(fates: list[_Fate], most_bytes: int | None, total: int) -> None:
    if most_bytes is None:
        return
    total -= sum(fate.freed_bytes for fate in fates)
    for fate in fates:
        if total <= most_bytes:
            return
        total -= fate.shard.bytes - fate.freed_bytes
        fate.stay = None


def _carried_out(fate: _Fate, pruned: Pruned) -> bool:
    """Whether a shard met its fate: not where a run writes to it, or it grew since it was looked at."""
    lock = locked_index(fate.shard.index)
    if lock is None or fate.shard.entries != fate.entries:
        pruned.in_use += 1
        if lock is not None:
            os.close(lock)
        return False
    try:
        before = fate.shard.bytes
        after = _rewrite(fate) if fate.stay else 0
        for path in (fate.shard.index, fate.shard.data):
            path.unlink(missing_ok=True)
        pruned.bytes += max(0, before - after)
    except OSError as error:
        raise UserError(
            f"what is left of {fate.shard.data} cannot be written: {error.strerror}",
            "nothing is lost; free space, or remove whole caches with --unused-days",
        ) from error
    finally:
        os.close(lock)
    return True


def _rewrite(fate: _Fate) -> int:
    """What stays of a shard in one of its own; gives its bytes."""
    stay = fate.stay or []
    place = fate.group.folder / _REWRITTEN
    with (
        drafted_folder(place, replace=True) as draft,
        ShardWriter(draft) as writer,
        fate.shard.data.open("rb") as data,
    ):
        for at in range(0, len(stay), _WRITTEN_AT_ONCE):
            entries: list[Entry] = []
            for record in stay[at : at + _WRITTEN_AT_ONCE]:
                data.seek(record.offset)
                entries.append(Entry(record.key, record.subject, data.read(record.length)))
            writer.append(entries)
    return sum(_move_in(shard, fate.group) for shard in shards_in(place))


def _move_in(shard: Shard, group: Group) -> int:
    """Give a rewritten shard its place; gives its bytes. It is one from when its index is there."""
    size = shard.bytes
    for path in (shard.data, shard.index):
        with suppress(FileNotFoundError):  # a kill came between the two
            path.rename(group.folder / path.name)
    shutil.rmtree(shard.data.parent, ignore_errors=True)
    return size


def _remove_if_empty(group: Group) -> None:
    if not any(each.suffix in (DATA, INDEX) for each in group.folder.iterdir()):
        shutil.rmtree(group.folder, ignore_errors=True)
