"""States written by a thread: steps go on meanwhile, the files are those of a writer that waits, none is lost."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.run.events import RunFailed, StateSaved, StepDone, Warned
from curator.contract.run.stop_signals import StopSignals
from train.prepare.job import prepare
from train.report import Reporter
from train.states.resume import Identity, State, order_of, save_state
from train.states.state_writer import StateWriter, state_now

_PATIENCE_S = 120.0
_SETS = ("length.steps=6", "save.state_every_steps=2", "adapter.dropout=0.2", "ema.decay=0.9")
_IDENTITY = Identity("manifest", "recipe", {})


def last_weights(run) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def of_kind(events, kind) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("optimizer", ["adamw", "adamw8bit", "prodigy"])
def test_the_files_are_bit_equal_to_those_of_a_writer_that_waits(
    make_run, monkeypatch, tmp_path: Path, optimizer: str
) -> None:
    """Although the next step is taken while they are written."""
    sets = (f"optimizer.name={optimizer}", "adapter.rank=64", "ema.decay=0.9")
    job = prepare(make_run(*sets), lambda is_main: Reporter(_Silent()), StopSignals())
    stepper, written, may_write = job.stepper, [], threading.Event()

    def waiting(*given: Any) -> Path:
        assert may_write.wait(_PATIENCE_S)
        return save_state(*given)

    monkeypatch.setattr("train.states.state_writer.save_state", waiting)
    batches = job.data.feed.batches(0, 2)
    stepper.take(next(batches))
    order = order_of(stepper.trained.weights)
    plain = State(1, stepper.trained.state(), stepper.update.optimizer.state_dict(), order=order)
    at_once = save_state(tmp_path / "at once", plain, _IDENTITY, 2)
    with StateWriter(
        tmp_path / "thread", _IDENTITY, kept=2, written=lambda *told: written.append(told), failed=pytest.fail
    ) as writer:
        writer.save(state_now(1, stepper.trained, stepper.update))
        stepper.take(next(batches))
        may_write.set()
    batches.close()
    ((step, place),) = written
    assert step == 1
    names = sorted(each.name for each in at_once.iterdir())
    assert names == sorted(each.name for each in place.iterdir())
    for name in names:
        assert (at_once / name).read_bytes() == (place / name).read_bytes(), name


class _Silent:
    """An event log that keeps nothing."""

    def write(self, _event: object) -> None: ...


def test_a_slow_disk_holds_up_no_step(make_run, work, events_of, monkeypatch) -> None:
    """The state after step 2 is written only when step 3 is reported; the one after step 4 waits for it."""
    third, waited, honest = threading.Event(), [], Reporter.step

    def step(reporter: Reporter, done: StepDone) -> None:
        honest(reporter, done)
        if done.step == 3:
            third.set()

    def slow(folder: Path, state: State, identity: Identity, kept: int) -> Path:
        if state.step == 2:
            waited.append(third.wait(_PATIENCE_S))
        return save_state(folder, state, identity, kept)

    monkeypatch.setattr(Reporter, "step", step)
    monkeypatch.setattr("train.states.state_writer.save_state", slow)
    run = make_run(*_SETS, "save.states_kept=3")
    assert work(run) == 0
    assert waited == [True]
    assert [event.step for event in of_kind(events_of(run), StateSaved)] == [2, 4, 6]
    assert sorted(each.name for each in run.state_dir.iterdir()) == [
        f"step-0000000{step}" for step in (2, 4, 6)
    ]
    assert not [each.name for each in threading.enumerate() if each.name.startswith("state")]


def full_disk_at(step: int) -> Any:
    def write(folder: Path, state: State, identity: Identity, kept: int) -> Path:
        if state.step == step:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save_state(folder, state, identity, kept)

    return write


def test_a_full_disk_is_told_and_the_run_goes_on(make_run, work, events_of, monkeypatch) -> None:
    whole = make_run(*_SETS, name="whole")
    assert work(whole) == 0
    run = make_run(*_SETS, name="full")
    with monkeypatch.context() as patch:
        patch.setattr("train.states.state_writer.save_state", full_disk_at(4))
        assert work(run) == 0
    (told,) = [event for event in of_kind(events_of(run), Warned) if "could not be written" in event.what]
    assert told.what == "the state after step 4 could not be written: the disk is full"
    assert sorted(each.name for each in run.state_dir.iterdir()) == ["step-00000002", "step-00000006"]
    assert_same(last_weights(whole), last_weights(run))


def test_the_error_that_ends_a_run_is_not_hidden_by_one_of_the_writer(
    make_run, work, events_of, monkeypatch
) -> None:
    """Both are told."""
    broken = threading.Event()

    def write(*_: Any) -> Path:
        assert broken.wait(_PATIENCE_S)
        raise OSError(errno.ENOSPC, "No space left on device")

    calls = itertools.count(1)

    def rates(_optimizer: Any, _factor: float) -> None:
        if next(calls) == 3:
            broken.set()
            raise ValueError("something else")

    monkeypatch.setattr("train.states.state_writer.save_state", write)
    monkeypatch.setattr("train.loop.set_rates", rates)
    run = make_run(*_SETS)
    assert work(run) == 3
    (failed,) = of_kind(events_of(run), RunFailed)
    assert "something else" in failed.what
    assert any("state after step 2" in event.what for event in of_kind(events_of(run), Warned))


def test_killed_in_the_midst_of_a_write_the_last_good_state_is_left(
    make_run, work, start_worker, events_of, tmp_path: Path
) -> None:
    """S079: the disk never answers while the state after step 8 is written, steps go on, then kill -9."""
    whole = make_run(*_SETS, "length.steps=9", "save.state_every_steps=4", name="whole")
    assert work(whole) == 0
    run = make_run(*_SETS, "length.steps=9", "save.state_every_steps=4", name="killed")
    mark = tmp_path / "writing"
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib, time\n"
        "rename = pathlib.Path.rename\n"
        "def never(path, target):\n"
        "    if str(target).endswith('step-00000008'):\n"
        f"        open({str(mark)!r}, 'w').close()\n"
        "        time.sleep(3600)\n"
        "    return rename(path, target)\n"
        "pathlib.Path.rename = never\n"
    )
    worker = start_worker(run, PYTHONPATH=str(tmp_path))
    while not (mark.exists() and any(event.step == 9 for event in of_kind(events_of(run), StepDone))):
        assert worker.poll() is None, run.log_path.read_text()
        time.sleep(0.02)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert [each.name for each in run.state_dir.glob("step-*")] == ["step-00000004"]
    assert work(run) == 0
    assert_same(last_weights(whole), last_weights(run))
    losses = [
        {event.step: event.loss for event in of_kind(events_of(each), StepDone)} for each in (whole, run)
    ]
    assert losses[0] == losses[1]
