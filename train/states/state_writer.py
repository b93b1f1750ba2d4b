"""Saved states written by a thread, each from a copy of what it was: steps go on meanwhile.

One is written at a time, so at most one copy lies in memory. The next one, or the end, waits for it. One that cannot be
written is told, and the run goes on; a run that is killed meanwhile has the state before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from torch import Tensor

from train.states.resume import State, order_of, save_state
from train.survival.tolerance import WRITING

if TYPE_CHECKING:
    from train.precision.update import Update
    from train.states.resume import Identity
    from train.trained.trained import Trained


def state_now(step: int, trained: Trained, update: Update) -> State:
    """A copy on the CPU of the run after `step` steps; processes that share what is trained make it together."""
    numbers = update.optimizer_state()
    copies = {id(tensor): tensor.detach().to("cpu", copy=True) for tensor in _tensors(numbers)}
    with trained.whole():
        order = order_of(trained.weights)
    return State(step, trained.state(), copy.deepcopy(numbers, copies), update.state(), order)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


class StateWriter:
    """Writes states below `folder`, and keeps the newest `kept`. Leaving it as a context waits for the last one.

    `written` is told the step and the place of each that is on the disk, `failed` the step of one that never will be
    and why: both in the thread that trains.
    """

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        *,
        kept: int,
        written: Callable[[int, Path], None],
        failed: Callable[[int, Exception], None],
    ) -> None:
        self._folder = folder
        self._identity = identity
        self._kept = kept
        self._written = written
        self._failed = failed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._now: tuple[int, Future[Path]] | None = None

    def save(self, state: State) -> None:
        """Begin to write a copy that nobody changes any more."""
        self.finish()
        self._now = (
            state.step,
            self._thread.submit(save_state, self._folder, state, self._identity, self._kept),
        )

    def look(self) -> None:
        """Tell of a state that is on the disk by now, or cannot be."""
        if self._now is not None and self._now[1].done():
            self.finish()

    def finish(self) -> Exception | None:
        """Wait for the state that is being written; why it cannot be."""
        if self._now is None:
            return None
        (step, writing), self._now = self._now, None
        try:
            place = writing.result()
        except WRITING as error:
            self._failed(step, error)
            return error
        self._written(step, place)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """An interrupt waits for nothing."""
        try:
            if error is None or isinstance(error, Exception):
                self.finish()
        finally:
            self._thread.shutdown(wait=False)
