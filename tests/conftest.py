"""What every test shares: repeatable property tests, one thread for torch, no hub, settings of nobody, tiny models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

ROOT = Path(__file__).parents[1]

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _no_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests read no settings of whoever runs them and leave none."""
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A tiny model folder by name and `train.tiny.base`'s options: the first worker to ask makes it, all read it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of this run, and the same for all its workers

    def made(name: str, *options: str) -> Path:
        pytest.importorskip("torch", reason="the train extra is not installed")
        done = folder / name
        with FileLock(f"{done}.lock"):
            if not done.exists():
                half = folder / f"{name}.half"
                command = [sys.executable, "-m", "train.tiny.base", str(half), *options]
                subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
                half.rename(done)
        return done

    return made


@pytest.fixture(scope="session")
def tiny_model(made_once: Callable[..., Path]) -> Path:
    """A random SD1-shaped model folder."""
    return made_once("tiny")


@pytest.fixture(scope="session")
def tiny_sdxl(made_once: Callable[..., Path]) -> Path:
    """A random SDXL-shaped model folder."""
    return made_once("tiny-xl", "--family", "sdxl")


@pytest.fixture(scope="session")
def tiny_sd2(made_once: Callable[..., Path]) -> Path:
    """A random SD2-shaped model folder."""
    return made_once("tiny-sd2", "--family", "sd2")
