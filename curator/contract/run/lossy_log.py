"""Output of a worker that nothing can stop: what a full disk or a closed pipe does not take is lost, and no more."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def outlive_the_log() -> None:
    """Give this process a standard output and standard error whose writes never raise."""
    sys.stdout, sys.stderr = (_lossy(stream) for stream in (sys.stdout, sys.stderr))


def _lossy(stream: TextIO) -> TextIO:
    file = _LossyFile(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(file, "utf-8", "backslashreplace", write_through=True)


class _LossyFile(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes
