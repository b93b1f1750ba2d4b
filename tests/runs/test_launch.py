"""Starting, losing and ending workers (rows B09, S079; curators_tui.md section C)."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from curator.contract.errors import UserError
from curator.contract.run.event_log import Events, read_events
from curator.contract.run.events import RunStarted
from curator.contract.run.run_folder import RunFolder, Status
from curator.runs import launch
from curator.runs.fold import Failure, RunFold
from curator.runs.follow import Follower
from curator.runs.worker_process import worker_command

MakeRun = Callable[..., RunFolder]
Until = Callable[[Callable[[], bool]], None]


def test_a_run_starts_in_a_session_of_its_own_and_finishes(make_run: MakeRun, until: Until) -> None:
    run = make_run(steps=3)
    pid = launch.start(run)
    assert pid != os.getpid()
    until(lambda: run.status() == "finished")
    assert Follower(run).poll().step == 3


def test_a_living_worker_has_its_own_session_and_no_terminal(make_run: MakeRun) -> None:
    run = make_run(steps=100_000, sleep=0.02)
    pid = launch.start(run)
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
    assert Path(f"/proc/{pid}/fd/1").readlink() == run.log_path.resolve()
    assert Path(f"/proc/{pid}/cwd").readlink() == Path.cwd()


def test_a_failure_at_the_start_is_told_in_its_own_words(make_run: MakeRun, until: Until) -> None:
    run = make_run(fail="refuse")
    told = None
    try:
        launch.start(run)  # holds the run for a moment: it may be seen alive before it fails
    except UserError as error:
        told = error
    until(lambda: run.status() == "failed")
    failure = Follower(run).poll().failure
    assert failure == Failure("there is no model at x\x1b[31m", "give another")  # as the event has it
    said = told or UserError(*failure)
    assert (said.what, said.hint) == ("there is no model at x\\x1b[31m", "give another")


def test_a_worker_that_dies_without_a_word_points_at_the_log(make_run: MakeRun) -> None:
    run = make_run(fail="early")
    with pytest.raises(UserError, match="ended before it began") as caught:
        launch.start(run)
    assert str(run.log_path) in caught.value.hint
    assert "Segmentation fault" in run.log_path.read_text()


def test_a_second_worker_is_refused(make_run: MakeRun, fake_worker: Path) -> None:
    run = make_run(steps=100_000, sleep=0.02)
    launch.start(run)
    with pytest.raises(UserError, match="already running"):
        launch.start(run)
    second = subprocess.run([sys.executable, str(fake_worker), str(run.path)], capture_output=True, text=True)
    assert second.returncode == 2
    assert "in use by a living worker" in second.stderr
    assert run.status() == "running"


def test_a_killed_worker_crashed_and_the_run_goes_on_where_its_state_is(
    make_run: MakeRun, until: Until
) -> None:
    run = make_run(steps=8, wait_at=3)
    pid = launch.start(run)
    until(lambda: Follower(run).poll().step >= 3)
    os.kill(pid, signal.SIGKILL)
    until(lambda: run.status() == "crashed")
    launch.start(run)
    until(lambda: run.status() == "finished")
    events = read_events(run.events_path).events
    assert [event.resumed for event in events if isinstance(event, RunStarted)] == [False, True]
    fold = RunFold()
    fold.feed(*events)
    assert [step for step, _ in fold.losses] == list(range(1, 9))


def test_a_zombie_is_dead(make_run: MakeRun, until: Until, fake_worker: Path) -> None:
    """In a container whose first process does not reap, a killed worker stays a zombie."""
    run = make_run(steps=100_000, sleep=0.02)
    process = subprocess.Popen([sys.executable, str(fake_worker), str(run.path)], start_new_session=True)
    until(lambda: run.worker_pid() == process.pid)
    process.kill()  # and nobody waits for it
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")
    assert run.status() == "crashed"
    process.wait()


def starter_of(run: RunFolder, worker: Path) -> list[str]:
    """A program that starts a run, says its process id, and stays."""
    program = (
        "import sys, time; from pathlib import Path; from curator.runs import launch;"
        "from curator.contract.run.run_folder import RunFolder;"
        f"launch.WORKER = ({str(worker)!r},); print(launch.start(RunFolder(Path(sys.argv[1]))), flush=True);"
        "time.sleep(3600)"
    )
    return [sys.executable, "-c", program, str(run.path)]


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_run_begun_in_a_tmux_whose_server_is_killed_goes_on_and_is_followed_from_another(
    make_run: MakeRun, until: Until, fake_worker: Path, tmp_path: Path
) -> None:
    run = make_run(steps=100_000, sleep=0.02)
    tmux = ["tmux", "-L", f"frieze-{os.getpid()}"]
    before = [*tmux, "new-session", "-d", "-x", "100", "-y", "30", "-c", str(tmp_path)]
    try:
        subprocess.run([*before, shlex.join(starter_of(run, fake_worker))], check=True)
        until(lambda: Follower(run).poll().step > 0)
        server = subprocess.run([*tmux, "display", "-p", "#{pid}"], capture_output=True, check=True).stdout
        os.kill(int(server), signal.SIGKILL)
        step = Follower(run).poll().step
        until(lambda: Follower(run).poll().step > step + 2)
        follow = [sys.executable, "-m", "curator", "runs", "follow", run.path.name]
        subprocess.run([*before, shlex.join(follow)], check=True)
        pane = [*tmux, "capture-pane", "-p", "-J"]
        until(lambda: b"step" in subprocess.run(pane, capture_output=True, check=False).stdout)
        run.request("stop")
        until(lambda: run.status() == "stopped")
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)


def test_a_run_that_was_started_again_is_seen_running(
    make_run: MakeRun, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new worker can be found a moment before: who asks then would hear how the last one ended."""
    run = make_run(steps=100_000, sleep=0.02)
    status, seen = RunFolder.status, list[str]()

    def late(self: RunFolder) -> Status:
        found = status(self)
        seen.append("stopped" if found == "running" and seen.count("stopped") < 3 else found)
        return cast("Status", seen[-1])

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "status", late)
        launch.start(run)
    assert seen[-4:] == ["stopped", "stopped", "stopped", "running"]
    run.request("stop")
    until(lambda: run.status() == "stopped")


