"""The set-up of docs/scripting.md, run twice: the second time changes nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
_SCRIPT = re.compile(r"^## A set-up that can be run twice$.*?^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    for i, tags in enumerate(("cat, outdoors", "cat, indoors", "dog, outdoors", "1girl, blurry")):
        Image.new("RGB", (512, 512), (40 * i, 90, 0)).save(tmp_path / f"pictures/{i}.png")
        (tmp_path / f"pictures/{i}.txt").write_text(tags, "utf-8")
    (tmp_path / "mine.toml").write_text('[order]\nfirst = ["cat"]\n', "utf-8")
    (tmp_path / "my.toml").write_text('extends = "sd15-lora"\n', "utf-8")
    return tmp_path


def _bash(script: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'set -e\nfrieze() {{ "{sys.executable}" -m curator "$@"; }}\n{script}'],
        cwd=home, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip


def _state(home: Path) -> dict[str, object]:
    """All that a set-up can change."""
    asked = ("history --limit 0", "subset list", "filter list", "manifest list", "tag tables", "ls")
    found: dict[str, object] = {
        each: json.loads(_bash(f"frieze {each} --json", home).stdout) for each in asked
    }
    files = {str(path): path.stat().st_mtime_ns for path in (home / "manifests").iterdir()}
    return {**found, "manifests": files}


def test_the_second_time_changes_nothing(home: Path) -> None:
    (script,) = _SCRIPT.findall((ROOT / "docs" / "scripting.md").read_text("utf-8"))
    assert ", added" in _bash(script, home).stdout
    before = _state(home)
    again = _bash(script, home).stdout
    assert _state(home) == before
    assert len(re.findall(r"^subset .*, unchanged$", again, re.MULTILINE)) == 2
    assert "the manifest set stands" in again
    assert _bash("frieze freeze set --if-changed --quiet", home).stdout == ""
