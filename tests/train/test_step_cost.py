"""What a step costs in products of the UNet, counted where nothing is computed: figures that need no GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from curator.contract.recipe.adapter import Adapter, Lokr
from curator.contract.recipe.recipe import Optimizer
from train.adapters.attach import attach
from train.families.family import AdapterRoots

_SIDE = 64  # latents of 512 pixels
_CONV = {"conv_rank": 16, "conv_alpha": 1.0}
_SIDE_KINDS: dict[str, dict[str, Any]] = {
    "lora": {},
    "locon": _CONV,
    "lokr": {**_CONV, "lokr": Lokr(factor=16, full_matrix=True)},
    "ia3": {},
    "glora": _CONV,
    "oft": _CONV,
    "dylora": _CONV,
}
_WEIGHT_KINDS: dict[str, dict[str, Any]] = {"loha": _CONV, "dora": _CONV, "boft": _CONV}
_CASES = [(kind, more, 2.6) for kind, more in sorted(_SIDE_KINDS.items())]
_CASES += [(kind, more, 3.2) for kind, more in sorted(_WEIGHT_KINDS.items())]


def unet_of(*, trained: bool) -> UNet2DConditionModel:
    """SD 1.x's widths, a layer a level, without numbers."""
    with torch.device("meta"):
        made = UNet2DConditionModel(
            sample_size=_SIDE, layers_per_block=1, cross_attention_dim=768, attention_head_dim=8
        )
    return made.requires_grad_(trained)


def products(unet: UNet2DConditionModel, *, backward: bool) -> int:
    """Of a pass, or of one and back."""
    noisy = torch.zeros(1, 4, _SIDE, _SIDE, device="meta")
    states = torch.zeros(1, 77, 768, device="meta")
    with FlopCounterMode(display=False) as counter:
        said = unet(noisy, torch.tensor([500], device="meta"), states).sample
        if backward:
            said.sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize(("kind", "more", "most"), _CASES, ids=[kind for kind, _, _ in _CASES])
def test_a_step_of_an_adapter_costs_little_more_than_its_gradients(kind, more, most) -> None:
    """A pass forward is 1; gradients through a frozen UNet alone are some 2.1."""
    unet = unet_of(trained=False)
    plain = products(unet, backward=False)
    knobs = Adapter(kind=kind, rank=16, alpha=1.0, **more)
    attach(AdapterRoots(unet, ()), knobs, Optimizer(text_lr=0.0), 1)
    assert 1.9 < products(unet, backward=True) / plain <= most


def test_a_full_finetune_costs_three_passes() -> None:
    unet = unet_of(trained=True)
    ratio = products(unet, backward=True) / products(unet, backward=False)
    assert ratio == pytest.approx(3.0, abs=0.05)
