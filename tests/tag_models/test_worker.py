"""Jobs of tag models: to their end, killed and begun again, stopped, shared among processes."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from curator.contract.run.events import ImageQuarantined, Progress, RunEnded, RunFailed, RunStarted, Warned
from curator.contract.run.run_folder import RunFolder
from curator.contract.tagging.job import part_files, read_images, read_loaded
from curator.contract.tagging.part import read_part
from tests.tag_models.conftest import WEIGHTS, MakeJob, answered, events_of, work
from tests.tag_models.onnx_models import write_model

LIMIT_S = 300


def test_a_job_answers_all_and_names_what_is_no_image(make_job: MakeJob) -> None:
    job = make_job(12, bad=4)
    done = work(job)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert answered(job) == [number for number in range(12) if number != 4]
    events = events_of(job)
    assert [Path(event.path).name for event in events if isinstance(event, ImageQuarantined)] == ["4.png"]
    (started,) = [event for event in events if isinstance(event, RunStarted)]
    assert (started.step, started.total_steps, started.device) == (0, 12, "cpu")
    assert [event.done for event in events if isinstance(event, Progress)][-1] == 11
    assert events[-1] == RunEnded(events[-1].at, "finished", 11)
    loaded = read_loaded(job)
    assert loaded is not None
    assert loaded.names == ("general", "sensitive", "red", "blue")


def test_probabilities_above_the_floor_and_all_ratings_are_kept(make_job: MakeJob) -> None:
    job = make_job(1, floor=0.8)
    assert work(job).returncode == 0
    part = read_part(part_files(job)[0])
    assert memoryview(part.labels).cast("I").tolist() == [0, 1]  # red and blue are at 0.12
    assert memoryview(part.values).cast("f").tolist() == pytest.approx([0.2689414, 0.7310586], abs=1e-6)


def test_killed_at_any_moment_and_begun_again_nothing_is_lost_or_doubled(make_job: MakeJob) -> None:
    job = make_job(60, batch_size=1)
    chance = random.Random(3)
    for _ in range(20):
        process = subprocess.Popen([sys.executable, "-m", "tag_models", str(job)], start_new_session=True)
        time.sleep(chance.uniform(0.05, 1.2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert work(job).returncode == 0
    assert Counter(answered(job)) == Counter(range(60))
    assert RunFolder(job).status() == "finished"


def test_what_is_answered_is_not_answered_again(make_job: MakeJob) -> None:
    job = make_job(12)
    assert work(job).returncode == 0
    files = {file.name: file.stat().st_mtime_ns for file in part_files(job)}
    assert work(job).returncode == 0
    assert {file.name: file.stat().st_mtime_ns for file in part_files(job)} == files
    started = [event for event in events_of(job) if isinstance(event, RunStarted)]
    assert [event.step for event in started] == [0, 12]


def test_a_damaged_part_is_set_aside_and_its_images_are_looked_at_again(make_job: MakeJob) -> None:
    job = make_job(12)
    assert work(job).returncode == 0
    file = part_files(job)[0]
    file.write_bytes(file.read_bytes()[:-1])
    assert work(job).returncode == 0
    assert answered(job) == list(range(12))
    assert [event.what for event in events_of(job) if isinstance(event, Warned)] == [
        f"the part {file.name} is damaged: it is not what was written"
    ]


def test_a_stop_keeps_what_is_done(make_job: MakeJob) -> None:
    job = make_job(2000, batch_size=1)
    process = subprocess.Popen([sys.executable, "-m", "tag_models", str(job)])
    deadline = time.monotonic() + 120
    while not any(isinstance(event, Progress) for event in events_of(job)) and time.monotonic() < deadline:
        time.sleep(0.02)
    RunFolder(job).request("stop")
    assert process.wait(120) == 4
    assert RunFolder(job).status() == "stopped"
    done = len(answered(job))
    assert 0 < done < 2000
    assert events_of(job)[-1] == RunEnded(events_of(job)[-1].at, "stopped", done)
    assert work(job).returncode == 0
    assert answered(job) == list(range(2000))


def test_a_changed_file_is_not_taken_for_what_was_indexed(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(3)
    first, second = (tmp_path / "images" / f"{number}.png" for number in (0, 1))
    first.write_bytes(second.read_bytes())
    second.unlink()
    assert work(job).returncode == 0
    assert answered(job) == [2]
    reasons = {Path(e.path).name: e.reason for e in events_of(job) if isinstance(e, ImageQuarantined)}
    assert reasons == {"0.png": "the file has changed: scan it again", "1.png": "No such file or directory"}


def shared(job: Path, *program: str) -> list[str]:
    """Two processes, as torchrun starts them."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return [sys.executable, *torchrun, *(program or ("-m", "tag_models")), str(job)]


