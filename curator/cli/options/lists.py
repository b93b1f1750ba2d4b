"""Lists that commands read from a file or from stdin: opened, and parted into names."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from curator.contract.errors import UserError

STDIN = "-"
_PIECE_BYTES = 1 << 20
_LONGEST_BYTES = 1 << 16  # of a name: no path is longer
_MARK = b"\xef\xbb\xbf"  # of UTF-8, which some editors put first


def called(source: str) -> str:
    """What messages call a list: `stdin`, or its file."""
    return "stdin" if source == STDIN else source or "''"


@contextmanager
def opened_list(source: str, holds: str) -> Generator[BinaryIO]:
    """A list that is a file, or stdin where `source` is `-`; `holds` says in messages what is in it.

    Raises:
        UserError: it cannot be read, or is a terminal, where nobody may know that something is waited for.
    """
    try:
        with _binary(source) as file:
            if file.isatty():
                raise UserError(
                    f"{called(source)} is a terminal where {holds} are expected",
                    "pipe them in, or name a file",
                )
            yield file
    except OSError as error:
        what = f"{called(source)} cannot be read: {error.strerror}"
        raise UserError(what, f"give a file of {holds}, or '{STDIN}' for stdin") from error


@contextmanager
def _binary(source: str) -> Generator[BinaryIO]:
    if source == STDIN:
        yield sys.stdin.buffer
        return
    with Path(source).open("rb") as file:
        yield file


def names_in(source: str, holds: str, *, is_null: bool) -> Iterator[bytes]:
    """The names of a list, one a line, or NUL-separated; read piece by piece, and empty ones left out.

    Raises:
        UserError: as `opened_list`, or what is there is no such list.
    """
    with opened_list(source, holds) as file:
        rest, separator, start = b"", b"\0" if is_null else b"\n", _MARK
        while piece := file.read(_PIECE_BYTES):
            if not is_null and b"\0" in piece:
                raise UserError(
                    f"{called(source)} holds NUL bytes",
                    f"add --null if they part {holds}; else it is no list",
                )
            *whole, rest = (rest + piece).removeprefix(start).split(separator)
            start = b""
            if len(rest) > _LONGEST_BYTES:
                hint = "leave --null out if it has one a line" if is_null else f"give {holds}, one a line"
                raise UserError(f"{called(source)} has a name longer than any path", hint)
            yield from filter(None, whole) if is_null else _lines(whole)
        yield from filter(None, [rest]) if is_null else _lines([rest])


def _lines(lines: list[bytes]) -> Iterator[bytes]:
    """Lines without what Windows puts at their ends."""
    return (line for each in lines if (line := each.removesuffix(b"\r")).strip())
