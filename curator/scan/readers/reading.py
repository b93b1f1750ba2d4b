"""Reading of found files: each opened and read once, many asked of the disk at a time; no index.

What comes in and goes out are plain tuples: both cross to other processes (`wire.py`), and an object for each of
millions of files takes longer than reading it.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from curator.contract.files.picture_file import Window
from curator.contract.files.regular_file import refuse_irregular
from curator.index.images.sidecar_names import sidecar_name
from curator.scan.headers.known_headers import Known, known_header
from curator.scan.readers.worker_job import CRASHED, WorkerJob
from curator.scan.sidecars.sidecar import MAX_BYTES, Sidecar, SidecarFields, overruled, read_sidecar

_AT_ONCE = 32  # files the disk is asked for before the first is read
_WHOLE = 1 << 24  # larger files are hashed in pieces
_PIECE = 1 << 20
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

Span = tuple[int, int]  # where a file's bytes begin in a tar, and how many there are
Seen = tuple[int, int]  # bytes and time of a file
Before = tuple[int, int, dict[str, Seen]]  # bytes and time of an image, and those of its sidecars by suffix
Wanted = tuple[str, bool, tuple[str, ...], tuple[Span, ...], Before | None]
"""An image's name, whether its file is to be read, the suffixes of its sidecars to read; in a tar where they lie: the
spans of the image and the sidecars, in this order; and as what it is known: then only what is otherwise now is read."""


class Question(NamedTuple):
    """What to read of one folder, or of one tar."""

    folder: str
    wanted: list[Wanted]


FactsFields = tuple[bytes, int, int, int, int, str]
"""What a file is: sha256, bytes, time in ns, width, height, format; as `index.FileFacts`."""


class Answer(NamedTuple):
    """What was read, in the order asked. `reasons` say by place why images cannot be used.

    Places of known images: those that are as they were (`same`), those whose file is `gone` since the folder was
    listed, and those whose sidecars were read again (`rereads`). `unreached` says by place why nothing is known of
    the file of a known image, which may be there or gone; `unread` are places of images with a sidecar that could
    not be read.
    """

    facts: list[FactsFields | None]
    sidecars: list[tuple[SidecarFields, ...]]
    reasons: dict[int, str]
    warnings: list[tuple[str, str]]
    same: list[int]
    gone: list[int]
    rereads: list[int]
    unreached: dict[int, str]
    unread: list[int]


NOTHING_READ = Answer([], [], {}, [], [], [], [], {}, [])

_Opened = tuple[int, int, int, int]
"""A file about to be read: its handle, where it begins, its bytes, and its time in ns. The time is taken before: a
change from now on is seen by the next scan."""


def read_all(question: Question) -> Answer:
    """Never raises for what a file holds."""
    folder, wanted = question
    answer = Answer([], [], {}, [], [], [], [], {}, [])
    try:
        home = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        for place, each in enumerate(wanted):
            if each[4] is not None:
                _away(answer, place, error)
            asked = each if each[4] is None else (each[0], False, (), (), None)
            _take(answer, folder, asked, [error] * (asked[1] + len(asked[2])))
        return answer
    try:
        for at in range(0, len(wanted), _AT_ONCE):
            piece = [
                each if each[4] is None else _otherwise(answer, home, place, each, each[4])
                for place, each in enumerate(wanted[at : at + _AT_ONCE], at)
            ]
            opened = [_members(home, each) if each[3] else _files(home, each) for each in piece]
            for each, files in zip(piece, opened, strict=True):
                _take(answer, folder, each, files)
    finally:
        os.close(home)
    return answer


def _otherwise(answer: Answer, home: int, place: int, wanted: Wanted, before: Before) -> Wanted:
    """What is to be read of a known image."""
    name, _, suffixes, spans, _ = wanted
    try:
        seen = _members_seen(home, spans) if spans else _files_seen(home, name, suffixes)
    except OSError as error:
        _away(answer, place, error)
        return name, False, (), (), None
    image = seen[0] != before[:2]
    known = before[2]
    agree = len(suffixes) == len(known) and (not suffixes or seen[1:] == [*map(known.get, suffixes)])
    if not image and agree:
        answer.same.append(place)
        return name, False, (), (), None
    if agree:
        return name, True, (), spans[:1], None
    answer.rereads.append(place)
    return name, image, suffixes, spans, None


def _away(answer: Answer, place: int, error: OSError) -> None:
    """A known image that cannot be looked at: gone only where the system says so."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        answer.gone.append(place)
    else:
        answer.unreached[place] = error.strerror or "cannot be read"


