"""`frieze --version` in an installed package, in a source tree, and in a copy of the packages alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.cli.conftest import Frieze

ROOT = Path(__file__).parents[2]
PARTS = ("curator/__init__.py", "curator/__main__.py", "curator/cli", "curator/contract")


def said_in(folder: Path) -> tuple[int, str]:
    """By an interpreter that sees nothing that is installed."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "curator", "--version"],
        cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_tree_that_is_not_installed_says_its_version(tmp_path: Path, frieze: Frieze) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert frieze("--version").out == f"frieze {version}\n"
    for part in PARTS:
        copied = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        (tmp_path / part).parent.mkdir(exist_ok=True)
        copied(ROOT / part, tmp_path / part)
    assert said_in(tmp_path) == (0, "frieze of an unknown version\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "frieze"\nversion = "9.8.7"\n')
    assert said_in(tmp_path) == (0, "frieze 9.8.7\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "theirs"\nversion = "1.0"\n')
    assert said_in(tmp_path) == (0, "frieze of an unknown version\n")
