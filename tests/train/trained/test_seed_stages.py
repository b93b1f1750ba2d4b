"""Stages of the seeds' trainings, small: each at its own optimiser, rates and shapes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.events import StepDone
from train.adapters.plan import plan_of
from train.families.load import load_family


def saved(run) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def test_lokr_with_full_matrices_and_a_factor_for_each_module(make_run, work, tiny_model: Path) -> None:
    """S050: the small matrix is as each module's factor says, the large one whole; the file is as large as told."""
    run = make_run(
        "adapter.kind=lokr", "adapter.lokr.full_matrix=true", "adapter.lokr.factor=4",
        "adapter.rules=['*attn1* factor=2']",
        "optimizer.unet_lr=1e-2", "optimizer.text_lr=1e-2", "length.steps=1",
    )  # fmt: skip
    assert work(run) == 0
    tensors = saved(run)
    modules = {name.partition(".")[0] for name in tensors}
    assert any(name.startswith("lora_te") for name in modules)
    for module in modules:
        small, large = tensors[f"{module}.lokr_w1"], tensors[f"{module}.lokr_w2"]
        wanted = 2 if "attn1" in module else 4
        assert small.shape[0] == wanted, module
        change = torch.kron(small.float(), large.float().flatten(1))
        assert change.abs().max() > 0, module
    planned = plan_of(load_family(str(tiny_model)).adapter_roots, load_recipe(run.recipe_path))
    assert planned.bytes == sum(each.nbytes for each in tensors.values())


def test_lion_moves_every_weight_by_its_rate(make_run, work) -> None:
    """S062: LoRA by Lion at 5e-5; a step is a sign, so that what began at nothing lies one rate from it."""
    rate = 5e-5
    run = make_run(
        "optimizer.name=lion", f"optimizer.unet_lr={rate}", "optimizer.text_lr=0", "optimizer.weight_decay=0",
        "schedule.name=constant", "length.steps=1", "save.dtype=fp32",
    )  # fmt: skip
    assert work(run) == 0
    ups = [tensor for name, tensor in saved(run).items() if name.endswith("lora_up.weight")]
    assert ups
    for up in ups:
        moved = up[up != 0].abs()  # a gradient of exactly zero has no sign
        assert torch.allclose(moved, torch.full_like(moved, rate), rtol=1e-6)
    assert sum(int((up != 0).sum()) for up in ups) > 0.9 * sum(up.numel() for up in ups)


def test_a_model_is_tuned_whole_by_8_bit_adam_at_a_falling_rate(make_run, work, events_of) -> None:
    """S066: 2.5e-6 along a cosine, the last text layer, every state of the UNet's large matrices in 8 bits."""
    pytest.importorskip("bitsandbytes", reason="the optimizers extra is not installed")
    steps, rate = 4, 2.5e-6
    run = make_run(
        "trains=full", "full.format=folder", "optimizer.name=adamw8bit", f"optimizer.unet_lr={rate}",
        f"optimizer.text_lr={rate}", "schedule.name=cosine", "model.clip_skip=1", f"length.steps={steps}",
        "save.state_every_steps=4",
    )  # fmt: skip
    assert work(run) == 0
    told = [event.lr["unet"] for event in events_of(run) if isinstance(event, StepDone)]
    assert told == pytest.approx(
        [rate * 0.5 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]
    )
