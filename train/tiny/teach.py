"""Teaching of a tiny model: its VAE to draw a handful of images, then UNet and text encoder to denoise.

The UNet predicts velocity, unlike SD 1.x itself: at high noise that asks for the image and not for the noise, so
few steps suffice for colours. The model says so in its scheduler's configuration, which everything obeys.

All randomness comes from one generator a phase, so equal images, seed and steps give equal weights on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional

from train.data.images import to_model_range
from train.objective.loss import sample_losses
from train.objective.noise_schedule import add_noise, alphas_cumprod, velocity

Progress = Callable[[str, int, int, float], None]
_SIDE = 64  # images are taught at this size
_CROP = 32
_BATCH = 16
_RATE = 3e-3
_KL_WEIGHT = 1e-6
_AVERAGE_DECAY = 0.98
_UNCAPTIONED = 0.15  # guidance needs a model that also knows the empty caption


@dataclass(frozen=True)
class Lesson:
    """One image, upright RGB, and its caption."""

    picture: Image.Image
    caption: str


def teach(
    pipeline: StableDiffusionPipeline,
    lessons: Sequence[Lesson],
    steps: tuple[int, int],
    seed: int,
    progress: Progress,
) -> None:
    """Teach VAE and UNet for `steps`; the VAE's scaling factor becomes one over its latents' deviation."""
    pixels = torch.stack([_pixels(lesson.picture) for lesson in lessons])
    teach_vae(pipeline.vae, pixels, steps[0], seed, progress)
    latents = _latents(pipeline.vae, pixels)
    pipeline.vae.register_to_config(scaling_factor=round(1.0 / float(latents.std()), 5))
    captions = [*(lesson.caption for lesson in lessons), ""]
    _teach_unet(
        pipeline,
        latents * pipeline.vae.config.scaling_factor,
        captions,
        steps=steps[1],
        seed=seed,
        progress=progress,
    )


def _pixels(picture: Image.Image) -> Tensor:
    square = ImageOps.fit(picture, (_SIDE, _SIDE), Image.Resampling.BOX)
    return to_model_range(torch.from_numpy(np.array(square)).permute(2, 0, 1))


def teach_vae(vae: nn.Module, pixels: Tensor, steps: int, seed: int, progress: Progress) -> None:
    """Reconstruction of random crops: absolute error, with a breath of KL that keeps latents near the origin."""
    generator = torch.Generator().manual_seed(seed)
    vae.train()
    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3, weight_decay=0.0)
    for step in range(steps):
        _set_rate(optimizer, 2e-3, step, steps)
        crops = _crops(pixels, 8, generator)
        moments = vae.encode(crops).latent_dist
        noise = torch.randn(moments.mean.shape, generator=generator)
        drawn = vae.decode(moments.mean + moments.std * noise).sample
        loss = functional.l1_loss(drawn, crops)
        _descend(optimizer, loss + _KL_WEIGHT * moments.kl().mean())
        progress("vae", step + 1, steps, float(loss.detach()))
    vae.eval()


def _crops(pixels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    which = torch.randint(len(pixels), (count,), generator=generator)
    at = torch.randint(_SIDE - _CROP + 1, (count, 2), generator=generator).tolist()
    crops = [pixels[i, :, y : y + _CROP, x : x + _CROP] for i, (y, x) in zip(which.tolist(), at, strict=True)]
    return torch.stack(crops)


@torch.no_grad()
def _latents(vae: nn.Module, pixels: Tensor) -> Tensor:
    return torch.cat([vae.encode(each[None]).latent_dist.mean for each in pixels])


def _token_ids(pipeline: StableDiffusionPipeline, captions: Sequence[str]) -> Tensor:
    return pipeline.tokenizer(
        list(captions), padding="max_length", truncation=True, max_length=77, return_tensors="pt"
    ).input_ids


def _teach_unet(
    pipeline: StableDiffusionPipeline,
    latents: Tensor,
    captions: Sequence[str],
    *,
    steps: int,
    seed: int,
    progress: Progress,
) -> None:
    unet, encoder = pipeline.unet, pipeline.text_encoder
    alphas = alphas_cumprod(pipeline.scheduler.config)
    generator = torch.Generator().manual_seed(seed + 1)
    model, ids = nn.ModuleList([unet, encoder]), _token_ids(pipeline, captions)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=0.0)
    average = [weight.detach().clone() for weight in model.parameters()]
    model.train()
    for step in range(steps):
        _set_rate(optimizer, _RATE, step, steps)
        which = torch.randint(len(latents), (_BATCH,), generator=generator)
        empty = torch.rand(_BATCH, generator=generator) < _UNCAPTIONED
        times = torch.randint(len(alphas), (_BATCH,), generator=generator)
        noise = torch.randn(latents[which].shape, generator=generator)
        noisy = add_noise(latents[which], noise, alphas[times])
        captioned = encoder(ids[torch.where(empty, len(latents), which)]).last_hidden_state
        wanted = velocity(latents[which], noise, alphas[times])
        loss = sample_losses(unet(noisy, times, captioned).sample, wanted).mean()
        _descend(optimizer, loss)
        _follow(average, model, step)
        progress("unet", step + 1, steps, float(loss.detach()))
    _take_over(model, average)
    model.eval()


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_([w for group in optimizer.param_groups for w in group["params"]], 1.0)
    optimizer.step()


def _set_rate(optimizer: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    factor = min(1.0, (step + 1) / 20) * 0.5 * (1.0 + math.cos(math.pi * step / steps))
    for group in optimizer.param_groups:
        group["lr"] = rate * factor


@torch.no_grad()
def _follow(average: Sequence[Tensor], model: nn.Module, step: int) -> None:
    decay = min(_AVERAGE_DECAY, (step + 1) / (step + 10))
    for mean, weight in zip(average, model.parameters(), strict=True):
        mean.lerp_(weight, 1.0 - decay)


@torch.no_grad()
def _take_over(model: nn.Module, average: Sequence[Tensor]) -> None:
    for weight, mean in zip(model.parameters(), average, strict=True):
        weight.copy_(mean)
