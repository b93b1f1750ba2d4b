"""The members of a tar and where their bytes lie: from the JSON beside it, else from its own headers.

Nothing is ever unpacked. A name in a tar is text: leading "/", "./" and doubled slashes are dropped, ".." stays as it
is and leads nowhere. Where a name comes twice the later member counts, as when unpacking.

The JSON is that of the shards on Hugging Face: `shard.json` beside `shard.tar`, `{"filesize": bytes of the tar,
"files": {name: {"offset": ..., "size": ...}}}`. It is believed where its size is that of the tar and a sample of its
places has a tar header before it.
"""

from __future__ import annotations

import json
import os
import tarfile
import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from curator.contract.files.regular_file import open_regular, read_regular

SUFFIX = ".tar"
_BLOCK = 512
_SAMPLE = 16
_MOST_JSON_BYTES = 1 << 28
_MOST_HEADER_BYTES = 1 << 20  # of a long name, or of what pax says of one member
_MOST_MEMBERS = 4_000_000  # of all tars remembered at once; some 50 bytes each
_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Member:
    """One file of a tar: where its bytes begin, and how many there are."""

    name: str
    offset: int
    size: int


class TarMembers:
    """The files of one tar, sorted by name; arrays, since a shard may hold a hundred thousand.

    `refused` are (name, reason) of members that cannot be read. `problem` says why the tar was not read to its end;
    empty where it was.
    """

    def __init__(
        self, members: Iterable[Member], refused: Sequence[tuple[str, str]] = (), problem: str = ""
    ) -> None:
        latest = {os.fsencode(each.name): (each.offset, each.size) for each in members}
        names = sorted(latest)
        self._names = b"".join(names)
        self._ends = array("Q")
        self._offsets = array("Q", (latest[name][0] for name in names))
        self._sizes = array("Q", (latest[name][1] for name in names))
        end = 0
        for name in names:
            end += len(name)
            self._ends.append(end)
        self.refused = tuple(refused)
        self.problem = problem

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[Member]:
        return (self._member(row) for row in range(len(self)))

    def find(self, name: str) -> Member | None:
        """The member of that name."""
        wanted = os.fsencode(plain_name(name))
        row = bisect_left(range(len(self)), wanted, key=self._name)
        return self._member(row) if row < len(self) and self._name(row) == wanted else None

    def _name(self, row: int) -> bytes:
        return self._names[self._ends[row - 1] if row else 0 : self._ends[row]]

    def _member(self, row: int) -> Member:
        return Member(os.fsdecode(self._name(row)), self._offsets[row], self._sizes[row])


def is_tar(path: str) -> bool:
    """Whether a path names a tar that can be read in place: an uncompressed one, by its suffix."""
    return path.lower().endswith(SUFFIX) and Path(path).is_file()


def plain_name(name: str) -> str:
    """A member's name without what would not be in a path: empty parts and "."."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def members_of(path: str) -> TarMembers:
    """The files of the tar at `path`; remembered while the tar stays as it is.

    Raises:
        OSError: it is gone or cannot be read.
    """
    status = Path(path).stat()
    stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
    found = _SHELF.get(path, stamp)
    if found is None:
        found = _from_json(path, status.st_size) or _from_headers(path, status.st_size)
        _SHELF.put(path, stamp, found)
    return found


def _from_json(path: str, tar_bytes: int) -> TarMembers | None:
    try:
        about: Any = json.loads(read_regular(path[: -len(SUFFIX)] + ".json", limit_bytes=_MOST_JSON_BYTES))
        if about["filesize"] != tar_bytes:
            return None
        members = [_described(name, entry) for name, entry in about["files"].items()]
        if any(each.offset + each.size > tar_bytes for each in members) or not _sample_agrees(path, members):
            return None
        return TarMembers(each for each in members if each.name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # no such JSON, or one that means something else: the headers know


def _described(name: str, entry: dict[str, Any]) -> Member:
    offset, size = entry["offset"], entry["size"]
    if type(offset) is not int or type(size) is not int or offset < _BLOCK or size < 0 or "\0" in name:
        raise ValueError(name)
    return Member(plain_name(name), offset, size)


def _sample_agrees(path: str, members: Sequence[Member]) -> bool:
    """Whether some members, spread evenly, have a tar header of their size right before their bytes."""
    count = min(_SAMPLE, len(members))
    with open_regular(path) as file:
        for row in {index * (len(members) - 1) // max(1, count - 1) for index in range(count)}:
            file.seek(members[row].offset - _BLOCK)
            try:
                header = tarfile.TarInfo.frombuf(file.read(_BLOCK), "utf-8", "surrogateescape")
            except tarfile.HeaderError:
                return False
            if header.size != members[row].size:
                return False
    return True


def _from_headers(path: str, tar_bytes: int) -> TarMembers:
    members: list[Member] = []
    refused: list[tuple[str, str]] = []
    problem = ""
    try:
        with (
            open_regular(path) as file,
            tarfile.open(
                fileobj=cast("BinaryIO", _Headers(file)),
                mode="r:",
                encoding="utf-8",
                errors="surrogateescape",
            ) as tar,
        ):
            for each in _entries(tar):
                name = plain_name(each.name)
                if "\0" in name:
                    refused.append((name, "its name holds a zero byte"))
                elif each.offset_data + each.size > tar_bytes:
                    refused.append((name, "the tar ends within it"))
                elif each.issparse() or not each.isreg():
                    refused += [(name, "a link or a sparse file in a tar")] if not each.isdir() else []
                elif name:
                    members.append(Member(name, each.offset_data, each.size))
            problem = (
                "" if refused or _has_end_mark(path, tar.offset) else "the tar ends without its end mark"
            )
    except (
        tarfile.TarError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:  # what damaged headers make
        problem = f"the tar cannot be read to its end: {' '.join(str(error).split())}"
        if not members and not refused:
            problem = "not an uncompressed tar, or a damaged one"
    return TarMembers(members, refused, problem)


class _Headers:
    """A tar as `tarfile` reads its headers: one that claims to be long is refused before memory is taken for it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        if size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header claims to have {size:,} bytes")
        return self._file.read(size)


def _has_end_mark(path: str, at: int) -> bool:
    """Whether a block of zeros stands where the walk ended, as in every tar that was written to its end."""
    with open_regular(path) as file:
        file.seek(at)
        return file.read(_BLOCK) == bytes(_BLOCK)


def _entries(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (each := tar.next()) is not None:
        if each.size < 0 or tar.offset <= each.offset:  # it would lead back, round and round
            raise tarfile.ReadError(f"the size of {each.name[:100]!r} is below zero")
        yield each
        tar.members = []  # pyright: ignore[reportAttributeAccessIssue] - it would keep them all, at a kilobyte each


class _Shelf:
    """The tars looked into last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[_Stamp, TarMembers]] = OrderedDict()
        self._members = 0

    def get(self, path: str, stamp: _Stamp) -> TarMembers | None:
        with self._lock:
            if path not in self._known or self._known[path][0] != stamp:
                return None
            self._known.move_to_end(path)
            return self._known[path][1]

    def put(self, path: str, stamp: _Stamp, members: TarMembers) -> None:
        with self._lock:
            if path in self._known:
                self._members -= len(self._known.pop(path)[1])
            self._known[path] = (stamp, members)
            self._members += len(members)
            while self._members > _MOST_MEMBERS and len(self._known) > 1:
                self._members -= len(self._known.popitem(last=False)[1][1])


_SHELF = _Shelf()
