"""Runs that other machines begin: what they could not begin with is refused, and the job script is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def check_elsewhere(rendezvous: str | None, script: Path | None, options: Sequence[str]) -> None:
    """Refuse what other machines could not begin a run with, before it is made."""
    from curator.runs.machines import check_elsewhere as check

    check(rendezvous, script, options)


def write_slurm_script(file: Path, script: str) -> None:
    """Write a script for sbatch; a file that is there stays."""
    from curator.runs.machines import write_script

    write_script(file, script)
