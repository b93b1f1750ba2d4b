"""Decides what is read of one found file, in a thread of its own; touches no index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curator.index.images import FileFacts
from curator.scan.content import read_content
from curator.scan.find import Found
from curator.scan.header import Unreadable, read_header
from curator.scan.sidecar import Sidecar, read_sidecar


@dataclass(frozen=True)
class Task:
    """A found file, and which of it to read."""

    found: Found
    read_image: bool
    read_sidecars: bool


@dataclass(frozen=True)
class Outcome:
    """What was read. `reason` says why the image cannot be used; `facts` is None where it was not read."""

    task: Task
    facts: FileFacts | None = None
    reason: str | None = None
    sidecars: tuple[Sidecar, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()


def read(task: Task) -> Outcome:
    """Never raises for what a file holds."""
    facts: FileFacts | None = None
    if task.read_image:
        try:
            facts = _facts(task.found.path)
        except Unreadable as error:
            return Outcome(task, reason=str(error))
        except OSError as error:
            return Outcome(task, reason=error.strerror or "cannot be read")
    sidecars: list[Sidecar] = []
    warnings: list[tuple[str, str]] = []
    for file in task.found.sidecars if task.read_sidecars else ():
        try:
            sidecar = read_sidecar(file)
        except OSError as error:
            warnings.append((file.path, error.strerror or "cannot be read"))
            continue
        sidecars.append(sidecar)
        warnings += [(file.path, warning) for warning in sidecar.warnings]
    return Outcome(task, facts, None, tuple(sidecars), tuple(warnings))


def _facts(path: str) -> FileFacts:
    header = read_header(path)
    content = read_content(path)
    return FileFacts(
        content.sha256, content.file_bytes, content.mtime_ns, header.width, header.height, header.format
    )


def sidecars_agree(found: Found, known: Sequence[tuple[str, int, int]]) -> bool:
    """Whether the sidecars on disk are those last read, by (suffix, size, time)."""
    now = sorted((file.suffix, file.file_bytes, file.mtime_ns) for file in found.sidecars)
    return now == sorted(known)