def of_the_second(job: Path) -> int:
    """The number of an image that falls to the second process."""
    return next(image.number for image in read_images(job) if int(image.sha256[:8], 16) % 2)


def test_processes_share_the_images_and_the_first_tells_of_all(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(40)
    bad = of_the_second(job)
    (tmp_path / "images" / f"{bad}.png").write_bytes(b"no image")
    done = subprocess.run(shared(job), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Counter(answered(job)) == Counter(number for number in range(40) if number != bad)
    assert {file.name[0] for file in part_files(job)} == {"0", "1"}
    events = events_of(job)
    assert [Path(event.path).name for event in events if isinstance(event, ImageQuarantined)] == [
        f"{bad}.png"
    ]
    (started,) = [event for event in events if isinstance(event, RunStarted)]
    assert started.processes == 2
    assert [event.done for event in events if isinstance(event, Progress)][-1] == 39
    assert events[-1] == RunEnded(events[-1].at, "finished", 39)


def test_hosts_share_the_images_by_content(make_job: MakeJob) -> None:
    """Two hosts of one process: each is started by a torchrun of its own, and they meet on loopback."""
    job = make_job(20)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    meet = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port]
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo"}
    hosts = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "torch.distributed.run",
                *meet,
                "--node-rank",
                rank,
                "-m",
                "tag_models",
                job,
            ],
            env=environment,
        )
        for rank in ("0", "1")
    ]
    assert [host.wait(LIMIT_S) for host in hosts] == [0, 0]
    hashes = {image.number: image.sha256 for image in read_images(job)}
    for rank in (0, 1):
        parts = [read_part(file) for file in part_files(job) if file.name.startswith(f"{rank}-")]
        numbers = sorted(n for part in parts for n in memoryview(part.numbers).cast("I"))
        assert numbers == [n for n, sha256 in hashes.items() if int(sha256[:8], 16) % 2 == rank] != []
    assert RunFolder(job).status() == "finished"
    assert events_of(job)[-1] == RunEnded(events_of(job)[-1].at, "finished", 20)


def test_all_processes_stop_where_one_is_asked_to(make_job: MakeJob) -> None:
    job = make_job(600, batch_size=1)
    process = subprocess.Popen(shared(job), stderr=subprocess.DEVNULL)
    wait_for(lambda: (job / "events.jsonl").exists() and any(isinstance(e, Progress) for e in events_of(job)))
    RunFolder(job).request("stop")
    process.wait(LIMIT_S)
    assert RunFolder(job).status() == "stopped"
    before = answered(job)
    assert len(before) < 600
    assert events_of(job)[-1] == RunEnded(events_of(job)[-1].at, "stopped", len(before))
    assert work(job).returncode == 0
    assert Counter(answered(job)) == Counter(range(600))


NO_SPACE = """
import errno, os, sys
from tag_models import __main__, worker

def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

if __name__ == "__main__":
    if os.environ["RANK"] == "1":
        worker.write_part = full
    sys.exit(__main__.main())
"""


