"""Processes that share a job, as torchrun starts them: they begin together, and the first ends when all are through.

Each looks at the images whose content falls to its rank. What the others have to tell reaches the first at the end, and
how far they are it sees by the parts they write; that somebody asked for a stop they read in its events.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from curator.contract.run.events import Event

_FOREVER = timedelta(days=365)  # one may have far slower images than another
_LOOK_S = 0.2

Ending = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """How one process ended, how many images it answered, and what it has to tell."""

    how: Ending
    answered: int
    events: tuple[Event, ...]


class Ranks:
    """This process among those of the job."""

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self._group: Any = None

    @property
    def is_first(self) -> bool:
        """Whether it is the one that holds the job's folder and writes its events."""
        return self.rank == 0

    def is_mine(self, sha256: str) -> bool:
        """Whether an image of that content falls to this process."""
        return int(sha256[:8], 16) % self.count == self.rank

    def meet(self) -> None:
        """Wait until all are here.

        Raises:
            RuntimeError: one of them is gone.
        """
        if self.count == 1:
            return
        import torch.distributed as group  # noqa: PLC0415 (seconds: one process alone needs none of it)

        if os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # nobody outside has to reach them
        group.init_process_group("gloo", timeout=_FOREVER)
        group.barrier()
        self._group = group

    def leave(self) -> None:
        """End the connection: its threads must be over before the process is, which would be aborted."""
        if self._group is not None:
            self._group.destroy_process_group()
            self._group = None

    def waiting(self) -> Iterator[float]:
        """Seconds to wait before looking again, until all are through.

        Raises:
            RuntimeError: one of them is gone.
        """
        if self._group is None:
            return
        through = self._group.barrier(async_op=True)
        while not through.is_completed():
            yield _LOOK_S
        through.wait()

    def outcomes(self, mine: Outcome) -> list[Outcome]:
        """What every process came to, this one's own included; all are through by then.

        Raises:
            RuntimeError: one of them is gone.
        """
        if self._group is None:
            return [mine]
        outcomes: list[Any] = [None] * self.count
        self._group.all_gather_object(outcomes, mine)
        return outcomes
