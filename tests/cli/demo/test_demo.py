"""`frieze demo`: the whole way in one command, and what it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from curator.cli.demo.collection import hand_made_tags, photographs
from curator.contract.errors import UserError
from curator.contract.manifest.digest import verify_digest, verify_files
from curator.contract.manifest.manifest import open_manifest
from curator.tags.text import clean_tags


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "curator", "demo", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.mark.slow
def test_the_demo_goes_the_whole_way(tmp_path: Path) -> None:
    """Index, tags, freeze, base model, training, verification, LoKr, baked model, grid; plain lines in a pipe."""
    pytest.importorskip("torch", reason="the train extra is not installed")
    home = tmp_path / "demo"
    done = demo(home)
    assert done.returncode == 0, done.stderr
    before, after = map(float, re.findall(r"([\d.]+) before, ([\d.]+) after", done.stdout)[0])
    assert after < 0.95 * before
    assert "\x1b" not in done.stdout + done.stderr
    with open_manifest(home / "manifests" / "demo.manifest") as manifest:
        verify_digest(manifest)
        assert not any(verify_files(manifest))
        assert len(manifest.header.subsets) == 2
        assert len({span.bucket for span in manifest.spans}) > 1
        assert len({span.repeats for span in manifest.spans}) > 1
    assert len(list(home.glob("runs/*/output/demo.safetensors"))) == 1
    assert len(list(home.glob("runs/*/output/lokr.safetensors"))) == 1
    assert "live and baked equal within rounding" in done.stdout
    assert (home / "baked" / "unet").is_dir()
    assert len(list(home.glob("grid/cells/*.png"))) == 6
    for label in ("bright image", "dark image", "warm colors"):
        words = ("ls", f'"{label}"', "--count", "--collection", str(home))
        count = subprocess.run([sys.executable, "-m", "curator", *words], capture_output=True, text=True)
        assert 0 < int(count.stdout) < 20, label
    assert len(list(home.glob("runs/*/samples/*.png"))) == 8


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = demo(tmp_path)
    assert done.returncode == 2
    assert "not empty and no demo" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    done = demo(tmp_path / "demo")
    assert done.returncode == 2
    assert "is a file" in done.stderr


def test_every_photograph_is_there_and_tagged() -> None:
    try:
        folder = photographs()
    except UserError as error:
        pytest.skip(f"{error.what}: {error.hint}")
    for name, tags in hand_made_tags().items():
        assert (folder / name).is_file()
        assert ", ".join(clean_tags(tags)) == tags
