"""The queue: runs that wait for a device begin one after the other, whatever becomes of who looks after them (B09)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.run import at_work
from curator.contract.run.run_folder import RunFolder
from curator.runs import launch
from curator.runs.follow import Follower
from curator.runs.queue import jobs, keeper
from curator.runs.queue.devices import checked_device, seen_devices
from curator.runs.queue.jobs import Job, Queue, job_of
from curator.runs.queue.keeper import keep, wake

MakeRun = Callable[..., RunFolder]
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "queue")


@pytest.fixture
def kept(queue: Queue) -> Iterator[Callable[[], threading.Thread]]:
    """Keeps the queue in a thread."""
    threads: list[threading.Thread] = []

    def start() -> threading.Thread:
        threads.append(threading.Thread(target=keep, args=(queue, begin)))
        threads[-1].start()
        return threads[-1]

    yield start
    for job in queue.jobs():
        if pid := job.folder.worker_pid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    with queue.changing() as left:
        left.clear()
    for thread in threads:
        thread.join(300)


def begin(job: Job) -> int:
    return launch.start(job.folder, job.processes, job.device)


def put(queue: Queue, run: RunFolder, device: str = "cuda:0", retries: int = 0) -> RunFolder:
    queue.add(job_of(run, device, "2026-01-01T00:00:00+00:00", processes=None, retries=retries))
    return run


def names(queue: Queue) -> list[str]:
    return [job.folder.info().name for job in queue.jobs()]


def state_of(queue: Queue, run: RunFolder) -> str:
    return next((job.state for job in queue.jobs() if job.run == str(run.path.resolve())), "gone")


def test_runs_of_a_device_begin_one_after_the_other_and_those_of_others_beside_them(
    queue: Queue, make_run: MakeRun, until: Until, kept: Callable[[], threading.Thread]
) -> None:
    first, second, third, other = (make_run(name, steps=100_000, sleep=0.02) for name in "abcd")
    for run in (first, second):
        put(queue, run)
    put(queue, third, "cuda:0,1")
    put(queue, other, "cuda:1")
    thread = kept()
    until(lambda: first.status() == "running")
    assert (second.status(), third.status(), other.status()) == ("new", "new", "new")
    pid = first.worker_pid()
    seen = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert b"CUDA_VISIBLE_DEVICES=0" in seen
    for run in (
        first,
        second,
        third,
        other,
    ):  # the third keeps both devices for itself, so the last waits for it
        until(lambda run=run: Follower(run).poll().step > 1)
        assert [each.status() for each in (first, second, third, other)].count("running") == 1
        run.request("stop")
        until(lambda run=run: state_of(queue, run) == "gone")
    thread.join(300)
    assert not thread.is_alive()  # nobody is left where nothing is left to do


def test_what_crashed_is_begun_again_so_many_times_then_held_and_the_next_goes_on(
    queue: Queue, make_run: MakeRun, until: Until, kept: Callable[[], threading.Thread]
) -> None:
    again = put(queue, make_run("again", steps=8, wait_at=3), retries=1)
    failing = put(queue, make_run("failing", fail="middle"), retries=1)
    refused = put(queue, make_run("refused", fail="early"))
    last = put(queue, make_run("last", steps=2))
    kept()
    until(lambda: Follower(again).poll().step >= 3)
    pid = again.worker_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: last.status() == "finished")
    assert again.status() == "finished"
    until(lambda: names(queue) == ["failing", "refused"])
    told = {job.folder.info().name: (job.state, job.tries, job.why) for job in queue.jobs()}
    assert told["failing"] == ("held", 2, "the disk is full (free space)")
    assert told["refused"][:2] == ("held", 1)
    assert "ended before it began" in told["refused"][2]
    assert failing.status() == "failed"
    assert refused.status() == "new"


def test_a_suspended_run_frees_its_device_and_keeps_its_place(
    queue: Queue, make_run: MakeRun, until: Until, kept: Callable[[], threading.Thread]
) -> None:
    first = put(queue, make_run("first", steps=300, sleep=0.02))
    second = put(queue, make_run("second", steps=2))
    kept()
    until(lambda: Follower(first).poll().step > 1)
    with pytest.raises(UserError, match="is at work"):
        queue.remove(first)
    first.request("suspend")
    until(lambda: second.status() == "finished")
    until(lambda: names(queue) == ["first"])
    assert (state_of(queue, first), first.status()) == ("held", "suspended")
    queue.release(first)
    kept()
    until(lambda: first.status() == "finished")
    assert Follower(first).poll().step == 300


PROGRAM = (
    "import sys; from pathlib import Path; from curator.runs import launch; from curator.runs.queue import keeper;"
    "launch.WORKER = ({fake!r},);"
    "sys.exit(keeper.main(sys.argv[1:], lambda job: launch.start(job.folder, job.processes, job.device)))"
)


def test_a_keeper_outlives_its_terminal_and_one_that_was_killed_is_replaced(
    queue: Queue, make_run: MakeRun, until: Until, fake_worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The starter is killed with its session; then the keeper by kill -9: the run goes on, and so does the queue."""
    program = ("-c", PROGRAM.format(fake=str(fake_worker)))
    monkeypatch.setattr(keeper, "PROGRAM", program)
    first = put(queue, make_run("first", steps=100_000, sleep=0.02))
    second = put(queue, make_run("second", steps=2))
    waking = (
        "import sys, time; from pathlib import Path; from curator.runs.queue import jobs, keeper;"
        f"keeper.PROGRAM = {program!r}; print(keeper.wake(jobs.Queue(Path(sys.argv[1]))), flush=True);"
        "time.sleep(900)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", waking, str(queue.folder)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"True\n"
    os.killpg(starter.pid, signal.SIGHUP)
    starter.wait()
    until(lambda: first.status() == "running")
    assert not wake(queue)  # it lives
    (pid,) = keepers(queue)
    os.kill(pid, signal.SIGKILL)
    until(lambda: keepers(queue) == [])
    assert first.status() == "running"
    until(lambda: wake(queue))  # what a process held is let go a moment after it can be seen no more
    first.request("stop")
    until(lambda: second.status() == "finished")
    until(lambda: keepers(queue) == [])
    assert queue.jobs() == []
    assert not wake(queue)


def keepers(queue: Queue) -> list[int]:
    """Living processes whose last argument is the queue's folder."""
    found: list[int] = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
                state = (place / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if state != "Z" and str(queue.folder).encode() in words:
                found.append(int(place.name))
    return found


def test_what_a_killed_keeper_was_about_to_begin_waits_again(queue: Queue, make_run: MakeRun) -> None:
    run = put(queue, make_run("a", steps=2))
    queue.change(run, lambda job: replace(job, state="starting", tries=1))
    begun: list[int] = []
    keep(queue, lambda job: begun.append(job.tries) or begin(job))
    assert begun == [1]
    assert run.status() == "finished"


def test_what_a_killed_keeper_did_begin_is_not_begun_again_when_it_is_over(
    queue: Queue, make_run: MakeRun, until: Until
) -> None:
    """Killed before it could write that the run lives; the run was stopped before another keeper came."""
    run = put(queue, make_run("a", steps=100_000, sleep=0.02))
    with queue.changing() as found:
        (job,) = keeper.next_jobs(found)
    begin(job)
    run.request("stop")
    until(lambda: run.status() == "stopped")
    assert state_of(queue, run) == "starting"
    keep(queue, lambda job: pytest.fail(job.run))
    assert (queue.jobs(), run.status()) == ([], "stopped")


def test_who_removes_a_run_or_renames_it_is_no_worker_of_it(queue: Queue, make_run: MakeRun) -> None:
    """Their hold of its folder once made a job look begun, and then crashed."""
    run = put(queue, make_run("a"))
    with run.resting():
        assert run.status() == "new"
        with queue.changing() as found:
            keeper.settle(found)
    assert state_of(queue, run) == "waiting"


def test_a_run_that_was_begun_without_the_queue_is_waited_for(
    queue: Queue, make_run: MakeRun, until: Until, kept: Callable[[], threading.Thread]
) -> None:
    alone = make_run("alone", steps=100_000, sleep=0.02)
    begin(job_of(alone, "cpu", "", processes=None, retries=0))
    until(lambda: Follower(alone).poll().step > 0)
    waiting = put(queue, make_run("waiting", steps=2), "cpu")
    beside = put(queue, make_run("beside", steps=2), "cuda:1")
    thread = kept()
    until(lambda: beside.status() == "finished" and names(queue) == ["waiting"])
    (job,) = queue.jobs()
    assert (job.state, job.why) == ("waiting", f"{alone.path.name} is at work on cpu")
    assert thread.is_alive()
    os.kill(alone.worker_pid() or 0, signal.SIGKILL)
    until(lambda: waiting.status() == "finished")
    assert at_work.trainings_at_work() == []


def test_devices_of_a_training_are_those_that_it_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[str]:
        with at_work.told_of(tmp_path):
            return [each.devices for each in at_work.trainings_at_work()]

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(at_work, "GPUS", tmp_path / "gpus")
    assert told() == ["cpu"]
    for number in range(3):
        (tmp_path / "gpus" / str(number)).mkdir(parents=True)
    assert told() == ["cuda:0"]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    for seen, devices in (("2, 1", "cuda:2,1"), ("", "cpu"), ("-1", "cpu"), ("GPU-1f", "cuda:0,1,2")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
        assert told() == [devices]
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert told() == []


def test_order_holding_and_removing(queue: Queue, make_run: MakeRun) -> None:
    runs = {name: put(queue, make_run(name), "cuda:1" if name == "x" else "cuda:0") for name in "axbc"}
    queue.move(runs["c"], "up")
    assert names(queue) == ["a", "x", "c", "b"]
    queue.move(runs["b"], "first")
    assert names(queue) == ["b", "a", "x", "c"]
    queue.move(runs["a"], "down")
    assert names(queue) == ["b", "x", "c", "a"]
    queue.move(runs["b"], "last")
    assert [name for name in names(queue) if name != "x"] == ["c", "a", "b"]
    queue.move(runs["x"], "up")  # alone on its device
    with pytest.raises(UserError, match="in the queue already"):
        put(queue, runs["a"])
    queue.hold(runs["c"])
    assert state_of(queue, runs["c"]) == "held"
    queue.release(runs["c"])
    assert state_of(queue, runs["c"]) == "waiting"
    queue.remove(runs["c"])
    assert runs["c"].info().name == "c"
    with pytest.raises(UserError, match="is not in the queue"):
        queue.remove(runs["c"])


def test_several_logins_at_once_lose_nothing(queue: Queue, make_run: MakeRun) -> None:
    runs = [make_run(f"r{number}") for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda run: put(Queue(queue.folder), run), runs))
    assert sorted(names(queue)) == sorted(run.info().name for run in runs)


def test_jobs_of_another_machine_are_left_to_it_until_they_are_released_here(
    queue: Queue, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = put(queue, make_run("a", steps=2))
    monkeypatch.setattr(jobs, "this_host", lambda: "elsewhere")
    assert not wake(queue)
    keep(queue, lambda job: pytest.fail(job.run))
    assert run.status() == "new"
    queue.release(run)
    keep(queue, begin)
    assert run.status() == "finished"


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2, "jobs": []}', '{"version": 1, "jobs": [{}]}'])
def test_a_damaged_queue_is_a_sentence(queue: Queue, text: str) -> None:
    queue.folder.mkdir()
    (queue.folder / "queue.json").write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        queue.jobs()


def test_devices_are_checked_and_none_is_taken_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU that is not there would be a run on the CPU."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(at_work, "GPUS", tmp_path / "none")
    assert checked_device("", 1) == "cpu"
    with pytest.raises(UserError, match="no device cuda:0"):
        checked_device("cuda:0", 1)
    for number in range(3):
        (tmp_path / "gpus" / str(number)).mkdir(parents=True)
    monkeypatch.setattr(at_work, "GPUS", tmp_path / "gpus")
    assert checked_device("", 2) == "cuda:0,1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert checked_device("", 1) == "cuda:2"
    with pytest.raises(UserError, match="no device cuda:3"):
        checked_device("cuda:3", 1)
    with pytest.raises(UserError, match="2 processes train together"):
        checked_device("cuda:1", 2)
    with pytest.raises(UserError, match="is no device"):
        checked_device("gpu0", 1)
    assert seen_devices("cuda:1")["CUDA_VISIBLE_DEVICES"] == "1"
    assert seen_devices("cpu") == {"CUDA_VISIBLE_DEVICES": ""}
