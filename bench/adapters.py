"""Cost of a training step with each kind of adapter, beside lycoris' own modules and PEFT's LoRA in the same run.

    python bench/adapters.py flops [--family sd1]      products of a step as a multiple of a plain forward
    python bench/adapters.py clock [--kinds lora boft] seconds on one CPU thread, beside diffusers with PEFT's LoRA

Products are counted on the meta device, at the family's standard size, one image of its native resolution.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("LYCORIS_KERNEL_BACKEND", "torch")
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from diffusers import UNet2DConditionModel
from lycoris.logging import logger as lycoris_log
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.dylora import DyLoraModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from peft import LoraConfig
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from curator.contract.recipe.adapter import Adapter, Lokr
from curator.contract.recipe.recipe import Model, Optimizer
from train.adapters.adapter import AdaptedModule
from train.adapters.attach import Wish, wishes
from train.adapters.kinds.table import KINDS
from train.families.empty import empty_family
from train.families.family import AdapterRoots

_RANK = 16
_CONV = {"conv_rank": _RANK, "conv_alpha": 8.0}
Cases = dict[str, tuple[Adapter, type, dict[str, Any]]]
CASES: Cases = {
    "lora": (Adapter(), LoConModule, {}),
    "locon": (Adapter(kind="locon"), LoConModule, {}),
    "loha": (Adapter(kind="loha", **_CONV), LohaModule, {}),
    "lokr full 16": (
        Adapter(kind="lokr", lokr=Lokr(factor=16, full_matrix=True), **_CONV),
        LokrModule,
        {"factor": 16, "full_matrix": True},
    ),
    "lokr 8": (Adapter(kind="lokr", lokr=Lokr(factor=8), **_CONV), LokrModule, {"factor": 8}),
    "dora": (Adapter(kind="dora", **_CONV), LoConModule, {"weight_decompose": True}),
    "ia3": (Adapter(kind="ia3"), IA3Module, {}),
    "glora": (Adapter(kind="glora", **_CONV), GLoRAModule, {}),
    "oft": (Adapter(kind="oft", **_CONV), DiagOFTModule, {}),
    "boft": (Adapter(kind="boft", **_CONV), ButterflyOFTModule, {}),
    "dylora": (Adapter(kind="dylora", **_CONV), DyLoraModule, {}),
}


def ours(wanted: Iterable[Wish]) -> list[AdaptedModule]:
    """Our modules, on the device of the weights."""
    modules: list[AdaptedModule] = []
    for wish in wanted:
        host = wish.target.module
        device = host.get_parameter("weight").device
        tensors = {
            name: nn.Parameter(torch.zeros(shape, device=device) + 0.01)
            for name, shape in KINDS[wish.spec.kind].shapes(wish.spec).items()
        }
        modules.append(
            AdaptedModule(
                name=wish.target.name, spec=wish.spec, host=host, tensors=tensors, group="", rate=1.0
            )
        )
    return modules


def theirs(wanted: Iterable[Wish], kind: type, options: dict[str, Any]) -> list[Any]:
    """lycoris' modules, as its networks make them by default."""
    made: list[Any] = []
    for wish in wanted:
        host = wish.target.module
        device = host.get_parameter("weight").device
        with torch.device(device):
            more = options | ({"train_on_input": True} if wish.spec.options.get("on_input") else {})
            made.append(kind(wish.target.name, host, 1.0, wish.spec.rank, wish.spec.alpha, **more).to(device))
    return made


@contextmanager
def attached(roots: AdapterRoots, forwards: list[tuple[nn.Module, Callable[..., Tensor]]]):
    """Hosts that answer through `forwards` within the block."""
    before = [(host, host.forward) for host, _ in forwards]
    try:
        for host, forward in forwards:
            host.forward = forward
        yield roots
    finally:
        for host, forward in before:
            host.forward = forward


