"""Sidecars written back beside the images: on demand, whole or not at all, and never over what was not read.

- A file that was changed, was never read, or holds words that were not taken in, stays as it is; so does one whose
  letters were guessed. Lines that the reader leaves out, and keys of JSON, are kept.
- The file that was read is the one that is written. Where several images share it, one that was edited gets a file
  of its own by its full name (`1.png.txt`).
- A `.txt` of tags is written in its form: on one line, or one a line. One that held a caption in sentences gets the
  tags before it, as they are trained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from curator.contract.files.regular_file import decoded, read_regular
from curator.contract.files.whole_files import replace_file
from curator.index.editing.texts import batches
from curator.index.images.sidecar_names import kind_of, sidecar_name
from curator.index.images.sidecar_table import SidecarState
from curator.index.images.text_digest import is_free, text_digest
from curator.scan.find import Folder, listed
from curator.scan.sidecars.beside import shared_stems, stem_of
from curator.scan.sidecars.caption_text import (
    CaptionText,
    clean_line,
    read_caption_text,
    split_tags,
    write_caption_text,
)
from curator.scan.sidecars.sidecar import MAX_BYTES

if TYPE_CHECKING:
    from curator.index.collection import Collection

Suffix = Literal[".txt", ".caption", ".json"]
_CHANGED = "changed outside since it was last read: scan to see it, or --replace it"
_UNREAD = "is there but was never read: scan first, or --replace it"
_NOT_TAKEN = (
    "holds words that the image does not have: 'frieze scan --full' takes them in where nothing was edited"
)
_GUESSED = "is not UTF-8, and its letters were guessed: save it as UTF-8 and scan"
_LINES = "has further lines, of which the next would be read as the first: edit it by hand"
_SEVERAL = "the caption has several lines, which a .txt would part: write it with --suffix .caption"
_SHARED = "belongs to another image as well, by its stem: rename one of the two"
_IN_TAR = "lies in a tar, which is only read: unpack it, or export a manifest"
_NO_OBJECT = "holds no JSON object to write into"
_MOST_NAMES = 2_000_000  # of folders remembered at once
Pairs = list[tuple[str, str]]


@dataclass
class WriteReport:
    """What became of each sidecar. Lists hold (path, reason).

    `by_full_name` counts those of `written` that are new and have the full name of an image which shares its stem.
    """

    written: int = 0
    by_full_name: int = 0
    unchanged: int = 0
    conflicts: Pairs = field(default_factory=Pairs)
    failed: Pairs = field(default_factory=Pairs)


class _ConflictError(Exception):
    """Why a file is left as it is."""


def write_sidecars(
    collection: Collection,
    ids: Iterable[int],
    kind: Suffix = ".txt",
    *,
    replace: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> WriteReport:
    """Write the words of images into one kind of sidecar.

    `.txt` gets the tags, `.caption` the free caption, `.json` both, beside whatever else it holds. `replace` also
    writes over files that are not as last read. An image with no words gets no new file. `progress` is told how many
    images are done. A dry run writes nothing, and counts what it would.
    """
    report = WriteReport()
    folders = _Folders()
    done = 0
    for piece in batches(int(number) for number in ids):
        _write_batch(collection, piece, folders, _WriteOptions(kind, replace, dry_run), report)
        done += len(piece)
        if progress:
            progress(done)
    return report


class _WriteOptions(NamedTuple):
    """What to write, whether over changes from outside, and whether at all."""

    kind: Suffix
    replace: bool
    is_dry_run: bool


class _Annotations(NamedTuple):
    """Of one image, and its sidecars as last read, by suffix."""

    tags: Sequence[str]
    caption: str
    states: Mapping[str, SidecarState]

    def is_empty(self, kind: Suffix) -> bool:
        """Whether there is nothing to write into a new file."""
        return not (self.tags and kind != ".caption") and not (self.caption and kind != ".txt")

    def are_as_read(self, suffix: str) -> bool:
        """Whether they are those that a sidecar was read with, or written from."""
        known = self.states.get(suffix)
        return known is not None and known.text_digest == self.digest(suffix, free=is_free(known.text_digest))

    def digest(self, suffix: str, *, free: bool) -> bytes:
        """Today's."""
        return text_digest(suffix, self.tags, self.caption, free=free)


