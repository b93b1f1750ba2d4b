"""Differences of two models, by block and by tensor."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.train.small_models import BLOCK1, MIDDLE, TEXT, small
from train.workshop.difference import ModelDifference, difference
from train.workshop.open_model import open_model

Tensors = dict[str, torch.Tensor]


def compared(folder: Path, first: Tensors, second: Tensors) -> ModelDifference:
    for name, tensors in (("first", first), ("second", second)):
        save_file(tensors, folder / f"{name}.safetensors")
    files = (open_model(folder / f"{name}.safetensors") for name in ("first", "second"))
    return difference(*files, "supermerger", lambda done, total: None)


def test_equal_models(tmp_path: Path) -> None:
    found = compared(tmp_path, small(1), small(1))
    assert (found.equal, found.different_tensors, found.family) == (True, (), "sd1")


def test_by_block_and_by_tensor(tmp_path: Path) -> None:
    first, second = small(1, torch.float32), small(1, torch.float32)
    second[BLOCK1] = second[BLOCK1] + 0.5
    second[MIDDLE] = second[MIDDLE] * 1.1
    found = compared(tmp_path, first, second)
    assert [each.tensor for each in found.different_tensors] == [BLOCK1, MIDDLE]
    assert math.isclose(found.different_tensors[0].largest, 0.5, rel_tol=1e-5)
    assert math.isclose(found.different_tensors[1].relative, 0.1, rel_tol=1e-4)
    blocks = {each.block: each for each in found.blocks}
    assert len(blocks) == 26
    assert {name for name, each in blocks.items() if each.different} == {"IN01", "M00"}
    assert math.isclose(blocks["M00"].relative, 0.1, rel_tol=1e-4)
    assert not found.equal


def test_what_one_has_alone_and_what_is_no_number(tmp_path: Path) -> None:
    first, second = small(1), small(1)
    norm = f"{TEXT}final_layer_norm.weight"
    del second[norm]
    second["new"] = torch.ones(1)
    second[MIDDLE] = torch.full_like(second[MIDDLE], torch.nan)
    found = compared(tmp_path, first, second)
    assert (found.only_in_first, found.only_in_second) == ((norm,), ("new",))
    assert math.isinf(found.different_tensors[0].largest)
