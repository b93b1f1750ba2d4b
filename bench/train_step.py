"""A training step beside a plain diffusers loop: the same model, batch, precision, latents and captions, in one run.

    OMP_NUM_THREADS=1 python bench/train_step.py [--size mid] [--trains full|lora] [--precision bf16] [--rounds 2]

Each round runs both in processes of their own, one after the other, and the best of each is told: images a second by
the clock and by the processor, the most memory, and what share of its own rate of matrix products the products
are that a step must have. Ours is fed by the feed of a run; the plain loop has its latents and tokens ready in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler, UNet2DConditionModel
from peft import LoraConfig
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from curator.contract.base_model.prediction import Chosen
from curator.contract.epoch_plan import Sample
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import with_values
from train.data.batches import Batch, Item
from train.data.feed import Feed
from train.data.images import Cut
from train.data.latents import Latents
from train.data.micro_batch import Preparation
from train.families.base import ModelParts
from train.families.clip_text import PLAIN_TEXT
from train.families.conditioning import whole
from train.families.rows import FAMILIES
from train.precision.arithmetic import arithmetic_of
from train.prepare.load import place_and_attach
from train.prepare.stages import make_stepper, make_trainable
from train.tiny.models import tiny_sd1

_WIDTHS = {"tiny": (32, 64, 64, 64), "mid": (128, 256, 512, 512), "sd1": (320, 640, 1280, 1280)}
_CAPTION = "1girl, solo, red hair, smile, outdoors, looking at viewer, upper body"
_TEXT_WIDTH = 64
_RANK = 16
_WARM_UP = 2


@dataclass
class Clock:
    """Seconds of the main thread spent inside of what is named, and of the feed's thread."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Add what the block takes of the processor."""
        began = time.thread_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - began

    def wrap(self, name: str, action: Callable[..., Any]) -> Callable[..., Any]:
        """`action`, counted."""

        def counted(*args: Any, **named: Any) -> Any:
            with self.inside(name):
                return action(*args, **named)

        return counted


def unet_of(size: str, side: int) -> UNet2DConditionModel:
    """SD 1.x's architecture at a width."""
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=side // 8,
        block_out_channels=_WIDTHS[size],
        layers_per_block=2,
        cross_attention_dim=_TEXT_WIDTH,
        norm_num_groups=8,
        attention_head_dim=8,
    )


def recipe_of(asked: argparse.Namespace) -> Recipe:
    """What is trained, by the recipe a run would have."""
    values: dict[str, Any] = {
        "batch.size": asked.batch,
        "precision.mixed": asked.precision,
        "optimizer.unet_lr": 1e-5,
        "optimizer.text_lr": 0.0,
        "trains": "full" if asked.trains == "full" else "adapter",
    }
    if asked.trains == "lora":
        values |= {"adapter.rank": _RANK, "adapter.alpha": float(_RANK)}
    return with_values(Recipe(), values)