class _Target(NamedTuple):
    """The sidecar that an image is written to. `of_others`: images besides it read that file.

    `is_new` is a file by its full name that is not there yet; `free` says that the words are sentences (`text_digest`).
    """

    suffix: str
    of_others: bool = False
    is_new: bool = False
    free: bool = False


class _Folders:
    """Folders as they are on the disk, each listed once."""

    def __init__(self) -> None:
        self._listed: dict[str, tuple[Folder, frozenset[str]]] = {}
        self._names = 0

    def target(self, path: str, words: _Annotations, kind: Suffix) -> _Target:
        """Where the words of the image at `path` go.

        Raises:
            OSError: its folder cannot be listed; `NotADirectoryError` where it is a tar.
        """
        home, _, name = path.rpartition("/")
        folder, shared = self._of(home)
        is_shared = stem_of(name) in shared
        for suffix in folder.sidecars.with_full_name(name):
            if kind_of(suffix) == kind:
                return _Target(suffix, of_others=name in shared, free=_is_free(words, suffix))
        for suffix in folder.sidecars.with_stem(name):
            if kind_of(suffix) == kind and (not is_shared or words.are_as_read(suffix)):
                return _Target(suffix, of_others=is_shared, free=_is_free(words, suffix))
            if kind_of(suffix) == kind:
                return _Target(_ending(name) + kind, is_new=True, free=_is_free(words, suffix))
        return _Target(_ending(name) + kind, is_new=True) if is_shared else _Target(kind)

    def _of(self, home: str) -> tuple[Folder, frozenset[str]]:
        if home not in self._listed:
            if self._names > _MOST_NAMES:
                self._listed.clear()
                self._names = 0
            folder = listed(home or "/")
            if folder.tar is not None:
                raise NotADirectoryError(home)
            self._listed[home] = folder, shared_stems(folder.images)
            self._names += len(folder.images)
        return self._listed[home]


def _ending(name: str) -> str:
    return name[name.rfind(".") :]


def _is_free(words: _Annotations, suffix: str) -> bool:
    known = words.states.get(suffix)
    return known is not None and is_free(known.text_digest) and bool(words.caption)


def _write_batch(
    collection: Collection, ids: list[int], folders: _Folders, manner: _WriteOptions, report: WriteReport
) -> None:
    with collection.reading():
        alive = collection.images.alive()
        rows = [row for row in collection.rows(ids) if row.id in alive]
        names = collection.tag_names([row.id for row in rows])
        states = collection.images.sidecars.of([row.id for row in rows])
    written: list[tuple[int, SidecarState]] = []
    for row, tags in zip(rows, names, strict=True):
        words = _Annotations(tags, row.caption, {state.suffix: state for state in states[row.id]})
        state = _write_one(row.full_path, words, folders, manner, report)
        if state and not manner.is_dry_run:
            written.append((row.id, state))
    with collection.writing():  # a kill before this is harmless: the next scan reads the very same words
        for number, state in written:
            collection.images.sidecars.put(number, [state])


def _write_one(
    picture: str, words: _Annotations, folders: _Folders, manner: _WriteOptions, report: WriteReport
) -> SidecarState | None:
    path = sidecar_name(picture, manner.kind)
    state = None
    try:
        target = folders.target(picture, words, manner.kind)
        path = sidecar_name(picture, target.suffix)
        state = _written(path, target, words, manner)
        report.by_full_name += state is not None and target.is_new
        report.written += state is not None
        report.unchanged += state is None
    except _ConflictError as conflict:
        report.conflicts.append((path, str(conflict)))
    except NotADirectoryError:
        if words.is_empty(manner.kind) or words.are_as_read(manner.kind):
            report.unchanged += 1
        else:
            report.failed.append((path, _IN_TAR))
    except OSError as error:
        report.failed.append((path, error.strerror or "cannot be written"))
    return state