def test_losing_the_terminal_leaves_the_run_alone(make_run: MakeRun, until: Until, fake_worker: Path) -> None:
    """The starter is killed with its whole session and a hang-up; the worker goes on (B09)."""
    run = make_run(steps=100_000, sleep=0.02)
    starter = subprocess.Popen(starter_of(run, fake_worker), stdout=subprocess.PIPE, start_new_session=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    os.killpg(starter.pid, signal.SIGHUP)
    starter.wait()
    os.kill(pid, signal.SIGHUP)
    before = Follower(run).poll().step
    until(lambda: Follower(run).poll().step > before + 2)
    assert run.status() == "running"
    run.request("stop")
    until(lambda: run.status() == "stopped")


def test_a_request_no_worker_read_is_not_meant_for_the_next(make_run: MakeRun, until: Until) -> None:
    run = make_run(steps=3)
    (run.requests_dir / "00000000000000000001-stop").touch()
    launch.start(run)
    until(lambda: run.status() != "running")
    assert run.status() == "finished"


def test_a_folder_called_train_where_the_user_stands_is_not_run(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many a data set lies in a folder called train: `python -m train` must not take it for the program."""
    here = tmp_path / "here"
    (here / "train").mkdir(parents=True)
    (here / "train" / "__init__.py").touch()
    monkeypatch.chdir(here)
    monkeypatch.setattr(launch, "WORKER", ("-c", "import train; print('found', train.__file__)"))
    run = make_run()
    with pytest.raises(UserError, match="ended before it began"):
        launch.start(run)
    assert "found" in run.log_path.read_text()
    assert str(here) not in run.log_path.read_text()


def test_several_processes_go_through_torchrun(tmp_path: Path) -> None:
    command = worker_command(RunFolder(tmp_path), launch.WORKER, 4)
    assert command[1:6] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4"]
    assert command[6:] == ["-m", "train", str(tmp_path)]


def test_without_torch_the_hint_says_what_to_install(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError) as caught:
        launch.start(make_run())
    assert "frieze[train]" in caught.value.hint


def test_a_half_written_line_is_waited_for(make_run: MakeRun) -> None:
    run = make_run()
    line = json.dumps({"kind": "run_failed", "at": 1.0, "what": "w", "hint": "h"})
    run.events_path.write_text(line[:20])
    follower = Follower(run)
    assert follower.poll().failure is None
    with run.events_path.open("a") as file:
        file.write(line[20:] + "\n")
    assert follower.poll().failure == ("w", "h")


def test_status_is_read_before_the_events(
    make_run: MakeRun, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends between the two looks is seen as running once more, never as over with events missing."""
    run = make_run(steps=2)
    launch.start(run)
    until(lambda: run.status() == "finished")
    follower = Follower(run)
    order: list[str] = []
    monkeypatch.setattr(RunFolder, "status", lambda _: order.append("status") or "finished")
    monkeypatch.setattr("curator.runs.follow.read_events", lambda *_: Events(order.append("events") or [], 0))
    follower.poll()
    assert order == ["status", "events"]