def latents_of(asked: argparse.Namespace, count: int) -> Tensor:
    """Moments [count, 2, 4, h, w]."""
    drawn = torch.Generator().manual_seed(1)
    return torch.randn(count, 2, 4, asked.side // 8, asked.side // 8, generator=drawn)


def ours(asked: argparse.Namespace) -> dict[str, float]:
    """Steps as a run takes them."""
    recipe, accelerator, pipeline = recipe_of(asked), accelerator_of(asked), tiny_sd1("epsilon")
    parts = ModelParts(
        "sd1",
        "",
        unet_of(asked.size, asked.side),
        pipeline.vae,
        (pipeline.text_encoder.requires_grad_(False).eval(),),
        (pipeline.tokenizer,),
        dict(pipeline.scheduler.config),
    )
    parts.unet.requires_grad_(False).eval()
    family = FAMILIES["sd1"].make(parts, chosen=Chosen("epsilon", False), clip_skip=1, text=PLAIN_TEXT)
    arithmetic = arithmetic_of(recipe.precision, accelerator.device)
    trained = place_and_attach(family, recipe, arithmetic, lambda *_: None)
    model = make_trainable(family, trained, recipe, arithmetic)
    stepper = make_stepper(model, recipe, accelerator)
    preparation = Preparation(family, Latents(family), recipe, pinned=accelerator.device.type == "cuda")
    feed_clock, clock = Clock(), Clock()
    preparation.ready = feed_clock.wrap("feed", preparation.ready)
    reader = SimpleNamespace(batches=lambda first, last, _: batches_of(asked, first, last))
    for name, owner in (
        ("encode", family),
        ("predict", family),
        ("backward", model.update),
        ("step", model.update.optimizer),
    ):
        setattr(owner, name, clock.wrap("model", getattr(owner, name)))
    feed = Feed(reader, preparation).batches(0, asked.steps + _WARM_UP)

    def step(_number: int) -> None:
        batch = next(feed)
        with clock.inside("all"):
            stepper.take(batch)

    found = measured(asked, step, clock.seconds.clear)
    feed.close()
    outside = clock.seconds["all"] - clock.seconds["model"]
    return {
        **found,
        "outside_ms": 1e3 * outside / asked.steps,
        "feed_ms": 1e3 * feed_clock.seconds["feed"] / (asked.steps + _WARM_UP),
    }


def batches_of(asked: argparse.Namespace, first: int, last: int) -> Iterator[Batch]:
    """The same images in every step, other draws."""
    framing = whole((asked.side, asked.side))
    cut = Cut((0, 0, asked.side, asked.side), False)
    kept = list(latents_of(asked, asked.batch))
    for step in range(first, last):
        samples = [Sample(step, row, 0) for row in range(asked.batch)]
        items = tuple(
            Item(each, each, "", cut, framing, _CAPTION, 1.0, False, None, (moments,))
            for each, moments in zip(samples, kept, strict=True)
        )
        yield Batch(step, 0, items, asked.batch)


def plain(asked: argparse.Namespace) -> dict[str, float]:
    """The loop of diffusers' text-to-image example, on random numbers of torch's one generator."""
    accelerator, pipeline = accelerator_of(asked), tiny_sd1("epsilon")
    unet = unet_of(asked.size, asked.side)
    half = torch.bfloat16 if asked.precision == "bf16" else torch.float32
    if asked.trains == "lora":
        unet.requires_grad_(False).to(accelerator.device, half)
        linear = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]
        unet.add_adapter(LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules=linear))
        for weight in unet.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
    unet.to(accelerator.device)
    text = pipeline.text_encoder.requires_grad_(False).eval().to(accelerator.device, half)
    ids = pipeline.tokenizer(
        [_CAPTION] * asked.batch, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids
    weights = [weight for weight in unet.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-5, fused=accelerator.device.type == "cuda")
    scheduler = DDPMScheduler.from_config(dict(pipeline.scheduler.config))
    moments = latents_of(asked, asked.batch)
    unet.train()

    def step(_number: int) -> None:
        mean, logvar = moments.to(accelerator.device).unbind(1)
        latents = (mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)) * 0.18215
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, 1000, (asked.batch,), device=latents.device)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        with accelerator.autocast():
            states = text(ids.to(latents.device)).last_hidden_state
            said = unet(noisy.to(unet.dtype), timesteps, states.to(unet.dtype)).sample
        loss = functional.mse_loss(said.float(), noise)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return measured(asked, step, lambda: None)


def accelerator_of(asked: argparse.Namespace) -> Accelerator:
    """As a run's."""
    mixed = "bf16" if asked.precision == "bf16" else "no"
    return Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=mixed)


