"""Options that say where a run begins: what cannot be given together is refused before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curator.cli.training.machines import Beginning
from curator.contract.errors import UserError
from curator.session.training.run_queue import Queued

PLAIN: dict[str, Any] = {"processes": None, "detach": False, "as_json": False}
QUEUED = {"queued": Queued()}
MEET = {"nodes": 2, "rendezvous": "host:29500"}


@pytest.mark.parametrize(
    ("given", "look", "what"),
    [
        ({"sbatch": ("time=1",)}, "", "--sbatch is for the script of --slurm"),
        ({"slurm": "job.sh", "rendezvous": "host:1", "nodes": 2}, "", "the nodes find each other"),
        ({"rendezvous": "host:1"}, "", "--rendezvous is for several machines"),
        ({"nodes": 2}, "", "2 machines must know where they meet"),
        ({**MEET, "detach": True}, "", "--detach cannot be given with a run that begins elsewhere"),
        (MEET, "--dry-run", "--dry-run cannot be given with a run that begins elsewhere"),
        (MEET, "--check", "--check cannot be given with a run that begins elsewhere"),
        ({**QUEUED, **MEET}, "", "--nodes cannot be given with --queue"),
        ({**QUEUED, "slurm": "job.sh"}, "", "--slurm cannot be given with --queue"),
        ({**QUEUED, "detach": True}, "", "--detach cannot be given with --queue"),
        (QUEUED, "--check", "--check cannot be given with --queue"),
        ({"slurm": "-", "as_json": True}, "", "--slurm - prints the script itself"),
    ],
)
def test_what_cannot_be_given_together_is_refused(given: dict[str, Any], look: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        Beginning(**PLAIN | given).check(look)
    assert what in caught.value.what


@pytest.mark.parametrize(
    ("given", "look", "total"),
    [
        ({}, "", None),
        ({"processes": 2}, "", 2),
        ({"nodes": 3}, "--dry-run", None),
        ({**MEET, "processes": 4}, "", 8),
        ({"slurm": "job.sh", "nodes": 2}, "", 2),
        (QUEUED, "", None),
    ],
)
def test_the_processes_of_all_machines_are_counted(
    given: dict[str, Any], look: str, total: int | None
) -> None:
    beginning = Beginning(**PLAIN | given)
    beginning.check(look)
    assert beginning.all_processes == total


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"nodes": 2, "rendezvous": "box1"}, "'box1' is no HOST:PORT"),
        ({"slurm": "other.sh", "sbatch": ("--time=1",)}, "'--time=1' is no option of sbatch"),
        ({"slurm": "job.sh"}, "there is a file job.sh already"),
    ],
)
def test_what_no_machine_could_begin_is_refused_before_a_run_is_made(
    given: dict[str, Any], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job.sh").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        Beginning(**PLAIN | given).check("")
    assert caught.value.what == what