def flops(family: str, cases: Cases) -> None:
    """One line a kind: our products, lycoris', and their ratio."""
    model = empty_family(family, Model())
    roots, side = model.adapter_roots, model.facts.native_side // 8
    model.unet.requires_grad_(False)
    inputs = _inputs(model.unet, side, "meta")
    plain = _products(model.unet, inputs, backward=False)
    print(f"{family}: plain forward {plain / 1e12:.3f} TFLOP")
    for name, (knobs, kind, options) in cases.items():
        wanted = [wish for wish in wishes(roots, knobs, Optimizer(text_lr=0.0)) if wish.target.is_read]
        mine = ours(wanted)
        with attached(roots, [(module.host, module.forward) for module in mine]):
            cost = _products(model.unet, inputs, backward=True) / plain
        try:
            other = theirs(wanted, kind, options)
            with attached(roots, []):
                for module in other:
                    module.apply_to()
                stock = _products(model.unet, inputs, backward=True) / plain
                for module in other:
                    module.org_module[0].forward = module.org_forward
            print(f"{name:14} {cost:5.2f}   lycoris {stock:5.2f}   ratio {cost / stock:4.2f}", flush=True)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            print(f"{name:14} {cost:5.2f}   lycoris cannot: {str(error)[:60]}", flush=True)


def _inputs(unet: UNet2DConditionModel, side: int, device: str) -> dict[str, Any]:
    width = unet.config.cross_attention_dim
    told: dict[str, Any] = {
        "sample": torch.zeros(1, 4, side, side, device=device),
        "timestep": torch.tensor([500], device=device),
        "encoder_hidden_states": torch.zeros(1, 77, width, device=device),
    }
    if unet.config.addition_embed_type:
        told["added_cond_kwargs"] = {
            "text_embeds": torch.zeros(1, 1280, device=device),
            "time_ids": torch.zeros(1, 6, device=device),
        }
    return told


def _products(unet: nn.Module, inputs: dict[str, Any], *, backward: bool) -> int:
    with FlopCounterMode(display=False) as counter:
        said = unet(**inputs).sample
        if backward:
            said.sum().backward()
    return counter.get_total_flops()


def clock(rounds: int, cases: Cases) -> None:
    """Seconds a step, the least of some rounds in turns, each as a multiple of PEFT's LoRA."""
    torch.set_num_threads(1)
    torch.manual_seed(0)

    def unet() -> UNet2DConditionModel:
        return UNet2DConditionModel(
            sample_size=32,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            cross_attention_dim=256,
        ).requires_grad_(False)

    model = unet()
    inputs = _inputs(model, 32, "cpu")
    peft = unet()
    peft.add_adapter(
        LoraConfig(
            r=_RANK,
            target_modules=[
                "to_q",
                "to_k",
                "to_v",
                "to_out.0",
                "proj_in",
                "proj_out",
                "ff.net.0.proj",
                "ff.net.2",
            ],
        )
    )
    roots = AdapterRoots(model, ())
    kinds = {
        name: ours(wishes(roots, knobs, Optimizer(text_lr=0.0))) for name, (knobs, _, _) in cases.items()
    }
    base, took = float("inf"), dict.fromkeys(kinds, float("inf"))
    for _ in range(rounds):
        base = min(base, _seconds(peft, inputs))
        for name, modules in kinds.items():
            with attached(roots, [(module.host, module.forward) for module in modules]):
                took[name] = min(took[name], _seconds(model, inputs))
    print(f"PEFT's LoRA    {base:6.3f} s")
    for name, seconds in took.items():
        print(f"{name:14} {seconds:6.3f} s   {seconds / base:4.2f} x")


def _seconds(unet: nn.Module, inputs: dict[str, Any]) -> float:
    """Of the processor: on one thread those of the clock, without what other programs took."""
    began = time.process_time()
    unet(**inputs).sample.square().mean().backward()
    return time.process_time() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("flops", "clock"))
    parser.add_argument("--family", default="sd1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=CASES, default=[*CASES], metavar="KIND")
    asked = parser.parse_args()
    chosen: Cases = {name: CASES[name] for name in asked.kinds}
    lycoris_log.setLevel("ERROR")
    flops(asked.family, chosen) if asked.what == "flops" else clock(asked.rounds, chosen)
