"""Files of folders that are imported: images are what a scan takes for one, hidden names are left out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from curator.contract.errors import UserError
from curator.scan.find import SUFFIXES

OF_WINDOWS = "a Windows path with a drive, which is no place here: name images relative to their folder"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def pictures_in(folder: Path) -> list[Path]:
    """The images that lie directly in `folder`, by name."""
    return sorted(path for path in entries(folder) if path.is_file() and is_picture(path.name))


def is_picture(name: str) -> bool:
    """Whether a file of this name is an image, by its ending."""
    return name.lower().endswith(SUFFIXES)


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, hidden names left out, sorted.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with os.scandir(folder) as listing:
            return sorted(Path(entry.path) for entry in listing if not entry.name.startswith("."))
    except OSError as error:
        raise UserError(
            f"the folder {folder} cannot be read: {error.strerror}", "check its name and rights"
        ) from error


def tree(folder: Path) -> Iterator[Path]:
    """`folder` and every folder below it, parents first and each once; links are followed, as a scan follows them."""
    entered: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        each = waiting.pop()
        inside = entries(each)
        status = each.stat()
        if (status.st_dev, status.st_ino) not in entered:
            entered.add((status.st_dev, status.st_ino))
            yield each
            waiting += [entry for entry in reversed(inside) if entry.is_dir()]


def absolute(path: Path) -> Path:
    """`path` from the root, without `..`, links kept: as a scan names it."""
    return Path(os.path.normpath(path.absolute()))


def need_folder(path: Path) -> Path:
    """`path` as an absolute folder.

    Raises:
        UserError: there is none.
    """
    if not path.is_dir():
        raise UserError(f"there is no folder {path}", "give the folder that holds the images")
    return absolute(path)


def named_in(folder: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """The path of an image that metadata names, relative to `folder` or absolute, and what is wrong with it."""
    return os.path.normpath(folder / name), (OF_WINDOWS,) if _DRIVE.match(name) else ()
