"""Rows of a file of any size, one at a time: JSON (lines, lists and objects), CSV, Parquet."""

from __future__ import annotations

import codecs
import csv
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.files.regular_file import TEXT_BYTES, decoded, open_regular

_CHUNK = 1 << 20
_MOST_BYTES = 1 << 28  # of one value or line
_SPACE = " \t\r\n"
_PARQUET_ROWS = 4096
_PARQUET_BYTES = 1 << 20  # of a column at once, instead of the whole column of a group


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, value); None as the value of a line that is no JSON, such as one cut short."""
    with _opened(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(_MOST_BYTES), b""), 1):
            if len(line) == _MOST_BYTES:
                raise UserError(
                    f"{path}: line {number} is longer than {_MOST_BYTES >> 20} MiB",
                    "give a file of one JSON object a line",
                )
            text = decoded(line)[0].strip()
            if text:
                yield number, _value(text)


def json_items(path: Path) -> Iterator[tuple[str, Any]]:
    """The members of one big object as (key, value), or of one big list as ("", value).

    Raises:
        UserError: the file is neither, or is cut short.
    """
    with _opened(path) as file:
        reader = _Reader(path, file)
        opening = reader.take()
        if opening not in "{[":
            raise UserError(f"{path} holds no JSON object or list", "give a file of metadata")
        closing = {"{": "}", "[": "]"}[opening]
        while reader.peek() != closing:
            key = ""
            if opening == "{":
                key = str(reader.value())
                reader.expect(":")
            yield key, reader.value()
            if reader.peek() == ",":
                reader.take()
        reader.take()


def whole_items(path: Path) -> Iterator[tuple[str, Any] | None]:
    """The same; where the file is cut short behind some members, None ends them.

    Raises:
        UserError: there is not one whole member.
    """
    count = 0
    try:
        for item in json_items(path):
            count += 1
            yield item
    except UserError:
        if not count:
            raise
        yield None


def csv_rows(file: Path) -> Iterator[Mapping[str, Any]]:
    """Rows under the names of the first line.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open_regular(file) as opened:
            lines = (decoded(line)[0] for line in iter(lambda: opened.readline(TEXT_BYTES), b""))
            yield from csv.DictReader(lines)
    except (OSError, csv.Error) as error:
        raise UserError(f"{file} cannot be read: {error}", "mend it") from error


def parquet_rows(file: Path, wanted: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Rows with those of the `wanted` columns that there are, a few thousand read at a time, with pyarrow.

    Raises:
        UserError: pyarrow is not installed, or the file is no Parquet.
    """
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise UserError(
            "Parquet needs pyarrow, which is not installed", "pip install 'frieze[parquet]'"
        ) from error
    try:
        open_regular(file).close()
        opened = parquet.ParquetFile(file, buffer_size=_PARQUET_BYTES)
        names = [name for name in wanted if name in opened.schema_arrow.names]
    except Exception as error:
        raise UserError(f"{file} is no Parquet file: {str(error)[:100]}", "write the file again") from error
    # One reader for all groups would keep those it has read; threads would decode columns ahead.
    return (
        row
        for group in range(opened.num_row_groups)
        for batch in opened.iter_batches(_PARQUET_ROWS, row_groups=[group], columns=names, use_threads=False)
        for row in batch.to_pylist()
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class _Reader:
    """A window on the text that grows until a value is whole in it."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path = path
        self._file = file
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._ended = False
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._more()

    def peek(self) -> str:
        """The next character that is no space."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                raise self._cut()
            self._more()

    def take(self) -> str:
        char = self.peek()
        self._at += 1
        return char

    def expect(self, char: str) -> None:
        if self.take() != char:
            raise self._cut()

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if self._ended:
                    raise self._cut() from error
                self._more()
                continue
            if end == len(self._text) and not self._ended:  # a number may go on in the next piece
                self._more()
                continue
            self._at = end
            return value

    def _more(self) -> None:
        if len(self._text) - self._at > _MOST_BYTES:
            raise self._cut()
        data = self._file.read(max(_CHUNK, len(self._text) - self._at))
        self._ended = not data
        self._text = self._text[self._at :] + self._utf8.decode(data, final=not data)
        self._at = 0

    def _cut(self) -> UserError:
        return UserError(
            f"{self._path} is cut short or is no JSON near '{self._text[self._at :][:30]}'",
            "write the file again",
        )


def _opened(path: Path) -> Any:
    try:
        return open_regular(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "check its name and rights") from error
