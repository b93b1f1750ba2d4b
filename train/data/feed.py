"""A feed of batches: a thread makes the next ones ready, so that the device never waits for a draw.

The batch of a step is a function of the step: the thread changes when it is ready, never what it is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from train.data.batches import BatchReader
    from train.data.micro_batch import Preparation, ReadyBatch

_AHEAD = 2  # batches: one to be taken at once, one in the making


class Feed:
    """What the reader reads, made ready by `preparation`."""

    def __init__(self, reader: BatchReader, preparation: Preparation) -> None:
        self._reader = reader
        self._preparation = preparation

    def batches(self, first: int, last: int) -> Generator[ReadyBatch]:
        """Batches of steps `first` .. `last - 1`, in order; what reading one raises is raised at its turn.

        When it is closed, the thread ends after the image that is being read.
        """
        over = threading.Event()
        with (
            closing(self._reader.batches(first, last, over.is_set)) as read,
            ThreadPoolExecutor(1, thread_name_prefix="feed") as thread,
        ):
            ready = map(self._preparation.ready, read)
            waiting = deque(thread.submit(next, ready, None) for _ in range(_AHEAD))
            try:
                while (batch := waiting.popleft().result()) is not None:
                    waiting.append(thread.submit(next, ready, None))
                    yield batch
            finally:
                over.set()
                thread.shutdown(cancel_futures=True)