def _written(path: str, target: _Target, words: _Annotations, manner: _WriteOptions) -> SidecarState | None:
    """None where there is nothing to write: the file says it already, or there are no words and no file."""
    before = _bytes(path)
    known = words.states.get(target.suffix)
    as_known = known is not None and before is not None and known.file_digest == _digest(before)
    if before is None and words.is_empty(manner.kind):
        return None
    if before is not None and not as_known and not manner.replace:
        raise _ConflictError(_CHANGED if known else _UNREAD)
    if as_known and words.are_as_read(target.suffix) and manner.kind != ".json":
        return None  # another form or a missing last line break is no reason to touch it
    if target.of_others:
        raise _ConflictError(_SHARED)
    data = _data(before or b"", words, target, manner, known if as_known and not manner.replace else None)
    if data == before:
        return None
    digest = words.digest(target.suffix, free=target.free)
    if manner.is_dry_run:
        return SidecarState(target.suffix, 0, len(data), _digest(data), digest)
    status = replace_file(path, data)
    return SidecarState(target.suffix, status.st_mtime_ns, status.st_size, _digest(data), digest)


def _data(
    before: bytes, words: _Annotations, target: _Target, manner: _WriteOptions, known: SidecarState | None
) -> bytes:
    """The new bytes; a `_ConflictError` where they would lose what `before` holds. `known`: as what it was read."""
    text, guesses = decoded(before)
    if guesses:
        raise _ConflictError(_GUESSED)
    match manner.kind:
        case ".txt":
            return _txt(text, words, target, known).encode()
        case ".caption":
            lines = [plain for line in text.splitlines() if (plain := clean_line(line))]
            if known and lines and not _is_caption(known, lines):
                raise _ConflictError(_NOT_TAKEN)
            new = [plain for line in words.caption.splitlines() if (plain := clean_line(line))]
            return before if new == lines else ("\n".join(new) + "\n").encode()
        case ".json":
            whole = {**_object(text), "tags": list(words.tags), "caption": words.caption}
            return f"{json.dumps(whole, ensure_ascii=False, indent=2)}\n".encode()


def _txt(text: str, words: _Annotations, target: _Target, known: SidecarState | None) -> str:
    said = read_caption_text(text)
    if known and said.line and not _is_taken(said, known):
        raise _ConflictError(_NOT_TAKEN)
    if target.free and "\n" in words.caption:
        raise _ConflictError(_SEVERAL)
    new = write_caption_text(text, words.tags, words.caption, free=target.free)
    if new is None:
        raise _ConflictError(_LINES)
    return new


def _is_taken(said: CaptionText, known: SidecarState) -> bool:
    """Whether a `.txt` says what it was read as, by the rule of today."""
    if is_free(known.text_digest):
        read, written = (said.tags, said.caption or ""), ((), said.line)
        return known.text_digest in (text_digest(known.suffix, *each, free=True) for each in (read, written))
    if said.form != "free":
        return known.text_digest == text_digest(known.suffix, said.tags, "")
    tags = split_tags(said.line)  # as it was written from
    return ", ".join(tags) == said.line and known.text_digest == text_digest(known.suffix, tags, "")


def _is_caption(known: SidecarState, lines: Sequence[str]) -> bool:
    """Whether these lines were read, as one, or were written from a caption of several."""
    return known.text_digest in (text_digest(known.suffix, (), sign.join(lines)) for sign in (" ", "\n"))


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _ConflictError(_NO_OBJECT)
    return value


def _bytes(path: str) -> bytes | None:
    try:
        return read_regular(path, limit_bytes=MAX_BYTES)
    except FileNotFoundError:
        return None


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]
