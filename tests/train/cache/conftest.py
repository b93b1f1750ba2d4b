"""What tests of caches share: counts of what is encoded, and what a run came to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from curator.contract.cache.groups import caches_of_run
from curator.contract.run.events import StepDone, Warned
from curator.contract.run.run_folder import RunFolder
from train.families.base import StableDiffusion


class Encoded:
    """How many images the VAE encodes, and how many times captions are read."""

    images = 0
    captions = 0

    def taken(self) -> tuple[int, int]:
        now = self.images, self.captions
        self.images = self.captions = 0
        return now


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> Encoded:
    count = Encoded()
    pictures, said = StableDiffusion.encode_pictures, StableDiffusion._said

    def encode_pictures(self, pixels):
        count.images += len(pixels)
        return pictures(self, pixels)

    def read(self, texts):
        count.captions += 1
        return said(self, texts)

    monkeypatch.setattr(StableDiffusion, "encode_pictures", encode_pictures)
    monkeypatch.setattr(StableDiffusion, "_said", read)
    return count


@pytest.fixture
def came_to(events_of) -> Callable[[RunFolder], tuple[list[float], dict[str, list]]]:
    """The losses and the weights of a run."""

    def read(run: RunFolder):
        losses = [event.loss for event in events_of(run) if isinstance(event, StepDone)]
        weights = load_file(run.output_dir / f"{run.info().name}.safetensors")
        return losses, {name: tensor.tolist() for name, tensor in weights.items()}

    return read


@pytest.fixture
def told(events_of) -> Callable[[RunFolder], list[str]]:
    return lambda run: [event.what for event in events_of(run) if isinstance(event, Warned)]


@pytest.fixture
def caches() -> Callable[[RunFolder], Path]:
    return lambda run: caches_of_run(run.path)
