"""Content of a model file, told by its first bytes and never by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal, NamedTuple

from curator.contract.errors import UserError
from curator.contract.files.regular_file import open_regular

Content = Literal["safetensors", "pickle"]
_LOOKED_AT_BYTES = 512
_ZIP = b"PK\x03\x04"
_PICKLE_PROTOCOLS = range(2, 6)


class _Other(NamedTuple):
    """A file that is taken for a model: how it begins, what it is, what to do."""

    starts: tuple[bytes, ...]
    what: str
    hint: str


_AGAIN = "fetch the file again"
_OTHERS = (
    _Other(
        (b"version https://git-lfs",),
        "is a Git LFS pointer: the model itself was never fetched",
        "run 'git lfs pull' beside it, or download the file itself",
    ),
    _Other(
        (b"<!doctype html", b"<html", b"<?xml"),
        "is a web page: the download was answered with a page",
        "download it again, signed in where the site asks for that",
    ),
    _Other(
        (b"gguf",), "is a GGUF file, whose quantised weights cannot be trained", "give the .safetensors file"
    ),
    _Other((b"\x1f\x8b", b"rar!", b"7z\xbc\xaf", b"bzh", b"\xfd7zxz"), "is a packed archive", "unpack it"),
    _Other((b"{", b"["), "is a JSON text and no model", _AGAIN),
)


def content_of(path: Path) -> Content:
    """Whether a file is safetensors or a pickle of PyTorch.

    Raises:
        UserError: it is neither; says what it is instead.
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        start = file.read(_LOOKED_AT_BYTES)
    if len(start) > 8 and start[8:9] == b"{":
        return "safetensors"
    if start.startswith(_ZIP):
        return _zipped(path)
    if len(start) > 1 and start[0] == 0x80 and start[1] in _PICKLE_PROTOCOLS:
        return "pickle"
    raise _refused(path, start)


def _zipped(path: Path) -> Content:
    """PyTorch's own archives are zip files with a `data.pkl`."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise not_readable(path, "is a PyTorch checkpoint that was cut short", _AGAIN) from None
    if any(name.rpartition("/")[2] == "data.pkl" for name in names):
        return "pickle"
    raise not_readable(path, "is a zip archive with no PyTorch checkpoint in it", "unpack it")


def _refused(path: Path, start: bytes) -> UserError:
    if not start.strip(b"\0"):
        return not_readable(path, "is empty" if not start else "holds nothing but zeros", _AGAIN)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for other in _OTHERS:
        if text.startswith(other.starts):
            return not_readable(path, other.what, other.hint)
    return not_readable(path, "is neither safetensors nor a PyTorch checkpoint", _AGAIN)


def not_readable(path: Path, what: str, hint: str) -> UserError:
    """The error of a model file: `what` goes on from its name."""
    return UserError(f"the model file {path} {what}", hint)
