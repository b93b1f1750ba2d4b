"""The wheel: all that the programs read is in it, nothing else is, and it runs where it is unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.docs.test_five_minutes import ROOT, checkout

PROGRAMS = ("curator", "train", "tag_models")
_BUILD = "import sys, setuptools.build_meta as b; out = sys.argv[1]; b.build_sdist(out); b.build_wheel(out)"


def build(home: Path, out: Path) -> tuple[Path, Path]:
    """The wheel and the sdist of a tree, made without a network."""
    out.mkdir()
    subprocess.run(
        [sys.executable, "-c", _BUILD, str(out)], cwd=home, check=True, capture_output=True, timeout=300
    )
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("setuptools", reason="what builds wheels is not installed")
    home = tmp_path_factory.mktemp("build")
    checkout(home / "tree")
    return build(home / "tree", home / "dist")


def files_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_it_holds_the_programs_and_what_they_read(built: tuple[Path, Path]) -> None:
    """Presets, vocabularies, tables, styles and schemas; no test, no page, no bench."""
    there = {
        path.relative_to(ROOT).as_posix()
        for program in PROGRAMS
        for path in (ROOT / program).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files_in(built[0]) == there


def test_the_sdist_makes_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(built[1]) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    assert files_in(build(tree, tmp_path / "dist")[0]) == files_in(built[0])


def test_its_metadata_is_that_of_the_project(built: tuple[Path, Path]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    with zipfile.ZipFile(built[0]) as archive:
        (about,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        told = Parser().parsestr(archive.read(about).decode())
        entries = archive.read(about.replace("METADATA", "entry_points.txt")).decode()
    assert (told["Name"], told["Version"]) == (project["name"], project["version"])
    assert set(told.get_all("Provides-Extra") or ()) == set(project["optional-dependencies"])
    assert "# Frieze" in told.get_payload()
    assert "frieze = curator.__main__:main" in entries


@pytest.mark.slow
def test_it_runs_where_it_is_unpacked(built: tuple[Path, Path], tmp_path: Path) -> None:
    """Beside the libraries that are installed, and from no file of the checkout."""
    site, home = tmp_path / "site", tmp_path / "home"
    home.mkdir()
    with zipfile.ZipFile(built[0]) as archive:
        archive.extractall(site)

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=home, env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    for program in PROGRAMS:
        assert run("-c", f"import {program}; print({program}.__file__)").startswith(str(site))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert version in run("-m", "curator", "--version")
    assert "train" in run("-m", "curator", "--help")
    assert "sd15-lora" in run("-m", "curator", "recipe", "list")
    assert "wd-swinv2-v3" in run("-m", "curator", "models", "list")
    assert "tokens" in run("-m", "curator", "captions", "--text", "a (red:1.3) hat", "--json")
    assert "lora_unet" in run("-m", "curator", "adapter", "plan", "sd15-lora", "--family", "sd1", "--json")