def measured(
    asked: argparse.Namespace, step: Callable[[int], None], begun: Callable[[], object]
) -> dict[str, float]:
    """Images a second, and the most memory of this process or of its GPU."""
    for number in range(_WARM_UP):
        step(number)
    _settled()
    begun()
    clock, processor = time.perf_counter(), time.process_time()
    for number in range(asked.steps):
        step(number)
    _settled()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    images = asked.steps * asked.batch
    on_gpu = torch.cuda.is_available()
    peak = (
        torch.cuda.max_memory_allocated()
        if on_gpu
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    return {"clock": images / clock, "processor": images / processor, "peak_mb": peak / 1e6}


def _settled() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ideal_products(asked: argparse.Namespace) -> int:
    """Products that a step must have: forward, and back through the weights that are trained or through all layers."""
    with torch.device("meta"):
        unet = unet_of(asked.size, asked.side).requires_grad_(asked.trains == "full")
        side = asked.side // 8
        noisy = torch.zeros(asked.batch, 4, side, side, requires_grad=True)
        states = torch.zeros(asked.batch, 77, _TEXT_WIDTH)
        with FlopCounterMode(display=False) as counter:
            unet(noisy, torch.tensor([500]), states).sample.sum().backward()
    return counter.get_total_flops()


def matrix_rate(precision: str) -> float:
    """Products a second of a large matrix product, the best of three, by the processor where there is no GPU."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    side = 8192 if device == "cuda" else 1024
    one = torch.randn(
        side, side, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32
    )
    best = 0.0
    for _ in range(3):
        _settled()
        began = time.perf_counter() if device == "cuda" else time.process_time()
        one @ one
        _settled()
        took = (time.perf_counter() if device == "cuda" else time.process_time()) - began
        best = max(best, 2 * side**3 / took)
    return best


def compare(asked: argparse.Namespace) -> None:
    """Both, in turns, and their ratios."""
    found: dict[str, dict[str, float]] = {}
    command = [sys.executable, __file__, *sys.argv[1:]]
    for _ in range(asked.rounds):
        for side in ("ours", "plain"):
            out = subprocess.run([*command, "--only", side], check=True, stdout=subprocess.PIPE, text=True)
            told = json.loads(out.stdout.splitlines()[-1])
            best = found.setdefault(side, told)
            found[side] = {
                name: (max if name in ("clock", "processor") else min)(best[name], told[name])
                for name in told
            }
    mine, theirs = found["ours"], found["plain"]
    ideal, rate = ideal_products(asked) / asked.batch, matrix_rate(asked.precision)
    on_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if on_gpu else f"CPU, {torch.get_num_threads()} thread(s)"
    print(f"{asked.size}, {asked.side} px, batch {asked.batch}, {asked.precision}, {asked.trains}")
    print(f"{device}; load {os.getloadavg()[0]:.1f}; matrix products {rate / 1e9:.0f} GFLOP/s")
    _compared("images/s by the clock", mine["clock"], theirs["clock"])
    _compared("images/s of processor time", mine["processor"], theirs["processor"])
    _compared("peak memory, MB", mine["peak_mb"], theirs["peak_mb"])
    shares = [100 * ideal * each["clock" if on_gpu else "processor"] / rate for each in (mine, theirs)]
    _compared("% of the matrix product rate", *shares)
    print(
        f"  Python outside the model {mine['outside_ms']:.1f} ms a step, in the feed {mine['feed_ms']:.1f} ms"
    )


def _compared(what: str, mine: float, theirs: float) -> None:
    print(f"  {what:30} {mine:10.3f}   plain {theirs:10.3f}   {mine / theirs:5.2f} x")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--size", choices=sorted(_WIDTHS), default="mid")
    made.add_argument("--side", type=int, default=256, help="of images, in pixels")
    made.add_argument("--batch", type=int, default=1)
    made.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    made.add_argument("--trains", choices=("full", "lora"), default="full")
    made.add_argument("--steps", type=int, default=3)
    made.add_argument("--rounds", type=int, default=2)
    made.add_argument("--only", choices=("ours", "plain"), help=argparse.SUPPRESS)
    return made


if __name__ == "__main__":
    wanted = parser().parse_args()
    if wanted.only:
        print(json.dumps({"ours": ours, "plain": plain}[wanted.only](wanted)))
    else:
        compare(wanted)