def _files_seen(home: int, name: str, suffixes: Sequence[str]) -> list[Seen | None]:
    """Of the image, whose errors are the caller's, and its sidecars; None where one cannot be seen."""
    seen: list[Seen | None] = [_seen(home, name)]
    if suffixes:
        for suffix in suffixes:
            try:
                seen.append(_seen(home, sidecar_name(name, suffix)))
            except OSError:  # reading it will tell
                seen.append(None)
    return seen


def _members_seen(tar: int, spans: Sequence[Span]) -> list[Seen | None]:
    mtime_ns = os.fstat(tar).st_mtime_ns
    return [(size, mtime_ns) for _, size in spans]


def _seen(home: int, name: str) -> Seen:
    status = os.stat(name, dir_fd=home)
    return status.st_size, status.st_mtime_ns


def _files(home: int, wanted: Wanted) -> Sequence[_Opened | OSError]:
    """The image where it is wanted, then the sidecars."""
    name, image, suffixes, _, _ = wanted
    opened = [_open(home, name)] if image else []
    opened += [_open(home, sidecar_name(name, suffix)) for suffix in suffixes]
    return opened


def _open(home: int, name: str) -> _Opened | OSError:
    try:
        handle = os.open(name, _FLAGS, dir_fd=home)
    except OSError as error:
        return error
    status = os.fstat(handle)
    try:
        refuse_irregular(status.st_mode, name)
    except OSError as error:
        os.close(handle)
        return error
    size = status.st_size
    if _ask_ahead is not None:
        _ask_ahead(handle, 0, min(size, _WHOLE), os.POSIX_FADV_WILLNEED)
    return handle, 0, size, status.st_mtime_ns


def _members(tar: int, wanted: Wanted) -> Sequence[_Opened]:
    """The same of a tar, of which each gets a handle of its own."""
    _, image, _, spans, _ = wanted
    mtime_ns = os.fstat(tar).st_mtime_ns
    files: list[_Opened] = []
    for first, size in spans if image else spans[1:]:
        if _ask_ahead is not None:
            _ask_ahead(tar, first, min(size, _WHOLE), os.POSIX_FADV_WILLNEED)
        files.append((os.dup(tar), first, size, mtime_ns))
    return files


_ask_ahead = getattr(os, "posix_fadvise", None)


def _take(answer: Answer, folder: str, wanted: Wanted, files: Sequence[_Opened | OSError]) -> None:
    """Read one image's files into the answer."""
    _, image, suffixes, _, _ = wanted
    facts = None
    if image:
        facts = _image(files[0])
        if isinstance(facts, str):
            answer.reasons[len(answer.facts)] = facts
            facts = None
        elif isinstance(facts, OSError):
            answer.unreached[len(answer.facts)] = facts.strerror or "cannot be read"
            facts = None
    answer.facts.append(facts)
    answer.sidecars.append(_sidecars(answer, folder, wanted, files[image:]) if suffixes else ())


