"""Runs of the stand-in worker, and nothing left running behind a test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curator.contract.run.run_folder import RunFolder
from curator.runs import launch

FAKE = Path(__file__).parent / "fake_worker.py"
MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeRun]:
    monkeypatch.setattr(launch, "WORKER", (str(FAKE),))
    made: list[RunFolder] = []

    def make(name: str = "fox", **how: object) -> RunFolder:
        recipe = "".join(f"{key}={value}\n" for key, value in how.items())
        made.append(RunFolder.create(tmp_path / "runs", name, recipe, tmp_path / "m.manifest", "d" * 64))
        return made[-1]

    yield make
    for run in made:
        if run.status() == "running" and (pid := run.worker_pid()):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for something another process does."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 600
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)

    return wait


@pytest.fixture
def fake_worker() -> Path:
    return FAKE
