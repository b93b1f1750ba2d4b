"""`frieze doctor`: gaps are no failure, what is broken ends with 1, and nothing slow or shared is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Frieze

PROBE = """
import json, sys
from curator.cli.main import dispatch
code = dispatch(["doctor", "--quick", "--json"])
loaded = [name for name in ("torch", "textual", "numpy", "huggingface_hub") if name in sys.modules]
print(json.dumps([int(code), loaded]), file=sys.stderr)
"""


def test_gaps_end_with_0_and_say_what_to_do(collection: Path, frieze: Frieze) -> None:
    done = frieze("doctor", "--quick")
    assert done.code == 0, done.out
    assert {"terminal", "gpu", "python", "packages", "disk", "permissions", "collection", "hub"} <= set(
        done.lines
    )
    assert done.lines[-1].startswith("nothing is broken; ")
    gaps = [at for at, line in enumerate(done.lines) if line.startswith("  gap ")]
    assert gaps
    assert all(done.lines[at + 1].startswith("         -> ") for at in gaps)


def test_what_is_broken_ends_with_1(collection: Path, frieze: Frieze) -> None:
    (collection / "frieze.db").write_bytes(b"x" * 9000)
    done = frieze("doctor", "--quick", "--json")
    assert done.code == 1
    assert done.json["sound"] is False
    (broken,) = [each for each in done.json["checks"] if each["verdict"] == "fault"]
    assert (broken["part"], "not a frieze index" in broken["found"]) == ("collection", True)
    assert "is broken" in frieze("doctor", "--quick").lines[-1]


def test_without_a_collection_it_looks_at_the_rest(
    tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = frieze("doctor", "--quick", "--json")
    assert done.code == 0
    assert {each["found"] for each in done.json["checks"] if each["part"] == "collection"} == {
        "no collection here or above"
    }
    assert list(tmp_path.iterdir()) == []
    assert frieze("doctor", "-C", tmp_path / "nowhere").code == 2


def test_it_loads_nothing_slow(collection: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=600, cwd=collection
    )
    assert json.loads(done.stderr.splitlines()[-1]) == [0, []]
