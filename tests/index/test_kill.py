"""Kill -9 again and again: no acknowledged commit lost, postings equal to a rebuild. Row B03.

`python -m bench.kill` does the same for longer.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.kill import kill_rounds


@pytest.mark.slow
def test_no_acknowledged_commit_is_lost(tmp_path: Path) -> None:
    """Fifty rounds; each kills all three writers (edits, bulk edits with folds, imports) at another moment."""
    outcome = kill_rounds(tmp_path, rounds=50, seed=1)
    assert outcome.acknowledged > 100
    assert outcome.lost == []
    assert outcome.faults == []
    assert outcome.quick_check == "ok"


@pytest.mark.slow
def test_an_open_app_and_programs_that_come_and_go_lose_nothing(tmp_path: Path) -> None:
    """The app in a terminal and as two sessions, commands, other sessions, a tagger: some quit, some are killed."""
    outcome = kill_rounds(tmp_path, rounds=15, seed=2, scenario="app")
    assert outcome.acknowledged > 100
    assert outcome.lost == []
    assert outcome.faults == []
    assert outcome.quick_check == "ok"
    verify = [sys.executable, "-m", "curator", "verify", "--collection", str(tmp_path)]
    done = subprocess.run(verify, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout) == (0, "the index is sound\n"), done.stderr
