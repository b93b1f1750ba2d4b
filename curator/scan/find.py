"""Decides which files of a folder tree are images, in which order, and which sidecars lie beside each."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".avif")
SIDECARS = (".txt", ".caption", ".json")


@dataclass(frozen=True)
class SidecarFile:
    """A sidecar on disk, not read yet."""

    suffix: str
    path: str
    file_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Found:
    """An image file on disk, not read yet."""

    folder: str
    name: str
    file_bytes: int
    mtime_ns: int
    sidecars: tuple[SidecarFile, ...]

    @property
    def path(self) -> str:
        return f"{self.folder.rstrip('/')}/{self.name}"


Problem = Callable[[str, str], None]  # (path, reason) of a folder that cannot be read


def walk(folder: str, skip: Collection[str], problem: Problem) -> Iterator[Found]:
    """Every image under `folder`, sorted by name within each folder, folders depth first.

    Hidden files and folders and the folders in `skip` are left out. Links to folders are followed, after all
    real folders; each folder is entered once, so a link back to a parent ends there.
    """
    for directory, entries in _folders(folder, skip, problem):
        yield from _images(directory, entries)


def count(folder: str, skip: Collection[str]) -> int:
    """How many images `walk` would find; a quick look at names alone."""
    found = 0
    for _, entries in _folders(folder, skip, lambda _path, _reason: None):
        found += sum(1 for entry in entries if _is_image(entry.name) and _is_file(entry))
    return found


def _folders(
    top: str, skip: Collection[str], problem: Problem
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    entered: set[tuple[int, int]] = set()
    waiting, linked = [top], list[str]()
    while waiting or linked:
        directory = waiting.pop() if waiting else linked.pop(0)
        try:
            status = Path(directory).stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(directory) as listing:
                entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            problem(directory, error.strerror or "cannot be read")
            continue
        yield directory, entries
        folders = [entry for entry in entries if _is_folder(entry) and entry.path not in skip]
        waiting += [entry.path for entry in reversed(folders) if not entry.is_symlink()]
        linked += [entry.path for entry in folders if entry.is_symlink()]


def _images(directory: str, entries: list[os.DirEntry[str]]) -> Iterator[Found]:
    beside = {entry.name: entry for entry in entries if entry.name.endswith(SIDECARS)}
    for entry in entries:
        if _is_image(entry.name) and _is_file(entry):
            status = _status(entry)
            if status is not None:
                sidecars = tuple(_sidecars(entry.name, beside))
                yield Found(directory, entry.name, status.st_size, status.st_mtime_ns, sidecars)


def _sidecars(name: str, beside: dict[str, os.DirEntry[str]]) -> Iterator[SidecarFile]:
    stem = name.rpartition(".")[0]
    for suffix in SIDECARS:
        entry = beside.get(stem + suffix)
        status = _status(entry) if entry is not None and _is_file(entry) else None
        if entry is not None and status is not None:
            yield SidecarFile(suffix, entry.path, status.st_size, status.st_mtime_ns)


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:  # gone since the folder was listed
        return None
