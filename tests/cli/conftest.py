"""A small collection, and commands run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from curator.cli.main import dispatch
from curator.cli.shared.boundary import exit_code_of
from curator.runs.queue import keeper

PICTURES = {"fox": (600, 400), "wolf": (400, 600), "owl": (512, 512), "strip": (1024, 300)}


@dataclass(frozen=True)
class Done:
    """What a command left: exit code, data, words."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Frieze = Callable[..., Done]


@pytest.fixture(autouse=True)
def _no_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are queued wait: who keeps the queue would train in earnest."""
    monkeypatch.setattr(keeper, "PROGRAM", ("-c", ""))


@pytest.fixture
def frieze(capfd: pytest.CaptureFixture[str]) -> Frieze:
    def run(*words: object) -> Done:
        capfd.readouterr()
        code = exit_code_of(lambda: dispatch([str(word) for word in words]))
        return Done(code, *capfd.readouterr())

    return run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "collection" / "pictures"
    folder.mkdir(parents=True)
    for name, size in PICTURES.items():
        Image.new("RGB", size, (len(name) * 40, 0, 0)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"{name}, animal, outdoors")
    return folder


@pytest.fixture
def collection(pictures: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scanned collection, and the current folder inside of it."""
    monkeypatch.chdir(pictures)
    assert frieze("scan", pictures, "--collection", pictures.parent).code == 0
    return pictures.parent


@pytest.fixture
def frozen(collection: Path, frieze: Frieze) -> Path:
    """The same with a manifest of two subsets."""
    assert frieze("subset", "add", "foxes", "fox", "--repeats", 3).code == 0
    assert frieze("subset", "add", "rest", "-fox").code == 0
    assert frieze("freeze", "set", "--resolution", 256, "--min", 64).code == 0
    return collection / "manifests" / "set.manifest"
