"""Hashes of what a result is made of: worked out beside other work, or from what passes while it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from curator.contract.base_model.content import not_readable
from curator.contract.base_model.file_hashes import sha256_of
from train.weights.direct_file import BlockReader
from train.weights.tensor_writer import bytes_of
from train.workshop.model_file import empty_rows

if TYPE_CHECKING:
    from torch import Tensor

    from train.workshop.model_file import ModelFile, Places


class Passing:
    """The sha256 of a file by what is read of it anyway.

    For one thread that wants rows in the order of the file, mostly: it is read once from its start to its end. Rows
    that have passed already are read again.
    """

    def __init__(self, file: ModelFile, places: Places, *, read_again: bool) -> None:
        self._file, self._places, self._read_again = file, places, read_again
        self._reader: BlockReader | None = None
        self._digest = hashlib.sha256()
        self._block = memoryview(b"")
        self._begin = 0  # of the block, in the file
        self._lock = Lock()

    def rows(self, name: str, first: int, last: int) -> Tensor:
        """The same rows as the file gives.

        Raises:
            UserError: it became shorter meanwhile.
        """
        place = self._places(name, first)
        with self._lock:
            if place >= self._begin:
                made = empty_rows(self._file.tensors[name], first, last)
                self._copy(bytes_of(made), place)
                return made
        return self._file.rows(name, first, last)

    def hexdigest(self) -> str:
        """The hash of the whole file; reads the rest.

        Raises:
            UserError: it became shorter meanwhile.
        """
        with self._lock:
            while self._next():
                pass
            return self._digest.hexdigest()

    def _copy(self, out: memoryview, place: int) -> None:
        """What the file has from `place` on."""
        while out:
            while place >= self._begin + len(self._block):
                if not self._next():
                    raise not_readable(self._file.path, "became shorter while it was read", "start again")
            inner = place - self._begin
            part = self._block[inner : inner + len(out)]
            out[: len(part)] = part
            out, place = out[len(part) :], place + len(part)

    def _next(self) -> bool:
        """Go on to the next block, if there is one."""
        if self._reader is None:
            self._reader = BlockReader(self._file.path, read_again=self._read_again)
        self._begin += len(self._block)
        self._block = self._reader.next()
        self._digest.update(self._block)
        return bool(self._block)


Source = Path | Passing


def in_passing(file: ModelFile, *, read_again: bool = False) -> tuple[ModelFile, Source]:
    """The model, and what tells its hash when it was read; of one that is no single file, its path.

    `read_again`: whether rows are asked for more than once.
    """
    if file.places is None:
        return file, file.path
    passing = Passing(file, file.places, read_again=read_again)
    return replace(file, rows=passing.rows), passing


@contextmanager
def hashing(sources: Sequence[Source]) -> Generator[Callable[[], tuple[str, ...]]]:
    """The sha256 of sources; files are hashed beside other work, each once. Waits for what is asked for."""
    with ThreadPoolExecutor(1, thread_name_prefix="hashes of sources") as pool:
        paths = dict.fromkeys(each for each in sources if isinstance(each, Path))
        found = {path: pool.submit(sha256_of, path) for path in paths}
        try:
            yield lambda: tuple(
                found[each].result() if isinstance(each, Path) else each.hexdigest() for each in sources
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
