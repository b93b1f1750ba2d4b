"""On a GPU: offloaded parts take none of its memory at rest, and come to the same bits (S071)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from train.cache.store import MemoryStore
from train.families.conditioning import whole
from train.families.load import load_family
from train.precision.arithmetic import Arithmetic
from train.tiny.base import build, save

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
CAPTIONS = ["a cat", "", "a dog"]


@pytest.mark.parametrize("name", ["sd1", "sdxl"])
def test_what_rests_takes_no_memory(tmp_path: Path, name: str) -> None:
    save(build(seed=0, family=name), tmp_path / "tiny")
    device = torch.device("cuda")
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    framings = [whole((64, 64))] * len(CAPTIONS)
    found, held = [], []
    for rests in (False, True):
        before = torch.cuda.memory_allocated()
        family = load_family(str(tmp_path / "tiny"))
        family.place(Arithmetic(device, offloads_vae=rests, offloads_text=rests))
        family.freeze_text(2, MemoryStore(1 << 30))
        told = [family.condition(CAPTIONS, framings).states.cpu() for _ in range(2)]
        mean = family.encode_pictures(pixels).mean
        found.append((*told, mean.cpu(), family.decode(mean).cpu()))
        del mean
        held.append(torch.cuda.memory_allocated() - before)
        parts = (family.vae, *family.text_encoders)
        weights = sum(each.nbytes for part in parts for each in part.parameters())
        del family
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    assert torch.equal(found[1][0], found[1][1])
    assert held[0] - held[1] >= weights
