"""Kill -9 again and again: three writers, no acknowledged commit lost, postings equal to a rebuild. Row B03.

`python -m bench.kill --rounds 200` does the same for longer.
"""

from __future__ import annotations

from pathlib import Path

from bench.kill import kill_rounds


def test_no_acknowledged_commit_is_lost(tmp_path: Path) -> None:
    """Fifty rounds; each kills all three writers (edits, bulk edits with folds, imports) at another moment."""
    outcome = kill_rounds(tmp_path, rounds=50, seed=1)
    assert outcome.acknowledged > 100
    assert outcome.lost == []
    assert outcome.faults == []
    assert outcome.quick_check == "ok"