def _sidecars(
    answer: Answer, folder: str, wanted: Wanted, files: Sequence[_Opened | OSError]
) -> tuple[SidecarFields, ...]:
    name, _, suffixes, _, _ = wanted
    read: list[SidecarFields] = []
    for suffix, file in zip(suffixes, files, strict=True):
        sidecar = _sidecar(suffix, file)
        if isinstance(sidecar, str):
            warnings: Sequence[str] = (sidecar,)
            answer.unread.append(len(answer.sidecars))
        else:
            read.append(sidecar)
            warnings = sidecar[-1]
        if warnings:
            path = f"{folder}/{sidecar_name(name, suffix)}"
            answer.warnings.extend((path, warning) for warning in warnings)
    if len(read) > 1 and (more := overruled([*map(Sidecar._make, read)])):
        answer.warnings.append((f"{folder}/{name}", more))
    return tuple(read)


def _sidecar(suffix: str, file: _Opened | OSError) -> SidecarFields | str:
    """What it says, or why it cannot be read."""
    if isinstance(file, OSError):
        return file.strerror or "cannot be read"
    handle, first, size, mtime_ns = file
    try:
        return read_sidecar(suffix, _bytes(handle, first, min(size, MAX_BYTES + 1)), size, mtime_ns)
    except OSError as error:
        return error.strerror or "cannot be read"
    finally:
        os.close(handle)


def _image(file: _Opened | OSError) -> FactsFields | str | OSError:
    """What the image is, why it cannot be used, or why nothing is known of it."""
    if isinstance(file, OSError):
        return "the file is gone" if isinstance(file, FileNotFoundError) else file
    handle, first, size, mtime_ns = file
    try:
        if size > _WHOLE:
            return _large(handle, first, size, mtime_ns)
        data = _bytes(handle, first, size)
    except OSError as error:
        return error
    finally:
        os.close(handle)
    known = known_header(data) or _asked(io.BytesIO(data))
    return known if isinstance(known, str) else (hashlib.sha256(data).digest(), len(data), mtime_ns, *known)


def _large(handle: int, first: int, size: int, mtime_ns: int) -> FactsFields | str:
    known = _asked(io.BufferedReader(Window(handle, first, size)))
    if isinstance(known, str):
        return known
    digest = hashlib.sha256()
    for at in range(0, size, _PIECE):
        digest.update(os.pread(handle, min(_PIECE, size - at), first + at))
    return (digest.digest(), size, mtime_ns, *known)


def _asked(file: BinaryIO) -> Known | str:
    """What Pillow says, which takes a tenth of a second to import."""
    from curator.scan.headers.header import Unreadable, header_of

    try:
        header = header_of(file)
    except Unreadable as error:
        return str(error)
    return header.width, header.height, header.format


def _bytes(handle: int, first: int, wanted: int) -> bytes:
    """So many of a file's bytes; fewer where it was cut since it was opened."""
    data = os.pread(handle, wanted, first)
    while len(data) < wanted and (more := os.pread(handle, wanted - len(data), first + len(data))):
        data += more
    return data


def _joined(answers: Sequence[Answer]) -> Answer:
    """Of questions for one image each."""
    return Answer(
        [facts for each in answers for facts in each.facts],
        [sidecars for each in answers for sidecars in each.sidecars],
        {place: reason for place, each in enumerate(answers) for reason in each.reasons.values()},
        [warning for each in answers for warning in each.warnings],
        [place for place, each in enumerate(answers) if each.same],
        [place for place, each in enumerate(answers) if each.gone],
        [place for place, each in enumerate(answers) if each.rereads],
        {place: reason for place, each in enumerate(answers) for reason in each.unreached.values()},
        [place for place, each in enumerate(answers) if each.unread],
    )


READING = WorkerJob(
    name="read",
    work=read_all,
    inline_limit=512,  # starting processes takes as long as reading some thousand
    question=Question._make,
    answer=Answer._make,
    files=lambda question: len(question.wanted),
    split=lambda question: [Question(question.folder, [wanted]) for wanted in question.wanted],
    join=_joined,
    crashed=Answer([None], [()], {0: CRASHED}, [], [], [], [], {}, []),
    ping=Question("/", []),
)
