"""Output that a full disk does not take is lost, and ends no worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SPEAKS = (
    "from curator.contract.run.lossy_log import outlive_the_log; outlive_the_log(); print('word', flush=True)"
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device is always full")
def test_a_full_disk_raises_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        assert (
            subprocess.run([sys.executable, "-c", SPEAKS], stdout=full, stderr=full, check=False).returncode
            == 0
        )


def test_what_can_be_written_is() -> None:
    assert subprocess.run([sys.executable, "-c", SPEAKS], capture_output=True, check=True).stdout == b"word\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device is always full")
@pytest.mark.parametrize("program", ["train", "tag_models"])
def test_both_kinds_of_worker_say_their_mistakes_to_it(program: str, tmp_path: Path) -> None:
    """Without it they would end with 1, as for a fault of their own."""
    with Path("/dev/full").open("w") as full:
        line = [sys.executable, "-u", "-m", program, str(tmp_path / "none")]
        assert subprocess.run(line, stdout=full, stderr=full, check=False).returncode == 2
