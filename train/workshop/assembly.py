"""Assembly of a result from models: each is read on a thread of its own, pieces are made on others, and come in order.

Every model is read from its start to its end, so that a hash can go along. Each thread that
makes pieces has its share of the cores: two that work on pieces of their own wait for each other less than one that
divides every step.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import torch
from torch import Tensor

_MAKERS = 2
_UNDER_WAY = 6  # pieces that are read, made or done
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_KEPT_BYTES, _LARGEST_KEPT_BYTES = 256 << 20, 32 << 20  # the latter is the most that glibc takes
Piece = TypeVar("Piece")
Read = tuple[int, Callable[[], Tensor]]  # the place of the model among all, and what reads


def assembled(
    wanted: Iterable[tuple[Piece, Sequence[Read]]],
    make: Callable[[Piece, Sequence[Tensor]], Tensor],
    models: int,
) -> Iterator[Tensor]:
    """What `make`, which several threads call, makes of each piece and of what is read for it."""
    with ExitStack() as stack:
        stack.enter_context(_shared_cores())
        _keep_freed_memory()
        readers = [stack.enter_context(_pool(1, f"reader {number}")) for number in range(models)]
        makers = stack.enter_context(_pool(_MAKERS, "maker"))
        waiting: deque[Future[Tensor]] = deque()
        for piece, reads in wanted:
            read = [readers[model].submit(each) for model, each in reads]
            waiting.append(makers.submit(_made, make, piece, read))
            if len(waiting) >= _UNDER_WAY:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _made(
    make: Callable[[Piece, Sequence[Tensor]], Tensor], piece: Piece, read: Sequence[Future[Tensor]]
) -> Tensor:
    return make(piece, [each.result() for each in read])


@contextmanager
def _pool(threads: int, name: str) -> Generator[ThreadPoolExecutor]:
    """Threads that begin nothing more once the work is over or has failed."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _shared_cores() -> Generator[None]:
    """Threads that begin now count on their share of the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, (os.cpu_count() or 1) // _MAKERS)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _keep_freed_memory() -> None:
    """Let pieces take each other's memory; glibc would give it back to the system, for a fault on each page again."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
