"""Sample images: text to image with guidance, from random numbers of their own.

Nothing here touches torch's global generators, so a run trains the same with and without samples (S077).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from curator.contract.files.whole_files import drafted_file
from curator.contract.recipe.checks import read_sample_prompts
from train.families.conditioning import Conditioning, whole
from train.preview.samplers import advance, make_sampler
from train.survival.room import AtOnce

if TYPE_CHECKING:
    from curator.contract.prompts.lines import Prompt
    from curator.contract.recipe.recipe import SamplePictures
    from train.families.family import Family


class SamplingStoppedError(Exception):
    """Sampling was given up because the run is to stop."""


@dataclass(frozen=True)
class Wanted:
    """One image to make. Sides in pixels."""

    prompt: str
    negative: str
    seed: int
    steps: int
    cfg: float
    width: int
    height: int
    sampler: str


def wanted_pictures(recipe: SamplePictures, native_side: int) -> list[Wanted]:
    """One image a prompt: what its line gives, the recipe's for the rest; seeds count up.

    A side that neither gives is `native_side` pixels long.
    """
    return [
        _wanted(recipe, read.prompt, recipe.seed + index, native_side)
        for index, read in enumerate(read_sample_prompts(recipe))
    ]


def _wanted(recipe: SamplePictures, given: Prompt, seed: int, native_side: int) -> Wanted:
    return Wanted(
        prompt=given.prompt,
        negative=recipe.negative if given.negative_prompt is None else given.negative_prompt,
        seed=seed if given.seed is None else given.seed,
        steps=given.steps or recipe.steps,
        cfg=recipe.cfg if given.scale is None else given.scale,
        width=given.width or recipe.width or native_side,
        height=given.height or recipe.height or native_side,
        sampler=given.sampler or recipe.sampler,
    )


def make_picture(
    family: Family, wanted: Wanted, device: torch.device, go_on: Callable[[], bool]
) -> Image.Image:
    """Denoise one image; raises as `denoise`."""
    return to_picture(denoise(family, wanted, device, go_on))


def first_noise(wanted: Wanted) -> tuple[Tensor, torch.Generator]:
    """The noise an image begins as, [1, 4, h/8, w/8] on the CPU, and what samplers draw more from.

    It depends on the seed and the size alone: the same in any model, on any device.
    """
    generator = torch.Generator().manual_seed(wanted.seed)
    return torch.randn(1, 4, wanted.height // 8, wanted.width // 8, generator=generator), generator


@torch.no_grad()
def denoise(family: Family, wanted: Wanted, device: torch.device, go_on: Callable[[], bool]) -> Tensor:
    """The pixels of one image, [3, h, w], in -1..1 where nothing went wrong.

    Raises:
        SamplingStoppedError: `go_on` said no between two steps.
    """
    noise, generator = first_noise(wanted)
    scheduler = make_sampler(wanted.sampler, family.scheduler_config)
    scheduler.set_timesteps(wanted.steps, device=device)
    latents = noise.to(device) * scheduler.init_noise_sigma
    guided = wanted.cfg > 1.0
    texts = [wanted.negative, wanted.prompt] if guided else [wanted.prompt]
    conditioning = family.condition(texts, [whole((wanted.width, wanted.height))] * len(texts))
    at_once = AtOnce(len(texts))
    for timestep in scheduler.timesteps:
        if not go_on():
            raise SamplingStoppedError
        scaled = scheduler.scale_model_input(latents, timestep)
        predicted = _guided(family, scaled, timestep, conditioning, wanted.cfg, at_once=at_once)
        latents = advance(scheduler, predicted, timestep, latents, generator)
    return family.decode(latents)[0]


def _guided(
    family: Family,
    latents: Tensor,
    timestep: Tensor,
    conditioning: Conditioning,
    cfg: float,
    *,
    at_once: AtOnce,
) -> Tensor:
    """What is predicted with the prompt; beside one without it, further away from that."""

    def predicted(rows: slice) -> Tensor:
        told = conditioning.part(rows)
        count = len(told.states)
        return family.predict(latents.repeat(count, 1, 1, 1), timestep.repeat(count), told)

    without, *with_prompt = at_once.work(len(conditioning.states), predicted).chunk(len(conditioning.states))
    return without + cfg * (with_prompt[0] - without) if with_prompt else without


def to_picture(pixels: Tensor) -> Image.Image:
    """[3, h, w] in -1..1 to an 8-bit image."""
    values = ((pixels.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(values.permute(1, 2, 0).cpu().numpy())


def write_picture(
    path: Path,
    picture: Image.Image,
    wanted: Wanted,
    step: int | None = None,
    more: Mapping[str, str | int] | None = None,
) -> None:
    """A PNG that says how it was made, in the words image browsers for Stable Diffusion read; `more` comes behind."""
    trained = {} if step is None else {"Training step": step}
    behind = "".join(f", {key}: {_quoted(value)}" for key, value in {**trained, **(more or {})}.items())
    about = PngImagePlugin.PngInfo()
    about.add_itxt(
        "parameters",
        f"{wanted.prompt}\nNegative prompt: {wanted.negative}\nSteps: {wanted.steps}, Sampler: {wanted.sampler}, "
        f"CFG scale: {wanted.cfg}, Seed: {wanted.seed}, Size: {wanted.width}x{wanted.height}{behind}",
    )
    with drafted_file(path) as draft:
        picture.save(draft, format="PNG", pnginfo=about)


def _quoted(value: str | int) -> str:
    """A value as Automatic1111 writes it: in quotes where it holds what parts one from the next."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if {",", "\n", ":", '"'} & set(text) else text
