"""Jobs by name: the one that is meant among several of a day."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.tagging.job import JOB
from curator.runs.tagging import find_job, job_folders


@pytest.fixture
def made(tmp_path: Path) -> list[str]:
    """Jobs of one day, in the order they were made; the last is the oldest by its name."""
    day = "2026-11-28"
    names = [
        f"{day}-wd",
        *(f"{day}-wd-{number}" for number in range(2, 12)),
        f"{day}-wd-large",
        f"{day}-blip",
    ]
    for second, name in enumerate(names):
        (tmp_path / name).mkdir()
        (tmp_path / name / JOB).write_text("{}")
        os.utime(tmp_path / name / JOB, (second, second))
    return names


def test_jobs_are_told_oldest_first(tmp_path: Path, made: list[str]) -> None:
    assert [run.path.name for run in job_folders(tmp_path)] == made


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2026-11-28-wd-2", "2026-11-28-wd-2"),
        ("wd", "2026-11-28-wd-11"),  # not of wd-large, and not -9
        ("wd-large", "2026-11-28-wd-large"),
        ("w", "2026-11-28-wd-large"),
        ("2026-11-28", "2026-11-28-blip"),
    ],
)
def test_a_job_is_found_by_name_then_model_then_a_part_of_its_name(
    tmp_path: Path, made: list[str], asked: str, found: str
) -> None:
    assert found in made
    assert find_job(tmp_path, asked).path.name == found


@pytest.mark.usefixtures("made")
def test_no_job_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no job 'other'"):
        find_job(tmp_path, "other")
