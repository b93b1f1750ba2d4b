"""A job whose folder lies on a disk that is really full ends with its last words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from curator.contract.errors import ExitCode, UserError
from curator.contract.run.event_log import read_events
from curator.contract.run.events import RunEnded, RunFailed
from curator.contract.run.run_folder import RunFolder
from tag_models.worker import work


def test_a_job_that_fails_on_a_full_disk_says_so(
    tmp_path: Path, make_job: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "job"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk is mounted by root alone")

    def look(_: object) -> None:
        about = os.statvfs(disk)
        (disk / "ballast").write_bytes(b"x" * (about.f_bavail * about.f_frsize))
        raise UserError("answers cannot be written", "free space")

    monkeypatch.setattr("tag_models.worker._Worker._look", look)
    try:
        job = RunFolder(make_job())
        assert work(job.path) == ExitCode.RUN_FAILED
        assert [type(event) for event in read_events(job.events_path).events] == [RunFailed, RunEnded]
        assert job.status() == "failed"
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
