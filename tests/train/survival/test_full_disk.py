"""A run whose folder lies on a disk that is really full: told, no draft left, and on again once there is room (B08)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.errors import UserError
from curator.contract.run.events import RunEnded, RunFailed, StepDone, Warned
from train.report import Reporter

_DISK_BYTES = 72 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Where runs are made, on a disk of its own."""
    place = tmp_path / "runs"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk is mounted by root alone")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    """A file that takes all there is."""
    about = os.statvfs(disk)
    (disk / "ballast").write_bytes(b"x" * (about.f_bavail * about.f_frsize))


def wait_for(is_so: Callable[[], bool]) -> None:
    """A state is written by a thread."""
    for _ in range(1200):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


def test_a_run_that_cannot_begin_on_a_full_disk_says_so(
    small_disk: Path, make_run, work, events_of, monkeypatch
) -> None:
    """Its log lies on that disk too."""
    run = make_run("length.steps=1")

    def prepare(*_: object) -> None:
        fill(small_disk)
        raise UserError("the run needs more than the disk has", "free space")

    monkeypatch.setattr("train.prepare.job.prepare", prepare)
    with run.log_path.open("w", buffering=1) as log:
        monkeypatch.setattr("sys.stderr", log)
        assert work(run) == 3
    assert run.log_path.read_text() == "the run needs more than the disk has\nfree space\n"
    assert [type(event) for event in events_of(run)] == [RunFailed, RunEnded]
    assert run.status() == "failed"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device is always full")
def test_what_cannot_be_written_to_a_log_is_lost_and_no_more(make_run, events_of) -> None:
    run = make_run("length.steps=1")
    with Path("/dev/full").open("w") as log:
        line = [sys.executable, "-u", "-m", "train", str(run.path)]
        assert subprocess.run(line, stdout=log, stderr=log, check=False).returncode == 0
        again = subprocess.run(line, stdout=log, stderr=log, check=False)
    assert again.returncode == 0  # it says that the run is finished
    assert events_of(run)[-1].how == "finished"


def test_a_run_trains_on_while_its_disk_is_full_and_ends_well_once_there_is_room(
    small_disk: Path, make_run, work, events_of, monkeypatch
) -> None:
    knobs = ("length.steps=6", "save.state_every_steps=2", "save.every_steps=3")
    plain, run = (make_run(*knobs, name=name) for name in ("plain", "full"))
    assert work(plain) == 0
    honest = Reporter.step

    def step(reporter: Reporter, event: StepDone) -> None:
        honest(reporter, event)
        if event.step == 3:
            wait_for((run.path / "state" / "step-00000002").exists)
            fill(small_disk)

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "step", step)
        assert work(run) == 3
    events = events_of(run)
    told = {event.what.partition(" could not")[0] for event in events if isinstance(event, Warned)}
    assert told == {
        f"the {what}"
        for what in (
            "weights after step 3",
            "state after step 4",
            "weights after step 6",
            "state after step 6",
        )
    }
    assert all("the disk is full" in event.what for event in events if isinstance(event, Warned))
    assert [event.step for event in events if isinstance(event, StepDone)] == [*range(1, 7)]
    (failed,) = [event for event in events if isinstance(event, RunFailed)]
    assert (failed.what, "start the same run again" in failed.hint) == ("the disk is full", True)
    assert [path.name for path in (run.path / "state").iterdir()] == ["step-00000002"]
    assert not list((run.path / "output").iterdir())

    (small_disk / "ballast").unlink()
    assert work(run) == 0
    ended = [event for event in events_of(run) if isinstance(event, RunEnded)]
    assert [(event.how, event.step) for event in ended] == [("failed", 6), ("finished", 6)]
    one, other = (load_file(next(each.path.glob("output/*[!0-9].safetensors"))) for each in (plain, run))
    assert one.keys() == other.keys()
    assert all(torch.equal(other[name], value) for name, value in one.items())
