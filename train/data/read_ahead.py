"""Read-ahead on threads: results in order, a bounded number in flight.

Threads and not processes: decoding and scaling leave Python's lock, nothing is copied or imported twice, and
nothing outlives a killed run. How many there are changes when something is ready, never what it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

Group = TypeVar("Group")
T = TypeVar("T")
Readers = Sequence[Callable[[], T]]


def read_ahead(
    groups: Iterable[tuple[Group, Readers[T]]], workers: int, is_over: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Group, list[T]]]:
    """What the readers of each group return, group by group; 0 workers: read when asked for.

    Raises:
        CancelledError: `is_over`, which another thread may change, said so: nothing more is read.
    """

    def unless_over(read: Callable[[], T]) -> T:
        if is_over():
            raise CancelledError
        return read()

    if not workers:
        for group, readers in groups:
            yield group, [unless_over(read) for read in readers]
        return
    wrapped = ((group, [partial(unless_over, read) for read in readers]) for group, readers in groups)
    with ThreadPoolExecutor(workers, thread_name_prefix="reader") as pool:
        try:
            yield from _ahead(wrapped, workers, pool)
        finally:  # a stopped run must not read images it will not use
            pool.shutdown(cancel_futures=True)


def _ahead(
    groups: Iterable[tuple[Group, Readers[T]]], workers: int, pool: ThreadPoolExecutor
) -> Iterator[tuple[Group, list[T]]]:
    """Keep at least two groups, and two readers a thread, under way."""
    waiting: deque[tuple[Group, list[Future[T]]]] = deque()
    for group, readers in groups:
        waiting.append((group, [pool.submit(read) for read in readers]))
        if len(waiting) > 2 and sum(len(futures) for _, futures in waiting) > 2 * workers:
            yield _finished(waiting.popleft())
    while waiting:
        yield _finished(waiting.popleft())


def _finished(pending: tuple[Group, list[Future[T]]]) -> tuple[Group, list[T]]:
    group, futures = pending
    return group, [future.result() for future in futures]
