"""Runs from scripts: shown, waited for, followed in pipes, stopped; codes say how a run ended (row B09)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.runs import launch
from curator.runs.follow import Follower
from tests.cli.conftest import Frieze

FAKE = Path(__file__).parents[2] / "runs" / "fake_worker.py"


@pytest.fixture
def runs(frozen: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts a run of the stand-in trainer, by name and behaviour."""
    monkeypatch.setattr(launch, "WORKER", (str(FAKE),))
    home = frozen.parents[1]
    shutil.copytree(Path(__file__).parents[3] / "train/families/sd1_config", home / "model")
    monkeypatch.chdir(home)

    def start(name: str, how: str) -> RunFolder:
        words = ("--recipe", "tiny-demo", "--model", "model", "--name", name, "--detach", "--json")
        done = frieze("train", "set", *words, "--set", f"metadata.description={how}")
        assert done.code == 0, done.err
        return RunFolder(home / done.json["path"])

    yield start
    for folder in (home / "runs").iterdir():
        run = RunFolder(folder)
        if run.status() == "running" and (pid := run.worker_pid()):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [
        ("steps=3", 0, "finished"),
        ("steps=200000 sleep=0.01 fail=asked", 3, "the disk is full"),
    ],
)
def test_the_code_of_wait_says_how_a_run_ended(
    runs: Any, frieze: Frieze, how: str, code: int, told: str
) -> None:
    run = runs("fox", how)
    if code:
        run.request("stop")
    done = frieze("runs", "wait", "fox")
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert frieze("runs", "wait", "fox").code == code  # one that is over already
    assert frieze("runs", "follow", "fox").code == code


def test_wait_for_a_run_that_crashed(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=3 wait_at=2")
    pid = run.worker_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    done = frieze("runs", "wait", "fox")
    assert done.code == 3
    assert "crashed" in done.err
    assert "frieze train --resume" in done.err


def test_wait_gives_up_after_a_timeout_and_stop_waits(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=100000 sleep=0.01")
    done = frieze("runs", "wait", "fox", "--timeout", "0.05")
    assert done.code == 1
    assert "not over after 0.05 seconds" in done.err
    done = frieze("runs", "stop", "fox", "--wait")
    assert done.code == 0, done.err
    assert "was stopped after step" in done.err
    assert run.status() == "stopped"
    assert frieze("runs", "wait", "fox").code == 4
    assert frieze("runs", "follow", "fox").code == 4


def test_stop_that_waits_tells_of_a_run_that_fails_instead(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=3 wait_at=2")
    assert frieze("runs", "stop", "fox", "--timeout", 3).code == 2
    _wait_until(lambda: Follower(run).poll().step == 2)  # from there on it hears nothing
    done = frieze("runs", "stop", "fox", "--wait", "--timeout", "0.05")
    assert done.code == 1
    pid = run.worker_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: run.status() != "running")
    assert frieze("runs", "stop", "fox", "--wait").code == 2  # nobody is there to be asked


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_list_is_narrowed_by_status_and_number(runs: Any, frieze: Frieze) -> None:
    runs("fox", "steps=2")
    frieze("runs", "wait", "fox")
    runs("owl", "steps=200000 sleep=0.01 fail=asked").request("stop")
    frieze("runs", "wait", "owl")

    def names(*words: str) -> set[str]:
        return {each["name"][11:] for each in frieze("runs", "list", "--json", *words).json}

    assert names() == names("--limit", "0") == {"fox", "owl"}
    assert names("--status", "failed") == {"owl"}
    assert names("--status", "failed,finished") == {"fox", "owl"}
    assert names("--status", "failed", "--status", "finished") == {"fox", "owl"}
    assert len(names("--limit", "1")) == 1
    assert names("--status", "paused") == set()
    done = frieze("runs", "list", "--status", "runing")
    assert done.code == 2
    assert "did you mean 'running'" in done.err
    (owl,) = frieze("runs", "list", "--status", "failed", "--json").json
    assert owl["failure"] == "the disk is full"
    assert (owl["pid"], owl["weights"]) == (None, None)
    assert Path(owl["log"]).is_file()
    assert "the disk is full" in frieze("runs", "list").out


def test_follow_as_json_gives_every_event_as_the_log_has_it(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=25 sleep=0.01")
    done = frieze("runs", "follow", "fox", "--json")
    assert done.code == 0
    events = [json.loads(line) for line in done.lines]
    assert events == [json.loads(line) for line in run.events_path.read_text().splitlines()]
    assert [each["step"] for each in events if each["kind"] == "step_done"] == list(range(1, 26))
    assert events[-1]["kind"] == "run_ended"


def test_show_tells_all_of_one_run(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=4")
    frieze("runs", "wait", "fox")
    log = EventLog(run.events_path)
    log.write(ev.CheckpointSaved(0, 4, "output/fox.safetensors", "ab"))
    log.write(ev.Warned(0, "a \x1b[31m warning", "look"))
    (run.output_dir / "fox.safetensors").touch()
    about = frieze("runs", "show", "fox", "--json").json
    assert (about["status"], about["step"], about["total_steps"], about["epoch"]) == ("finished", 4, 4, 0)
    assert about["loss"] == 0.25
    assert about["weights"] == about["checkpoints"][0]["path"] == str(run.output_dir / "fox.safetensors")
    assert about["seconds_left"] is None
    text = frieze("runs", "show", "fox").out
    assert "status         finished" in text
    assert "step 4  " in text
    assert "a \\x1b[31m warning (look)" in text
    assert frieze("runs", "show", "wolf").code == 2


def test_the_trainer_tells_its_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for it is no mistake; and no word is needed of what torch would tell first."""
    monkeypatch.delenv("FRIEZE_WARM", raising=False)
    done = subprocess.run([sys.executable, "-m", "train", "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m train RUN_FOLDER")
    done = subprocess.run([sys.executable, "-m", "train"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr
