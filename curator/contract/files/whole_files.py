"""Files and folders written whole: drafted beside their place, flushed to the disk, then renamed.

A reader never sees half of one, a full disk or a kill leaves what was there before. Who drafts holds a lock, so what a
killed process left is known from what a living one writes, and is removed by the next that writes there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from curator.contract.files.regular_file import refuse_irregular
from curator.contract.locations import DRAFT_PREFIX

_LOCK = "lock"
_DRAFT = re.compile(re.escape(DRAFT_PREFIX) + "[0-9a-f]{16}")  # other names that begin so are markers
_FLUSHES_AT_ONCE = 16  # file systems write the journal once for many


class TakenError(FileExistsError):
    """Something has the name that a new file or folder was to get."""


def replace_file(path: str | Path, data: bytes) -> os.stat_result:
    """Write `data` as `path`, keeping its permissions; a link stays a link. Gives the new file's status.

    Two that write one file take turns.

    Raises:
        OSError: no space, or no right to write there; what was there stays.
    """
    target = Path(os.path.realpath(path))
    draft = target.with_name(DRAFT_PREFIX + hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16])
    handle = _locked(draft)
    try:
        os.ftruncate(handle, 0)
        view = memoryview(data)
        while view:  # a disk that fills up takes a part first
            view = view[os.write(handle, view) :]
        os.fchmod(handle, _mode(target))
        os.fsync(handle)
        status = os.fstat(handle)
        os.replace(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    return status


@contextmanager
def drafted_file(path: Path, *, replace: bool = True) -> Generator[Path]:
    """A path to write a file to: it becomes `path` when nothing goes wrong, else it vanishes.

    The folder is made if need be.

    Raises:
        TakenError: without `replace`, something has the name by now.
        OSError: no space, or no right to write there.
    """
    target = Path(os.path.realpath(path))
    if not replace and os.path.lexists(target):
        raise TakenError(target)
    with _home(target.parent) as home:
        draft = home / target.name
        yield draft
        flush_to_disk(draft)
        if replace:
            os.replace(draft, target)
        else:
            _publish(draft, target)
        flush_to_disk(target.parent)


@contextmanager
def drafted_folder(path: Path, *, replace: bool = False) -> Generator[Path]:
    """A folder to fill: it becomes `path` when nothing goes wrong, else it vanishes with all that is in it.

    An empty folder that is there already stays, and is filled at the end: it may be a disk of its own.

    Raises:
        TakenError: without `replace`, something is there.
        OSError: no space, or no right to write there.
    """
    target = Path(os.path.realpath(path))
    fills = target.is_dir() and not replace
    with _home(target if fills else target.parent) as home:
        if not replace and (any(each != home for each in target.iterdir()) if fills else target.exists()):
            raise TakenError(target)
        draft = home / target.name
        draft.mkdir()
        yield draft
        _flush_all(draft)
        if fills:
            for each in draft.iterdir():
                each.rename(target / each.name)
        else:
            if replace and target.exists():
                target.rename(home / "before")
            draft.rename(target)
        flush_to_disk(target if fills else target.parent)


def dead_drafts(folder: Path) -> list[Path]:
    """What killed processes left half-written in a folder; drafts of living ones are locked, and not told."""
    return [
        each
        for each in sorted(folder.glob(f"{DRAFT_PREFIX}*"))
        if _DRAFT.fullmatch(each.name) and _is_dead(each)
    ]


def _is_dead(draft: Path) -> bool:
    try:
        lock = os.open(
            draft / _LOCK if draft.is_dir() else draft, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        )
    except FileNotFoundError:
        return True  # killed before there was a lock, or gone by now
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: lookers do not see each other
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def flush_to_disk(path: Path) -> None:
    """fsync a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_all(folder: Path) -> None:
    """Everything in a folder, files before the folders they are in."""
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and one file needs no pool

    places = [(Path(home), files) for home, _, files in os.walk(folder, topdown=False)]
    files = (home / name for home, names in places for name in names)
    with ThreadPoolExecutor(_FLUSHES_AT_ONCE) as pool:
        for _ in pool.map(flush_to_disk, (file for file in files if not file.is_symlink())):
            pass
    for home, _ in places:
        flush_to_disk(home)


@contextmanager
def _home(folder: Path) -> Generator[Path]:
    """A hidden folder in `folder` for one draft; what killed processes left there is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.glob(f"{DRAFT_PREFIX}*"):
        _remove_dead(other)
    home, lock = _made_home(folder)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def _made_home(folder: Path) -> tuple[Path, int]:
    while True:
        home = folder / f"{DRAFT_PREFIX}{os.urandom(8).hex()}"
        home.mkdir()
        with suppress(FileNotFoundError):  # another took it for a dead one before it was locked
            return home, _locked(home / _LOCK)


def _remove_dead(home: Path) -> None:
    with suppress(OSError):
        home.rmdir()  # killed before there was a lock
    with suppress(OSError):  # a living one is locked; what may not be removed stays
        lock = os.open(home / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(home)
        finally:
            os.close(lock)


def _locked(path: Path) -> int:
    """Make a file, or take one that was left, and lock it; again, where it was renamed or removed in between."""
    while True:
        lock = _opened(path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            refuse_irregular(os.fstat(lock).st_mode, path)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), path.lstat()):
                    return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o666)
    except PermissionError:  # what another user's process left, in a folder that both may write to
        path.unlink()
        return os.open(path, flags, 0o666)


def _publish(draft: Path, target: Path) -> None:
    """Give a file its name unless something has it."""
    try:
        os.link(draft, target)  # unlike a rename, it never takes the place of another
    except FileExistsError:
        raise TakenError(target) from None
    except OSError:  # a file system without links
        if target.exists():
            raise TakenError(target) from None
        os.replace(draft, target)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
