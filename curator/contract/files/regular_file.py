"""Regular files of other programs: opened without waiting, and their text decoded.

A FIFO, socket or device where a file is expected is an error, not a hang.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from curator.contract.files.live_databases import refuse_live

TEXT_BYTES = 1 << 24  # more than any recipe, list or table that a person keeps
_JAPANESE = re.compile("[\u3005-\u3007\u3041-\u30ff\u4e00-\u9fff]{2}")
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO without a writer would block the open itself


def open_regular(path: str | Path) -> BinaryIO:
    """The file at `path` for reading.

    Raises:
        OSError: it is gone, cannot be read, is no regular file (`EINVAL`; a folder: `EISDIR`), or is a database that
            this process has open (`EBUSY`).
    """
    try:
        refuse_live(path)
        handle = os.open(path, _FLAGS)
    except ValueError:  # a name with a zero byte, which no file has
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path)) from None
    try:
        refuse_irregular(os.fstat(handle).st_mode, path)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | Path, *, limit_bytes: int) -> bytes:
    """All bytes of a file of at most `limit_bytes`; raises as `open_regular`, and `EFBIG` for a longer one."""
    with open_regular(path) as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"larger than {limit_bytes:,} bytes", os.fspath(path))
    return data


def refuse_irregular(mode: int, path: str | Path) -> None:
    """Raise the error of `open_regular` unless `mode` is a regular file's."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))


def decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Bytes as text, and a warning where that was a guess.

    UTF-8 and UTF-16 with a mark are certain. Other bytes are Japanese (cp932) where that has two kana or kanji side
    by side, else Windows-1252.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), ()
        except UnicodeDecodeError:
            return data.decode("utf-16", "replace"), ("damaged UTF-16",)
    try:
        return data.decode().removeprefix("\ufeff"), ()
    except UnicodeDecodeError:
        return _guessed(data)


def _guessed(data: bytes) -> tuple[str, tuple[str, ...]]:
    try:
        text = data.decode("cp932")
    except UnicodeDecodeError:
        text = ""
    if _JAPANESE.search(text):
        return text, ("not UTF-8, read as Japanese (cp932)",)
    return data.decode("cp1252", "replace"), ("not UTF-8, read as Windows-1252",)
