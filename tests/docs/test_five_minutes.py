"""README's five minutes, as they are typed: from a bare folder, a checkout and the demo's, each twice in a row."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from curator.cli.demo.collection import RULE, SUBSETS, lay_out
from curator.contract.locations import DEMO_MARKER
from curator.session.session import Session

ROOT = Path(__file__).parents[2]
_SECTION = re.compile(r"^## Five minutes$.*?^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# `frieze .` opens the app, which the journeys do.
_FRIEZE = f'frieze() {{ [ "$*" = . ] || "{sys.executable}" -m curator "$@"; }}'


def five_minutes() -> str:
    (lines,) = _SECTION.findall((ROOT / "README.md").read_text("utf-8"))
    return lines


def bare(home: Path) -> None:
    home.mkdir()


def checkout(home: Path) -> None:
    """The files of the repository, as git would bring them."""
    made = shutil.ignore_patterns("demo", "walk", "runs", "build", "dist")  # by people, at the top alone
    never = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
    shutil.copytree(
        ROOT,
        home,
        ignore=lambda at, names: never(at, names) | (made(at, names) if at == str(ROOT) else set()),
    )


def demo(home: Path) -> None:
    """What `frieze demo` leaves: a collection whose subsets hold every image, and a manifest."""
    lay_out(home / "pictures")
    (home / DEMO_MARKER).touch()
    with Session.create(home) as session:
        session.images.scan(home / "pictures")
        session.buckets.set_rule(RULE)
        for subset in SUBSETS:
            session.subsets.save(subset)
        session.freezing.write("demo")


def _run(script: str, home: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", f"set -e\n{_FRIEZE}\n{script}"],
        cwd=home, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("stand", [bare, checkout, demo], ids=lambda stand: stand.__name__)
def test_a_newcomer_walks_it_twice(stand: Callable[[Path], None], tmp_path: Path) -> None:
    """All is trained where nothing was before; elsewhere once, of the collection that the walk made and no other."""
    home = tmp_path / "home"
    stand(home)
    lines = five_minutes()
    first = _run(lines, home)
    assert "subset cats: 1 image x 2, added" in first
    assert "subset rest: 19 images x 1, added" in first
    assert len(re.findall(r"^\S+first\S*\s+finished", first, re.MULTILINE)) == 1
    trains_again = stand is bare
    second = _run(
        lines if trains_again else re.sub(r"^frieze train .*$", "", lines, flags=re.MULTILINE), home
    )
    assert "20 unchanged" in second
    assert len(re.findall(r"^subset .*, unchanged$", second, re.MULTILINE)) == 2
    assert "the manifest first stands" in second
    assert len(re.findall(r"^\S+first\S*\s+finished", second, re.MULTILINE)) == 1 + trains_again


def test_it_leaves_nothing_that_git_would_take() -> None:
    (folder,) = re.findall(r"^cd (\S+)$", five_minutes(), re.MULTILINE)
    assert f"/{folder}/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
