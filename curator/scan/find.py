"""Decides which files of a folder tree are images, in which order, and which sidecars lie beside each.

A tar counts as one folder: its members are images and sidecars, read in place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from curator.contract.tar_members import TarMembers, is_tar, members_of
from curator.index.folders import FolderState

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".avif")
SIDECARS = (".txt", ".caption", ".json")
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".lz4")
_PACKED_TARS = (*(f".tar{suffix}" for suffix in _PACKED), ".tgz", ".tbz2", ".txz", ".tzst")
_COMPRESSED = "a compressed tar cannot be read in place: unpack it, or make it a plain .tar"
Problem = Callable[[str, str], None]  # (path, reason) of a folder that cannot be read


@dataclass(frozen=True)
class Folder:
    """A listed folder, or tar: names of images in order, and of the sidecars among its files.

    `refused` are (path, reason) of what lies here and cannot be read. `tar` is set for a tar.
    """

    path: str
    mtime_ns: int
    images: list[str]
    beside: Collection[str]
    inside: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    refused: tuple[tuple[str, str], ...] = ()
    tar: TarMembers | None = None

    def path_of(self, name: str) -> str:
        """The path of something in this folder."""
        return f"{self.path.rstrip('/')}/{name}"

    def sidecars_of(self, name: str) -> list[str]:
        """The suffixes of the sidecars beside an image."""
        if not self.beside:
            return []
        stem = name.rpartition(".")[0]
        return [suffix for suffix in SIDECARS if stem + suffix in self.beside]


@dataclass(frozen=True)
class Unchanged:
    """A folder that was not listed, since its time is the one remembered."""

    state: FolderState


def walk(
    top: str, skip: Collection[str], problem: Problem, remembered: Mapping[str, FolderState]
) -> Iterator[Folder | Unchanged]:
    """Every folder and tar under `top` (or the tar `top`), depth first, by name.

    Hidden files and folders and the folders in `skip` are left out. Links to folders are followed, after all
    real folders; each folder is entered once, so a link back to a parent ends there.
    """
    entered: set[tuple[int, int]] = set()
    waiting, linked = [top], list[str]()
    while waiting or linked:
        path = waiting.pop() if waiting else linked.pop(0)
        try:
            status = Path(path).stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            known = remembered.get(path)
            if known is not None and known.mtime_ns == status.st_mtime_ns:
                yield Unchanged(known)
                inside, links = known.inside, known.linked
            else:
                folder = _listed(path, status.st_mtime_ns, skip)
                yield folder
                inside, links = folder.inside, folder.linked
        except OSError as error:
            problem(path, error.strerror or "cannot be read")
            continue
        waiting += [f"{path.rstrip('/')}/{name}" for name in reversed(inside)]
        linked += [f"{path.rstrip('/')}/{name}" for name in links]


def count(top: str, skip: Collection[str]) -> int:
    """How many images `walk` would find; a quick look at names alone."""
    folders = walk(top, skip, lambda _path, _reason: None, {})
    return sum(len(folder.images) for folder in folders if isinstance(folder, Folder))


def _listed(path: str, mtime_ns: int, skip: Collection[str]) -> Folder:
    if is_tar(path):
        return _listed_tar(path, mtime_ns)
    images, beside, inside, linked, refused = list[str](), set[str](), list[str](), list[str](), list[str]()
    with os.scandir(path) as listing:
        for entry in listing:
            name = entry.name
            if name.startswith("."):
                continue
            if name.lower().endswith(SUFFIXES) and _is_file(entry):
                images.append(name)
            elif name.endswith(SIDECARS) and _is_file(entry):
                beside.add(name)
            elif _is_folder(entry):
                if entry.path not in skip:
                    (linked if entry.is_symlink() else inside).append(name)
            elif is_tar(entry.path):
                inside.append(name)
            elif name.lower().endswith(_PACKED_TARS):
                refused.append(name)
    images.sort()
    folder = Folder(path, mtime_ns, images, beside, sorted(inside), sorted(linked))
    return _refusing(folder, [(folder.path_of(name), _COMPRESSED) for name in sorted(refused)])


def _listed_tar(path: str, mtime_ns: int) -> Folder:
    members = members_of(path)
    images, beside = list[str](), set[str]()
    for member in members:
        name = member.name
        if any(part.startswith(".") and part != ".." for part in name.split("/")):
            continue
        if name.lower().endswith(SUFFIXES):
            images.append(name)
        elif name.endswith(SIDECARS):
            beside.add(name)
    images.sort()
    folder = Folder(path, mtime_ns, images, beside, tar=members)
    refused = [
        (folder.path_of(name), why) for name, why in members.refused if name.lower().endswith(SUFFIXES)
    ]
    return _refusing(folder, refused + ([(path, members.problem)] if members.problem else []))


def _refusing(folder: Folder, refused: list[tuple[str, str]]) -> Folder:
    return replace(folder, refused=tuple(refused)) if refused else folder


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
