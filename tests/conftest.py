"""What every test shares: repeatable property tests, one thread for torch, no hub, settings of nobody, tiny models."""

from __future__ import annotations

import gc
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

ROOT = Path(__file__).parents[1]
WARM = Path(__file__).with_name("warm")

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

os.fsync = lambda fd: None  # no test cuts the power; on a slow disk many would do little but wait

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: at the end no worker is left alone with one."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


gc.disable()  # while tests are collected: what is imported stays


def pytest_collection_finish() -> None:
    """What was collected stays to the end; looking through it again and again would double the time of many tests."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _warm_trainer() -> Iterator[None]:
    """Programs of the trainer are forked from a process that has torch loaded; it begins when the first is started."""
    if not hasattr(os, "pidfd_open"):
        yield
        return
    with (
        tempfile.TemporaryDirectory(prefix="frieze-warm-") as folder,
        socket.socket(socket.AF_UNIX) as listening,
    ):
        listening.bind(f"{folder}/socket")
        listening.listen(64)
        os.environ["FRIEZE_WARM"] = f"{folder}/socket"
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(WARM), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONSAFEPATH": "1"}
        over, ends = os.pipe()
        servers: list[subprocess.Popen[bytes]] = []

        def begin() -> None:
            with listening:  # closed at the end: where the server ends too, programs begin by themselves
                if listening in select.select([listening, over], [], [])[0]:
                    command = [sys.executable, str(WARM / "server.py"), str(listening.fileno())]
                    servers.append(
                        subprocess.Popen(
                            command, pass_fds=[listening.fileno()], env=environment,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                        )
                    )  # fmt: skip

        thread = threading.Thread(target=begin, daemon=True)
        thread.start()
        yield
        os.close(ends)
        thread.join()
        os.close(over)
        for server in servers:
            server.kill()
            server.wait()


@pytest.fixture(autouse=True)
def _no_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests read no settings of whoever runs them and leave none."""
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A model folder by name, and how it is made: the first worker to ask makes it, all read it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of this run, and the same for all its workers

    def made(name: str, make: Callable[[Path], object]) -> Path:
        pytest.importorskip("torch", reason="the train extra is not installed")
        done = folder / name
        with FileLock(f"{done}.lock"):
            if not done.exists():
                half = folder / f"{name}.half"
                make(half)
                half.rename(done)
        return done

    return made


def tiny(folder: Path, family: str) -> None:
    """A random model of the family's true architecture; torch is not imported into this process for it."""
    command = [sys.executable, "-m", "train.tiny.base", str(folder), "--family", family]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)


@pytest.fixture(scope="session")
def tiny_model(made_once: Callable[..., Path]) -> Path:
    """A random SD1-shaped model folder."""
    return made_once("tiny", lambda folder: tiny(folder, "sd1"))


@pytest.fixture(scope="session")
def tiny_sdxl(made_once: Callable[..., Path]) -> Path:
    """A random SDXL-shaped model folder."""
    return made_once("tiny-xl", lambda folder: tiny(folder, "sdxl"))


@pytest.fixture(scope="session")
def tiny_sd2(made_once: Callable[..., Path]) -> Path:
    """A random SD2-shaped model folder."""
    return made_once("tiny-sd2", lambda folder: tiny(folder, "sd2"))