def test_where_one_process_fails_the_others_go_on_and_the_job_has_failed(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job(40)
    program = tmp_path / "second_has_no_space.py"
    program.write_text(NO_SPACE)
    subprocess.run(shared(job, str(program)), capture_output=True)
    (failed,) = [event for event in events_of(job) if isinstance(event, RunFailed)]
    assert "answers cannot be written" in failed.what
    assert RunFolder(job).status() == "failed"
    assert answered_by_the_first(job) == [
        image.number for image in read_images(job) if not int(image.sha256[:8], 16) % 2
    ]


def answered_by_the_first(job: Path) -> list[int]:
    parts = [file for file in part_files(job) if file.name.startswith("0-")]
    return sorted(n for file in parts for n in memoryview(read_part(file).numbers).cast("I").tolist())


def test_a_process_that_is_killed_fails_the_job_and_it_goes_on(make_job: MakeJob) -> None:
    job = make_job(600, batch_size=1)
    process = subprocess.Popen(shared(job), stderr=subprocess.DEVNULL)
    wait_for(lambda: (job / "events.jsonl").exists() and any(isinstance(e, Progress) for e in events_of(job)))
    os.kill(_second_of(job), signal.SIGKILL)
    process.wait(LIMIT_S)
    (failed,) = [event for event in events_of(job) if isinstance(event, RunFailed)]
    assert failed.what == "a process of the job died"
    assert RunFolder(job).status() == "failed"
    assert work(job).returncode == 0
    assert Counter(answered(job)) == Counter(range(600))


def _second_of(job: Path) -> int:
    """The process id of the second worker of a job."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            settings = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"tag_models" in words and os.fsencode(job) in words and b"RANK=1" in settings:
            return int(folder.name)
    raise AssertionError("there is no second worker")


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_model_that_cannot_be_used_is_a_sentence_in_the_events(make_job: MakeJob, tagger: Path) -> None:
    job = make_job(2)
    (tagger / "model.onnx").write_bytes(b"<html>")
    done = work(job)
    assert done.returncode == 3
    (failed,) = [event for event in events_of(job) if isinstance(event, RunFailed)]
    assert "model.onnx is no ONNX model" in failed.what
    assert done.stderr.splitlines() == [failed.what, failed.hint]
    assert RunFolder(job).status() == "failed"


def test_answers_of_two_models_are_not_mixed(make_job: MakeJob, tagger: Path) -> None:
    job = make_job(4)
    assert work(job).returncode == 0
    before = answered(job)
    write_model(tagger / "model.onnx", WEIGHTS, [0.0, 0.0, 0.0, 0.0])
    done = work(job)
    assert done.returncode == 3
    assert "are not those that began this job" in done.stderr
    assert answered(job) == before


def gone(file: Path) -> None:
    file.unlink()


def fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


@pytest.mark.parametrize("harm", [gone, fifo, cut])
@pytest.mark.parametrize("name", ["job.json", "images.jsonl"])
def test_a_job_that_is_damaged_is_a_sentence(
    make_job: MakeJob, name: str, harm: Callable[[Path], None]
) -> None:
    job = make_job(3)
    harm(job / name)
    done = work(job)
    assert done.returncode == (2 if name == "job.json" else 3)
    assert len(done.stderr.splitlines()) == 2
    assert "Traceback" not in done.stderr


def test_names_of_images_are_text(make_job: MakeJob, tmp_path: Path) -> None:
    """A line break, an escape sequence, and bytes that are no UTF-8."""
    job = make_job(2)
    names = ["a\n\x1b[31mb.png", os.fsdecode(b"\xff.png")]
    rows = [json.loads(line) for line in (job / "images.jsonl").read_text().splitlines()]
    for row, name in zip(rows, names, strict=True):
        Path(row[1]).rename(tmp_path / name)
        row[1] = str(tmp_path / name)
    (job / "images.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert work(job).returncode == 0
    assert answered(job) == [0, 1]
    (tmp_path / names[0]).write_bytes(b"")
    for file in part_files(job):
        file.unlink()
    assert work(job).returncode == 0
    (told,) = [event.path for event in events_of(job) if isinstance(event, ImageQuarantined)]
    assert told.endswith("a\\x0a\\x1b[31mb.png")


def test_a_second_worker_is_turned_away(make_job: MakeJob) -> None:
    job = make_job(2)
    with RunFolder(job).hold():
        done = work(job)
    assert done.returncode == 2
    assert answered(job) == []
