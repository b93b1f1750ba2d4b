from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from curator.contract import locations
from curator.contract.errors import UserError
from curator.contract.run import run_folder
from curator.contract.run.process_identity import identity_of, is_alive
from curator.contract.run.run_folder import RunFolder

WORKER = """
import sys, time
from pathlib import Path
from curator.contract.run.run_folder import RunFolder
run = RunFolder(Path(sys.argv[1]))
with run.hold():
    print("held", flush=True)
    sys.stdin.read()
    run.finish(sys.argv[2], 7)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "first", "seed = 1\n", tmp_path / "m.manifest", "ab" * 32)


def worker(run: RunFolder, how: str = "finished") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(run.path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_new_run_is_told_by_its_folder(run: RunFolder, tmp_path: Path) -> None:
    assert run.status() == "new"
    assert run.info().name == "first"
    assert run.info().manifest == str(tmp_path / "m.manifest")
    again = RunFolder.create(tmp_path / "runs", "first", "", tmp_path / "m.manifest", "")
    assert again.path.name == run.path.name + "-2"


@pytest.mark.parametrize("name", ["", "../up", "a/b", "x\n", ".hidden", "y" * 100])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        RunFolder.create(tmp_path, name, "", tmp_path, "")


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run"):
        RunFolder(tmp_path).info()


@pytest.mark.parametrize("how", ["finished", "stopped", "failed"])
def test_a_worker_lives_and_ends(run: RunFolder, how: str) -> None:
    """B09: seen from any other process."""
    process = worker(run, how)
    assert run.status() == "running"
    assert run.worker_pid() == process.pid
    process.communicate()
    assert run.status() == how


@pytest.mark.parametrize("how", ["finished", "stopped", "failed"])
def test_a_worker_that_left_its_record_is_over_though_its_process_lives_on(run: RunFolder, how: str) -> None:
    with run.hold():
        run.finish(how, 7)
        assert run.status() == "running"
    assert run.status() == how
    with pytest.raises(UserError, match="not running"):
        run.request("stop")
    with run.hold():
        assert run.status() == "running"


def test_where_no_lock_is_kept_the_process_tells(run: RunFolder) -> None:
    """As on some network disks; a record of an earlier worker says nothing of the one that lives."""
    with run.hold():
        run.finish("finished", 7)
    with run.hold():
        (run.path / locations.RUN_LOCK).unlink()
        assert run.status() == "running"
        run.finish("stopped", 9)
        assert run.status() == "stopped"


def test_a_run_is_not_running_before_its_worker_can_be_found(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sees it running may ask whose process it is; until then it is what it was."""
    seen: list[tuple[str, int | None]] = []
    write = run_folder.replace_file

    def looked_at(path: Path, data: bytes) -> None:
        seen.append((run.status(), run.worker_pid()))
        write(path, data)

    monkeypatch.setattr(run_folder, "replace_file", looked_at)
    with run.hold():
        run.finish("stopped", 7)
    with run.hold():
        assert (run.status(), run.worker_pid()) == ("running", os.getpid())
        run.finish("failed", 7)
    assert [status for status, _ in seen] == ["new", "running", "stopped", "running"]
    with run.resting():
        assert run.status() == "failed"


def test_only_one_worker_at_a_time(run: RunFolder) -> None:
    process = worker(run)
    with pytest.raises(UserError, match="in use"), run.hold():
        pass
    process.communicate()
    with run.hold():
        assert run.status() == "running"


def test_a_killed_worker_is_a_crash_also_as_a_zombie(run: RunFolder) -> None:
    process = worker(run)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead but not reaped
    assert run.status() == "crashed"
    process.communicate()
    assert run.status() == "crashed"


def test_another_process_with_the_same_id_is_not_the_worker() -> None:
    me = identity_of(os.getpid())
    assert is_alive(me)
    assert not is_alive(replace(me, started="1"))
    assert not is_alive(replace(me, boot="another boot"))


def test_requests_are_taken_once_and_in_order(run: RunFolder) -> None:
    process = worker(run)
    for action in ("save", "pause", "stop"):
        run.request(action)
    assert run.take_requests() == ["save", "pause", "stop"]
    assert run.take_requests() == []
    with pytest.raises(UserError, match="cannot 'dance'"):
        run.request("dance")
    process.communicate()
    with pytest.raises(UserError, match="not running"):
        run.request("stop")


def test_lookers_do_not_see_each_other(run: RunFolder) -> None:
    """Many may ask for the status at once: a dead run is dead for all of them."""
    worker(run).communicate()
    look = (
        "import sys; from pathlib import Path; from curator.contract.run.run_folder import RunFolder\n"
        "run = RunFolder(Path(sys.argv[1]))\n"
        "print(sum(run.status() == 'running' for _ in range(1500)))"
    )
    lookers = [
        subprocess.Popen([sys.executable, "-c", look, str(run.path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [looker.communicate()[0].strip() for looker in lookers] == ["0", "0", "0"]


def test_a_recipe_that_cannot_be_written_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no UTF-8"):
        RunFolder.create(tmp_path / "runs", "x", os.fsdecode(b"path = \xff"), tmp_path / "m", "")
    assert not any((tmp_path / "runs").iterdir())


def test_a_finished_run_is_not_to_be_resumed(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "fox", "", tmp_path / "m", "")
    run.finish("finished", 3)
    with pytest.raises(UserError) as asked:
        run.request("pause")
    assert "it is finished" in asked.value.hint
