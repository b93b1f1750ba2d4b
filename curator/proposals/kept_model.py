"""What one model said of a collection's images: a folder of segments, added to under a lock, read by anybody."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, to_json
from curator.contract.files.regular_file import read_regular
from curator.contract.files.whole_files import replace_file
from curator.contract.tagging.zoo import Kind  # noqa: TC001 (`checked` reads the annotations of `AboutModel`)
from curator.proposals.answers import Answers, joined
from curator.proposals.segment import MOST_IMAGES, Segment, write_segment

RATING = "rating"
ABOUT, _LOCK, _SUFFIX = "model.json", "lock", ".segment"
_MOST_ABOUT_BYTES = 1 << 26


@dataclass(frozen=True)
class AboutModel:
    """The model: `hash` is the sha256 of its weights; `labels` and their `classes` are its outputs in order.

    `names` is what it was asked for as, the latest last; `thresholds` by class are those its row of the zoo gives.
    """

    hash: str
    kind: Kind
    names: tuple[str, ...]
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    thresholds: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.names[-1]

    def labels_of(self, name: str) -> NDArray[np.uint32]:
        """The numbers of the labels of one class."""
        return np.array([number for number, each in enumerate(self.classes) if each == name], np.uint32)


class KeptModel:
    """The answers of one model that were brought into a collection."""

    def __init__(self, folder: Path, about: AboutModel) -> None:
        self.folder = folder
        self.about = about
        self._open: dict[str, Segment] = {}

    @classmethod
    def open(cls, folder: Path) -> KeptModel:
        """The answers in a folder.

        Raises:
            UserError: it cannot be read, or is damaged.
        """
        file = folder / ABOUT
        try:
            about = checked(AboutModel, object_of(read_regular(file, limit_bytes=_MOST_ABOUT_BYTES)))
        except (OSError, ValueError) as error:
            why = (isinstance(error, OSError) and error.strerror) or str(error)
            raise UserError(
                f"the proposals in {folder} cannot be used: {why}",
                "remove the folder and ask the model again",
            ) from error
        return cls(folder, about)

    @classmethod
    def create(cls, folder: Path, about: AboutModel) -> KeptModel:
        """The answers in a folder, which is made if need be; a name that is new to it is added.

        Raises:
            UserError: what is there is damaged.
            OSError: it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / ABOUT).exists():
            before = cls.open(folder).about
            names = tuple(name for name in before.names if name not in about.names) + about.names
            about = replace(before, names=names, thresholds=about.thresholds)
        replace_file(folder / ABOUT, to_json(asdict(about)).encode())
        return cls(folder, about)

    @property
    def changed_at(self) -> float:
        """When it was last asked for, in seconds since 1970."""
        return (self.folder / ABOUT).stat().st_mtime

    def segments(self) -> list[Segment]:
        """The segments as they are now; those that another took the place of are left out.

        Raises:
            UserError: one is damaged.
        """
        while True:
            names = sorted(file.name for file in self.folder.glob(f"*{_SUFFIX}"))
            try:
                opened = {name: self._open.get(name) or self._opened(name) for name in names}
            except FileNotFoundError:  # another process put a larger one in its place just now
                continue
            gone = {name for segment in opened.values() for name in segment.replaces}
            self._open = {name: segment for name, segment in opened.items() if name not in gone}
            return list(self._open.values())

    def contents(self) -> NDArray[np.uint64]:
        """The contents of all images that were answered, sorted."""
        found = [segment.contents for segment in self.segments()]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.uint64)

    def add(self, answers: Answers) -> int:
        """Keep answers for images that have none yet; gives how many those were.

        Raises:
            UserError: a segment is damaged, or nothing can be written.
        """
        try:
            with self._locked():
                return self._add(answers)
        except OSError as error:
            raise UserError(
                f"proposals cannot be written: {error.strerror}", "free space, then collect the job again"
            ) from error

    def _add(self, answers: Answers) -> int:
        segments = self.segments()
        self._remove_replaced()
        known = self.contents()
        _, first = np.unique(answers.contents, return_index=True)
        new = answers.taken(np.sort(first[~np.isin(answers.contents[first], known)]))
        if not len(new):
            return 0
        short: list[Segment] = []  # to be put together with what is new; the first file must hold all of them
        for segment in segments:
            if sum(len(each.contents) for each in (*short, segment)) < MOST_IMAGES:
                short.append(segment)
        everything = joined([*(segment.answers() for segment in short), new])
        number = max((int(name.removesuffix(_SUFFIX)) for name in self._open), default=0)
        whole = self.about.labels_of(RATING).tolist()
        all_rows = np.arange(len(everything))
        for start in range(0, len(everything), MOST_IMAGES):
            number += 1
            rows = all_rows[start : start + MOST_IMAGES]
            replaced = tuple(segment.name for segment in short) if start == 0 else ()
            write_segment(self.folder / f"{number:06}{_SUFFIX}", everything.taken(rows), whole, replaced)
        self._remove_replaced()
        return len(new)

    def _remove_replaced(self) -> None:
        kept = {segment.name for segment in self.segments()}
        for file in self.folder.glob(f"*{_SUFFIX}"):
            if file.name not in kept:
                file.unlink(missing_ok=True)

    def _opened(self, name: str) -> Segment:
        file = self.folder / name
        try:
            return Segment.open(file)
        except ValueError as error:
            raise UserError(f"{file} is damaged: {error}", "remove it and ask the model again") from error

    @contextmanager
    def _locked(self) -> Generator[None]:
        handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            with suppress(OSError):
                os.close(handle)
