"""A run for several machines: the line they run, and Slurm's script (rows S057, B11)."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.run.run_folder import RunFolder
from curator.runs.machines import line_of, slurm_script, write_script


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "my runs", "fox", "", tmp_path / "m.manifest", "d" * 64, processes=16)


def test_every_machine_runs_the_same_line(run: RunFolder) -> None:
    words = shlex.split(line_of(run, 2, 8, "box1:29400"))
    assert words[0] == "torchrun"
    assert words[-3:] == ["-m", "train", str(run.path)]
    named = dict(zip(words[1:-3:2], words[2:-3:2], strict=True))
    assert named["--nnodes"] == "2"
    assert named["--nproc-per-node"] == "8"
    assert named["--rdzv-endpoint"] == "box1:29400"
    assert "--node-rank" not in named
    uploads = shlex.split(line_of(run, 2, 8, "box1:29400", uploads=True))
    assert uploads[-4:] == ["-m", "curator.publish", "--beside", str(run.path)]
    assert uploads[:-4] == words[:-3]


@pytest.mark.parametrize(
    "address", ["box1", "box1:", ":29400", "box1:port", "box1:70000", "http://box1:1", "b x:1"]
)
def test_what_is_no_place_to_meet_is_refused(run: RunFolder, address: str) -> None:
    with pytest.raises(UserError, match="is no HOST:PORT"):
        line_of(run, 2, 8, address)


def test_the_script_is_bash_with_what_was_asked_for(run: RunFolder, tmp_path: Path) -> None:
    file = tmp_path / "job.sbatch"
    write_script(file, slurm_script(run, 2, 8, ["partition=gpu", "time=12:00:00"]))
    assert subprocess.run(["bash", "-n", str(file)], capture_output=True).returncode == 0
    lines = file.read_text("utf-8").splitlines()
    assert lines[0] == "#!/bin/bash"
    asked = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")]
    assert {"--nodes=2", "--gpus-per-node=8", "--partition=gpu", "--time=12:00:00", "--requeue"} <= set(asked)
    first_command = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(number < first_command for number, line in enumerate(lines) if line.startswith("#SBATCH"))
    with pytest.raises(UserError, match="choose another"):
        write_script(file, "else")
    assert sys.executable in file.read_text("utf-8")


@pytest.mark.parametrize(
    "option", ["--time=1", "time", "time=1\n#SBATCH --x=1", "comment=$(rm x)", "nodes=4"]
)
def test_options_that_would_change_the_job_are_refused(run: RunFolder, option: str) -> None:
    with pytest.raises(UserError):
        slurm_script(run, 2, 8, [option])
