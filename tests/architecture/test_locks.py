"""SQLite's locks: no file that a process holds one on is opened by anything but SQLite (see `lock_watch.py`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="the system does not tell locks")
def test_a_days_work_never_drops_a_lock(tmp_path: Path) -> None:
    """An app with two sessions, and scan, import, edits, freeze, exports and checks beside it in the same process."""
    command = [sys.executable, str(Path(__file__).with_name("lock_watch.py")), str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("OFFENCE")] == []
