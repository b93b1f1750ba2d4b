"""Saved states written by a thread, each from a copy of what it was: steps go on meanwhile.

One is written at a time, so at most one copy lies in memory. The next one, or the end, waits for it; an error of it is
raised there or after the next step. A run that is killed meanwhile has the state before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from train.resume import State, save_state

if TYPE_CHECKING:
    from train.resume import Identity
    from train.trained.trained import Trained


def state_now(step: int, trained: Trained, optimizer: torch.optim.Optimizer) -> State:
    """A copy on the CPU of the run after `step` steps."""
    numbers = optimizer.state_dict()
    copies = {id(tensor): tensor.detach().to("cpu", copy=True) for tensor in _tensors(numbers)}
    return State(step, trained.state(), copy.deepcopy(numbers, copies))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


class StateWriter:
    """Writes states below `folder`. Leaving it as a context waits for the last one.

    `written` is told the step and the place of each that is on the disk, `failed` of one that never will be where the
    run ends by another error: both in the thread that trains.
    """

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        *,
        written: Callable[[int, Path], None],
        failed: Callable[[int, Exception], None],
    ) -> None:
        self._folder = folder
        self._identity = identity
        self._written = written
        self._failed = failed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._now: tuple[int, Future[Path]] | None = None

    def save(self, state: State) -> None:
        """Begin to write a copy that nobody changes any more.

        Raises:
            OSError: the state before could not be written.
        """
        self.finish()
        self._now = state.step, self._thread.submit(save_state, self._folder, state, self._identity)

    def look(self) -> None:
        """Tell of a state that is on the disk by now; raises as `save`."""
        if self._now is not None and self._now[1].done():
            self.finish()

    def finish(self) -> None:
        """Wait for the state that is being written; raises as `save`."""
        if self._now is not None:
            (step, writing), self._now = self._now, None
            self._written(step, writing.result())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """An interrupt waits for nothing; the error that ends a run is not hidden by one of the writer."""
        step = 0 if self._now is None else self._now[0]
        try:
            if error is None or isinstance(error, Exception):
                self.finish()
        except Exception as mine:
            if error is None:
                raise
            self._failed(step, mine)
        finally:
            self._thread.shutdown(wait=False)
