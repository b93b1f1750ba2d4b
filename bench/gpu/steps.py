"""The steps that are measured: a run's own, fed as in a run, and those of a plain diffusers loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from diffusers import DDPMScheduler
from peft import LoKrConfig, LoraConfig, inject_adapter_in_model
from torch import Tensor
from torch.nn import functional

from bench.gpu.plan import Case
from curator.contract.epoch_plan import Sample
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import with_values
from train.data.batches import Batch, Item
from train.data.feed import Feed
from train.data.images import Cut
from train.data.latents import Latents
from train.data.micro_batch import Preparation
from train.families.conditioning import whole
from train.families.family import Family
from train.precision.arithmetic import NUMBERS, Arithmetic, arithmetic_of
from train.precision.compiled import compile_unet
from train.prepare.load import place_and_attach
from train.prepare.stages import make_stepper, make_trainable

_CAPTION = "1girl, solo, red hair, smile, outdoors, looking at viewer, upper body"
_RANK = 16
_LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]

Step = Callable[[], object]


def step_of(case: Case, family: Family, device: torch.device, side: int) -> Step:
    """What is done once for each `case.batch` images."""
    if case.trains == "vae":
        return _encoding(case, family, device, side)
    return (_ours if case.who == "frieze" else _plain)(case, family, device, side)


def _recipe(case: Case) -> Recipe:
    values: dict[str, Any] = {
        "batch.size": case.batch,
        "optimizer.unet_lr": 1e-5,
        "optimizer.text_lr": 0.0,
        "trains": "full" if case.trains == "full" else "adapter",
        "precision.channels_last": case.channels_last,
        "precision.gradient_checkpointing": case.checkpointing,
    }
    if case.trains == "lora":
        values |= {"adapter.rank": _RANK, "adapter.alpha": float(_RANK)}
    if case.trains == "lokr":
        values |= {"adapter.kind": "lokr", "adapter.lokr.factor": 16, "adapter.lokr.full_matrix": True}
    return with_values(Recipe(), values)


def _ours(case: Case, family: Family, device: torch.device, side: int) -> Step:
    recipe, accelerator = _recipe(case), Accelerator(cpu=device.type == "cpu")
    arithmetic = arithmetic_of(recipe.precision, device)
    trained = place_and_attach(family, recipe, arithmetic, lambda *_: None)
    if case.checkpointing:
        family.use_gradient_checkpointing(text=False)
    compile_unet(family.unet, case.compile)
    stepper = make_stepper(make_trainable(family, trained, recipe, arithmetic), recipe, accelerator)
    preparation = Preparation(family, Latents(family), recipe, pinned=device.type == "cuda")
    reader = SimpleNamespace(batches=lambda first, last, _: _batches(case, side, first, last))
    feed = Feed(reader, preparation).batches(0, 1 << 30)
    return lambda: stepper.take(next(feed))


def _batches(case: Case, side: int, first: int, last: int) -> Iterator[Batch]:
    framing, cut = whole((side, side)), Cut((0, 0, side, side), False)
    kept = list(_moments(case, side))
    for step in range(first, last):
        samples = [Sample(step, row, 0) for row in range(case.batch)]
        items = tuple(
            Item(each, each, "", cut, framing, _CAPTION, 1.0, False, None, (moments,))
            for each, moments in zip(samples, kept, strict=True)
        )
        yield Batch(step, 0, items, case.batch)


def _moments(case: Case, side: int) -> Tensor:
    return torch.randn(case.batch, 2, 4, side // 8, side // 8, generator=torch.Generator().manual_seed(1))


def _plain(case: Case, family: Family, device: torch.device, side: int) -> Step:
    """As in diffusers' examples: random numbers of torch's one generator, latents and tokens ready in memory."""
    unet = family.unet
    _attach_by_peft(case, unet, device)
    for encoder in family.text_encoders:
        encoder.to(device, torch.bfloat16)
    if case.checkpointing:
        unet.enable_gradient_checkpointing()
    unet.train()
    weights = [weight for weight in unet.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-5, fused=device.type == "cuda")
    scheduler = DDPMScheduler.from_config(dict(family.scheduler_config))
    moments = _moments(case, side).to(device)
    tokens = family.tokens([_CAPTION] * case.batch, [whole((side, side))] * case.batch)

    def step() -> None:
        mean, logvar = moments.unbind(1)
        latents = (mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)) * 0.18215
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, 1000, (case.batch,), device=device)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                told = family.encode(send_to_device(tokens, device))
            said = family.predict(noisy, timesteps, told)
        functional.mse_loss(said, noise).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def _attach_by_peft(case: Case, unet: Any, device: torch.device) -> None:
    if case.trains == "full":
        unet.to(device, torch.float32).requires_grad_(True)
        return
    unet.to(device, torch.bfloat16)
    if case.trains == "lora":
        config = LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules=_LAYERS)
    else:
        config = LoKrConfig(r=100_000, alpha=1, decompose_factor=16, target_modules=_LAYERS)
    inject_adapter_in_model(config, unet)
    for weight in unet.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()


def _encoding(case: Case, family: Family, device: torch.device, side: int) -> Step:
    order = torch.channels_last if case.channels_last else torch.contiguous_format
    family.place(Arithmetic(device, vae=NUMBERS[case.vae], order=order))
    pixels = torch.rand(case.batch, 3, side, side) * 2 - 1
    return lambda: family.encode_pictures(pixels)
