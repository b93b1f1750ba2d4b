"""What chains begin with: base models, and the command that runs them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from curator.cli.main import dispatch
from curator.cli.shared.boundary import exit_code_of


class Done(NamedTuple):
    """How a command ended, and what it told."""

    code: int
    out: str
    err: str


Frieze = Callable[..., Done]
MakeModel = Callable[[str, int, Path], None]


@pytest.fixture(scope="session")
def base_model(made_once: Callable[..., Path]) -> MakeModel:
    """Puts a model folder of a family at a place, of as few layers as can be; other weights with another seed."""

    def put(family: str, seed: int, place: Path) -> None:
        from tests.train.shallow import write_shallow

        shutil.copytree(made_once(f"shallow-{family}", lambda folder: write_shallow(folder, family)), place)
        for file in place.rglob("*.safetensors"):
            if seed and file.parent.name != "vae":
                _blur(file, seed)

    return put


def _blur(file: Path, seed: int) -> None:
    from safetensors.torch import load_file, save_file

    draw = torch.Generator().manual_seed(seed)
    tensors = {
        name: tensor + torch.randn(tensor.shape, generator=draw) * 0.01
        if tensor.is_floating_point()
        else tensor
        for name, tensor in load_file(file).items()
    }
    save_file(tensors, file, {"format": "pt"})


@pytest.fixture
def frieze(capfd: pytest.CaptureFixture[str]) -> Frieze:
    """A command; its code and what it told."""

    def run(*words: str) -> Done:
        capfd.readouterr()
        code = exit_code_of(lambda: dispatch(list(words)))
        return Done(code, *capfd.readouterr())

    return run


@pytest.fixture
def chain_runs(monkeypatch: pytest.MonkeyPatch, frieze: Frieze) -> Callable[..., Done]:
    """Runs the chain of a file where it lies."""

    def run(file: Path, *more: str) -> Done:
        monkeypatch.chdir(file.parent)
        return frieze("chain", file.name, *more)

    return run
