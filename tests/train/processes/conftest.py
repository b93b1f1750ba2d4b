"""Processes of one run that train together, begun as torchrun begins them, with its store in this process."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from torch.distributed import TCPStore

from curator.contract.run.run_folder import RunFolder

LIMIT_S = 300.0
_GRACE_S = 30.0  # as torchrun


@dataclass
class Together:
    """The processes of a run; `store` must outlive them."""

    workers: list[subprocess.Popen[bytes]]
    store: TCPStore
    codes: list[int] = field(default_factory=list)

    def wait(self) -> list[int]:
        """Their exit codes; when one fails the others are asked to stop, and killed later, as torchrun does."""
        deadline = time.monotonic() + LIMIT_S
        asked_at = 0.0
        while any(worker.poll() is None for worker in self.workers):
            now = time.monotonic()
            assert now < deadline, "the run does not end"
            if not asked_at and any(worker.poll() for worker in self.workers):
                asked_at = now
                self._send(signal.SIGTERM)
            if asked_at and now - asked_at > _GRACE_S:
                self._send(signal.SIGKILL)
            time.sleep(0.05)
        return [worker.returncode for worker in self.workers]

    def _send(self, number: int) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(number)


Start = Callable[..., Together]


@pytest.fixture
def start_together(start_worker: Callable[..., subprocess.Popen[bytes]]) -> Start:
    def start(run: RunFolder, count: int = 2, **environment: str) -> Together:
        store = TCPStore(
            "127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=60)
        )
        shared = {
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(store.port),
            "TORCHELASTIC_USE_AGENT_STORE": "True",
            "TORCHELASTIC_RESTART_COUNT": "0",
            **environment,
        }
        workers = [start_worker(run, RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank in range(count)]
        return Together(workers, store)

    return start


@pytest.fixture
def train_together(start_together: Start) -> Callable[..., list[int]]:
    """Run a run in several processes to its end; their exit codes."""
    return lambda run, count=2, **environment: start_together(run, count, **environment).wait()
