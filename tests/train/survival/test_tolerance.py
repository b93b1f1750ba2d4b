"""What fails beside the training is told, and the run goes on (B08)."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from curator.contract.run.event_log import EventLog, read_events
from curator.contract.run.events import RunEnded, RunFailed, SampleMade, StepDone, Warned
from curator.contract.run.run_folder import RunFolder
from curator.runs.follow import whole_view
from train.survival.spill import SpillWatch

PICTURES = ("sample.prompts=['a red thing']", "sample.steps=1", "sample.width=64", "sample.height=64")
FULL = OSError(errno.ENOSPC, "No space left on device")


def of_kind(run: RunFolder, events_of, kind: type) -> list:
    return [event for event in events_of(run) if isinstance(event, kind)]


def failing(error: Exception, times: int = 10**9):
    """A function that raises, the first so many times."""
    calls = iter(range(times))

    def fail(*_: object, **__: object) -> None:
        if next(calls, None) is not None:
            raise error

    return fail


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FULL, "the disk is full"),
        (torch.OutOfMemoryError("CUDA out of memory."), "it does not fit in the memory"),
        (ValueError("a sampler of sand"), "ValueError: a sampler of sand"),
    ],
)
def test_a_failing_sampler(make_run, work, events_of, monkeypatch, error, said) -> None:
    """Also where it fails in the midst of the weights' average, which is put back."""
    from train import loop

    plain, run = make_run("ema.decay=0.9", name="plain"), make_run("ema.decay=0.9", *PICTURES, name="sampled")
    assert work(plain) == 0
    honest, calls = loop.make_picture, []

    def make_picture(*args: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise error
        return honest(*args)

    monkeypatch.setattr(loop, "make_picture", make_picture)
    assert work(run) == 0
    assert [event.what for event in of_kind(run, events_of, Warned) if "samples" in event.what] == [
        f"no more samples after step 0: {said}"
    ]
    assert len(of_kind(run, events_of, SampleMade)) == 1  # at the end
    losses = [[event.loss for event in of_kind(each, events_of, StepDone)] for each in (plain, run)]
    assert losses[0] == losses[1]


def test_a_failing_tracker(make_run, work, events_of, monkeypatch) -> None:
    """As of a socket that is closed."""
    from accelerate.tracking import TensorBoardTracker

    pytest.importorskip("tensorboard")
    monkeypatch.setattr(TensorBoardTracker, "log", failing(ConnectionResetError("closed")))
    monkeypatch.setattr(TensorBoardTracker, "finish", failing(BrokenPipeError("closed")))
    run = make_run("log.trackers=['tensorboard']")
    assert work(run) == 0
    told = [event.what for event in of_kind(run, events_of, Warned) if "tracker" in event.what]
    assert told == [
        "trackers hear no more from step 1 on: ConnectionResetError: closed",
        "the tracker tensorboard did not end well: BrokenPipeError: closed",
    ]


def test_a_full_disk_takes_no_run_down_and_holds_no_space(make_run, work, events_of, monkeypatch) -> None:
    """Every second write between finds no space; the last weights are there."""
    run = make_run("save.every_steps=1", "save.state_every_steps=1", "length.steps=4")
    written: list[str] = []
    flush = os.fsync

    def full(handle: int) -> None:
        written.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        if any(
            f"step0000000{step}" in written[-1] or f"step-0000000{step}" in written[-1] for step in (1, 3)
        ):
            raise FULL
        flush(handle)

    monkeypatch.setattr("os.fsync", full)
    assert work(run) == 0
    told = [event.what for event in of_kind(run, events_of, Warned) if "could not be written" in event.what]
    assert sorted(told) == [
        f"the {what} after step {step} could not be written: the disk is full"
        for what in ("state", "weights")
        for step in (1, 3)
    ]
    assert (run.output_dir / "tiny.safetensors").is_file()
    assert not list(run.path.rglob(".frieze-*"))
    assert not list(run.path.rglob("*step*0000000[13]*"))
    assert "could not be written" in whole_view(run).warnings[-1].what


def test_a_stop_whose_state_cannot_be_written_is_no_stop(make_run, work, events_of, monkeypatch) -> None:
    """What was trained would be lost in silence."""
    run = make_run("save.state_every_steps=100")
    from train.control import Control

    heard = Control.agree

    def agree(control: Control, step: int):
        wishes = heard(control, step)
        wishes.stop = step == 2
        return wishes

    monkeypatch.setattr(Control, "agree", agree)
    monkeypatch.setattr("train.states.state_writer.save_state", failing(FULL))
    assert work(run) == 3
    assert of_kind(run, events_of, RunFailed)[0].what == "the disk is full"


def test_events_wait_while_the_disk_is_full_and_none_is_torn(tmp_path, monkeypatch) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    events = [RunEnded(float(number), "finished", number) for number in range(4)]
    log.write(events[0])
    write, room = os.write, [10]

    def short(handle: int, data: bytes) -> int:
        if not room[0]:
            raise FULL
        count = write(handle, data[: room[0]])
        room[0] -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr("os.write", short)
        log.write(events[1])
        log.write(events[2])
    assert read_events(path).events == events[:1]
    log.write(events[3])
    assert read_events(path).events == events
    assert not read_events(path).damaged
    log.close()


def test_the_last_words_fit_on_a_full_disk(tmp_path) -> None:
    """A lock that takes some space gives it back for them."""
    run = RunFolder.create(tmp_path, "tiny", "", tmp_path / "no.manifest", "")
    with run.hold():
        assert (run.path / "run.lock").stat().st_blocks
        run.free_reserve()
        assert not (run.path / "run.lock").stat().st_blocks
        assert run.status() == "running"


def test_a_run_whose_empty_folders_were_lost(make_run, work, events_of) -> None:
    """Copies of a folder often leave out what is empty."""
    run = make_run(*PICTURES, "length.steps=2")
    for folder in (run.requests_dir, run.state_dir, run.samples_dir, run.output_dir):
        folder.rmdir()
    assert work(run) == 0
    assert of_kind(run, events_of, SampleMade)


ODD = (
    "",
    "[]",
    "null",
    "{}",
    '{"steps": 3}',
    '{"steps": [{"step": "x"}]}',
    "[" * 5000,
    '{"step": 1e999}',
    "\x00",
)


@pytest.mark.parametrize(
    "name", ["run.json", "bad-steps.json", "worker.json", "exit.json", "model-hashes.json"]
)
def test_odd_json_in_a_run_is_a_sentence_or_passed_over(make_run, work, events_of, capsys, name: str) -> None:
    run = make_run("length.steps=1")
    before = (run.path / name).read_bytes() if (run.path / name).exists() else b""
    for odd in ODD:
        (run.path / name).write_text(odd)
        assert work(run) in (0, 2, 3), odd
        assert "Traceback" not in capsys.readouterr().err, odd
        assert not any("broke" in event.what for event in of_kind(run, events_of, RunFailed)), odd
        if name != "run.json":
            (run.path / "exit.json").unlink(missing_ok=True)
    (run.path / name).write_bytes(before) if before else (run.path / name).unlink(missing_ok=True)
    assert work(run) == 0


def test_spill_is_told_once(monkeypatch) -> None:
    told: list[str] = []
    watch = SpillWatch(SimpleNamespace(warn=lambda what, _hint: told.append(what)))
    watch.look(1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=2**30))
    held = iter((2**30, 2**30 + 2**20, 2**31))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: next(held))
    for step in (2, 3, 4):
        watch.look(step)
    assert told == ["step 3: 1 MiB of the device's memory lie in the system's, which is slow"]
