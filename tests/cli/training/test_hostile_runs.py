"""Run folders that hold anything at all: one bad run is named and passed over, and nothing in it is obeyed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from tests.cli.conftest import Frieze

ESCAPE = "\x1b]0;pwned\x07\x1b[31m"
Spoil = Callable[[RunFolder], object]


def written(name: str, data: str | bytes) -> Spoil:
    return lambda run: (run.path / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def changed(file_name: str, /, **values: object) -> Spoil:
    def spoil(run: RunFolder) -> None:
        file = run.path / file_name
        about = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(about | values))

    return spoil


def instead(name: str, make: Callable[[Path], object]) -> Spoil:
    def spoil(run: RunFolder) -> None:
        (run.path / name).unlink(missing_ok=True)
        make(run.path / name)

    return spoil


def loop(path: Path) -> None:
    path.symlink_to(path)


def endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


WORKER = {"pid": 999999, "started": "1", "boot": "none"}
DAMAGED: dict[str, Spoil] = {  # cannot be listed: named, passed over
    "processes is text": changed("run.json", processes="x"),
    "processes is no number": written("run.json", '{"name": "x", "processes": NaN}'),
    "processes without end": changed("run.json", processes=10**400),
    "no processes": changed("run.json", processes=0),
    "a name that is a list": changed("run.json", name=["fox"]),
    "a name that leads out": changed("run.json", name="../../x"),
    "a name that clears the screen": changed("run.json", name=ESCAPE),
    "a manifest that is a number": changed("run.json", manifest=7),
    "no time": changed("run.json", created_at="yesterday"),
    "a time before all calendars": changed("run.json", created_at="0001-01-01"),
    "a list": written("run.json", "[]"),
    "no JSON": written("run.json", "{"),
    "nothing": written("run.json", ""),
    "no UTF-8": written("run.json", b'{"name": "\xff"}'),
    "nested without end": written("run.json", "[" * 200_000),
    "a FIFO": instead("run.json", os.mkfifo),
    "a loop": instead("run.json", loop),
    "a folder": instead("run.json", Path.mkdir),
    "without end": instead("run.json", endless),
    "events are a FIFO": instead("events.jsonl", os.mkfifo),
    "events are a folder": instead("events.jsonl", Path.mkdir),
    "events are a loop": instead("events.jsonl", loop),
}  # fmt: skip


def events(*lines: object) -> Spoil:
    def spoil(run: RunFolder) -> None:
        with run.events_path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)

    return spoil


STEP = {"kind": "step_done", "at": 1, "step": 1, "epoch": 1, "loss": 0.5, "lr": {"unet": 1e-4}, "grad_norm": 1.0,
        "images": 1, "seconds": 0.1, "memory_bytes": 5}  # fmt: skip
ODD: dict[str, Spoil] = {  # is a run all the same
    "more than is known": changed("run.json", colour=ESCAPE, deep={"a": [1]}),
    "an ending that clears the screen": lambda run: (
        changed("worker.json", **WORKER)(run), changed("exit.json", how=ESCAPE, step=3)(run)
    ),
    "an ending that is a list": lambda run: (
        changed("worker.json", **WORKER)(run), changed("exit.json", how=["finished"])(run)
    ),
    "a worker with more": changed("worker.json", **WORKER, host="far"),
    "a worker of text": changed("worker.json", pid="x", started=5, boot=None),
    "a worker that is a list": written("worker.json", "[1]"),
    "a worker that is a FIFO": instead("worker.json", os.mkfifo),
    "a lock that is a FIFO": instead("run.lock", os.mkfifo),
    "a lock that is a folder": instead("run.lock", Path.mkdir),
    "events of text": events({**STEP, "step": "1"}, {**STEP, "lr": 5}, {**STEP, "loss": {}}, {**STEP, "seconds": "x"}),
    "events of no number": events({**STEP, "loss": None}, json.dumps({**STEP, "lr": {"unet": float("nan")}})),
    "events beyond all numbers": events(
        {**STEP, "step": 10**30}, {**STEP, "loss": 1e308}, {**STEP, "step": 2, "loss": -1e308}, {**STEP, "at": 10**400}
    ),
    "events below none": events({**STEP, "step": -5, "epoch": -1, "seconds": -1.0, "memory_bytes": -9}),
    "events at times that no calendar has": events(
        {"kind": "warned", "at": 1e50, "what": "odd", "hint": "none"},
        {"kind": "checkpoint_saved", "at": -1e50, "step": 1, "path": "output/a.safetensors", "sha256": ""},
    ),
    "events of no kind": events({"kind": "dance"}, {"kind": 5}, {"kind": ["a"]}, {}, [], 5, "null", '"x"'),
    "half a line": written("events.jsonl", json.dumps(STEP)[:30]),
    "noise": written("events.jsonl", os.urandom(3000) + b"\n" + os.urandom(300) + b"\n"),
    "nested without end in a line": events("[" * 200_000, "{" * 100_000),
    "a line without end": instead("events.jsonl", lambda path: path.write_bytes(b"x" * (1 << 27))),
    "words that clear the screen": events(
        {"kind": "run_started", "at": 1, "step": 0, "total_steps": 5, "total_epochs": 1, "resumed": False, "pid": 1,
         "device": ESCAPE, "processes": 1},
        {"kind": "phase_started", "at": 1, "name": ESCAPE},
        {**STEP, "lr": {ESCAPE: 1.0}},
        {"kind": "warned", "at": 1, "what": ESCAPE, "hint": ESCAPE},
        {"kind": "sample_made", "at": 1, "step": 1, "path": ESCAPE, "prompt": ESCAPE, "seed": 1},
        {"kind": "checkpoint_saved", "at": 1, "step": 1, "path": ESCAPE, "sha256": ESCAPE},
        {"kind": "image_quarantined", "at": 1, "path": ESCAPE, "reason": ESCAPE},
        {"kind": "run_failed", "at": 1, "what": ESCAPE, "hint": ESCAPE},
        {"kind": "run_ended", "at": 1, "how": ESCAPE, "step": 1},
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def ends() -> Iterator[None]:
    """A command that hangs is told apart from one that is slow."""

    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(240)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def runs(collection: Path) -> tuple[RunFolder, RunFolder]:
    """A sound run that has ended, and one that will be spoilt."""
    made = [
        RunFolder.create(collection / "runs", name, "", collection / "m", "0" * 64)
        for name in ("good", "odd")
    ]
    for run in made:
        log = EventLog(run.events_path)
        log.write(ev.RunStarted(1.0, 0, 5, 1, False, 1, "cpu", 1))
        log.close()
    with made[0].hold():
        made[0].finish("finished", 5)
    (made[0].path / "worker.json").write_text(json.dumps(WORKER))  # else it is this process, which lives
    return made[0], made[1]


def strict(text: str) -> object:
    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_run_is_named_and_passed_over(
    runs: tuple[RunFolder, RunFolder], frieze: Frieze, name: str
) -> None:
    good, odd = runs
    DAMAGED[name](odd)
    done = frieze("runs", "list")
    assert (done.code, len(done.lines)) == (0, 2)
    assert done.lines[1].split()[:2] == [good.path.name, "finished"]
    assert odd.path.name in done.err
    assert "\x1b" not in done.err
    done = frieze("runs", "list", "--json")
    assert [each["name"] for each in strict(done.out)] == [good.path.name]  # type: ignore[attr-defined]
    assert frieze("runs", "follow", "good").code == 0
    for command in (("runs", "follow"), ("runs", "stop"), ("train", "--resume")):
        done = frieze(*command, odd.path.name)
        assert done.code in (2, 3, 4), done
        assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize("name", ODD)
def test_an_odd_run_is_shown_as_text(runs: tuple[RunFolder, RunFolder], frieze: Frieze, name: str) -> None:
    _, odd = runs
    ODD[name](odd)
    done = frieze("runs", "list")
    assert (done.code, done.err, len(done.lines)) == (0, "", 3)
    statuses = {"new", "crashed", "finished"}
    assert {line.split()[1] for line in done.lines[1:]} <= statuses
    done = frieze("runs", "list", "--json")
    assert len(strict(done.out)) == 2  # type: ignore[arg-type]
    done = frieze("runs", "follow", odd.path.name)
    assert done.code in (2, 3)  # it never began, or crashed
    assert "\x1b" not in done.out + done.err
    assert frieze("runs", "stop", odd.path.name).code == 2


def test_lines_that_are_no_events_are_counted(runs: tuple[RunFolder, RunFolder], frieze: Frieze) -> None:
    _, odd = runs
    ODD["events of no kind"](odd)
    done = frieze("runs", "follow", odd.path.name)
    assert "damaged lines of the event log, passed over: 7" in done.err


def test_what_is_no_request_is_neither_obeyed_nor_in_the_way(runs: tuple[RunFolder, RunFolder]) -> None:
    run = runs[0]
    (run.requests_dir / "1-stop").mkdir()
    (run.requests_dir / "1-stop" / "x").touch()
    (run.requests_dir / "2-dance").touch()
    (run.requests_dir / "3-save").touch()
    (run.requests_dir / ESCAPE.replace("/", "")).touch()
    assert run.take_requests() == ["save"]
    assert run.take_requests() == []
    for file in [*run.requests_dir.glob("[!1]*")]:
        file.unlink()
    (run.requests_dir / "1-stop" / "x").unlink()
    (run.requests_dir / "1-stop").rmdir()
    run.requests_dir.rmdir()
    assert run.take_requests() == []
