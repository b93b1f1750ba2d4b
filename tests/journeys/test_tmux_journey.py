"""The same journey in a real tmux, driven by the script beside this file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("drive_tmux.sh")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24)])
def test_the_main_job_in_a_terminal(
    tmp_path: Path, pictures: Path, tiny_model: Path, width: int, height: int
) -> None:
    """U checks of S006, S042, B09: a person at 120x40 and at 80x24 gets from images to weights by keys alone."""
    arguments = [
        sys.executable,
        str(tmp_path / "set"),
        str(pictures),
        str(tiny_model),
        str(width),
        str(height),
    ]
    done = subprocess.run(["bash", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr
    assert ".safetensors" in done.stdout
