"""Images in a folder tree, in order, with the sidecars beside each.

Images and videos of other formats are passed over, and counted by ending.

A tar counts as one folder: its members are images and sidecars, read in place.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.files.tar_members import TarMembers, is_tar, members_of
from curator.scan.sidecars.beside import SidecarNames, is_sidecar

if TYPE_CHECKING:
    from curator.index.tables.folders import FolderState

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".avif")
_PICTURES = frozenset(SUFFIXES)
_OTHER_PICTURES = frozenset(
    f".{ending}"
    for endings in (
        "tif tiff heic heif hif jxl jp2 j2k jpx jpf apng svg svgz ico cur tga dds exr hdr qoi pcx",
        "pbm pgm ppm pnm pam eps psd psb xcf kra clip sai dng cr2 cr3 nef arw orf raf rw2 pef srw",
        "mp4 m4v webm mkv mov avi mpg mpeg wmv flv ogv ugoira",
    )
    for ending in endings.split()
)
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".lz4")
_PACKED_TARS = (*(f".tar{suffix}" for suffix in _PACKED), ".tgz", ".tbz2", ".txz", ".tzst")
_COMPRESSED = "a compressed tar cannot be read in place: unpack it, or make it a plain .tar"
_IRREGULAR = "not a regular file, or a link that leads nowhere"
_LOOK = 1 << 13  # entries of a folder between two looks at whether to go on
Problem = Callable[[str, OSError], None]  # (path, why) of a folder that cannot be read
Pulse = Callable[
    [str, int], None
]  # (a folder being listed, its images so far), now and then; may raise to stop


@dataclass(frozen=True)
class Folder:
    """A listed folder, or tar: names of images in order, and which sidecars lie beside them.

    `mtime_ns` is its own time, `looked_ns` the clock just before it was listed. `refused` are (path, reason) of what
    lies here and cannot be read; `passed_over` counts images and videos of other formats by ending. `tar` is set
    for a tar.
    """

    path: str
    mtime_ns: int
    looked_ns: int
    images: list[str]
    sidecars: SidecarNames
    inside: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    refused: tuple[tuple[str, str], ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict[str, int])
    tar: TarMembers | None = None

    def path_of(self, name: str) -> str:
        """The path of something in this folder."""
        return f"{self.path.rstrip('/')}/{name}"

    def sidecars_of(self, name: str) -> tuple[str, ...]:
        """The suffixes of the sidecars beside an image."""
        return self.sidecars.of(name) if self.sidecars else ()


@dataclass(frozen=True)
class Unchanged:
    """A folder that was not listed, since its time is the one remembered."""

    state: FolderState


def walk(
    top: str,
    skip: Collection[str],
    problem: Problem,
    remembered: Mapping[str, FolderState],
    keep_alive: Pulse,
) -> Iterator[Folder | Unchanged]:
    """Every folder and tar under `top` (or the tar `top`), depth first, by name.

    Hidden files and folders and the folders in `skip` are left out. Links to folders are followed, after all
    real folders; each folder is entered once, so a link back to a parent ends there.
    """
    entered: set[tuple[int, int]] = set()
    waiting, linked = [top], list[str]()
    while waiting or linked:
        path = waiting.pop() if waiting else linked.pop(0)
        looked_ns = time.time_ns()
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path for each of many takes as long again
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            known = remembered.get(path)
            if known is not None and known.mtime_ns == status.st_mtime_ns:
                yield Unchanged(known)
                inside, links = known.inside, known.linked
            else:
                folder = _listed(path, (status.st_mtime_ns, looked_ns), skip, keep_alive)
                yield folder
                inside, links = folder.inside, folder.linked
        except OSError as error:
            problem(path, error)
            continue
        waiting += [f"{path.rstrip('/')}/{name}" for name in reversed(inside)]
        linked += [f"{path.rstrip('/')}/{name}" for name in links]


def count(top: str, skip: Collection[str], progress: Callable[[int, str], None]) -> int:
    """How many images `walk` would find; a quick look at names alone. `progress` hears how many there are so far."""
    found = 0
    folders = walk(
        top, skip, lambda _path, _reason: None, {}, lambda path, more: progress(found + more, path)
    )
    for folder in folders:
        if isinstance(folder, Folder):
            found += len(folder.images)
            progress(found, folder.path)
    return found


def listed(path: str) -> Folder:
    """One folder or tar, as `walk` gives it.

    Raises:
        OSError: it is gone or cannot be read.
    """
    looked_ns = time.time_ns()
    return _listed(path, (Path(path).stat().st_mtime_ns, looked_ns), (), lambda _path, _images: None)


def _listed(path: str, times_ns: tuple[int, int], skip: Collection[str], keep_alive: Pulse) -> Folder:
    if is_tar(path):
        return _listed_tar(path, times_ns)
    images, beside, others = list[str](), SidecarNames(), Counter[str]()
    inside, linked, refused = list[str](), list[str](), list[tuple[str, str]]()
    with os.scandir(path) as listing:
        for entry in _kept_alive(listing, lambda: keep_alive(path, len(images))):
            name = entry.name
            if name[0] == ".":
                continue
            at = name.rfind(".")
            suffix = name[at:]
            if (suffix in _PICTURES or suffix.lower() in _PICTURES) and _is_file(entry):
                images.append(name)
            elif is_sidecar(suffix) and (_is_file(entry) or not _is_folder(entry)):
                beside.add(name[:at], suffix)  # of what is no file either, reading it says so
            elif _is_folder(entry):
                if entry.path not in skip:
                    (linked if entry.is_symlink() else inside).append(name)
            elif is_tar(entry.path):
                inside.append(name)
            elif suffix.lower() in _OTHER_PICTURES:
                others[suffix.lower()] += 1
            else:
                refused += _refusal(name)
    images.sort()
    folder = Folder(path, *times_ns, images, beside, sorted(inside), sorted(linked), passed_over=others)
    return _refusing(folder, [(folder.path_of(name), why) for name, why in sorted(refused)])


def _refusal(name: str) -> list[tuple[str, str]]:
    """What is no folder, and no file that is read, with the reason; nothing where nobody expects it to be read."""
    if name.lower().endswith(_PACKED_TARS):
        return [(name, _COMPRESSED)]
    return [(name, _IRREGULAR)] if name.lower().endswith(SUFFIXES) else []


def _kept_alive(
    listing: Iterator[os.DirEntry[str]], keep_alive: Callable[[], None]
) -> Iterator[os.DirEntry[str]]:
    for number, entry in enumerate(listing, 1):
        yield entry
        if not number % _LOOK:
            keep_alive()


def _listed_tar(path: str, times_ns: tuple[int, int]) -> Folder:
    members = members_of(path)
    images, beside, others = list[str](), SidecarNames(), Counter[str]()
    for member in members:
        name = member.name
        if any(part.startswith(".") and part != ".." for part in name.split("/")):
            continue
        at = name.rfind(".")
        suffix = name[at:].lower()
        if suffix in _PICTURES:
            images.append(name)
        elif is_sidecar(suffix):
            beside.add(name[:at], name[at:])
        elif suffix in _OTHER_PICTURES:
            others[suffix] += 1
    images.sort()
    folder = Folder(path, *times_ns, images, beside, passed_over=others, tar=members)
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
