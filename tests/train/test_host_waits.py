"""What the host waits for in a step: nothing. Numbers are read back where they are reported, and nowhere else.

The model lies on the meta device, which has no numbers: whatever asks for one is seen, and given one.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import load_recipe, with_values
from curator.contract.run.stop_signals import StopSignals
from train.optim.optimizers import make_optimizer
from train.optim.table import ROWS
from train.precision.arithmetic import Arithmetic
from train.prepare.job import prepare
from train.prepare.load import load_model
from train.prepare.stages import Trainable, make_stepper, make_trainable
from train.report import Reporter
from train.trained.trained import WeightGroup

_META = torch.device("meta")
_ATEN = torch.ops.aten
OPTIONAL = ("bitsandbytes", "came_pytorch", "dadaptation", "lion_pytorch", "prodigyopt", "schedulefree")
# Their packages compare numbers on the host in each step (docs/performance.md).
_READ_BACK = {"prodigy", *(name for name in ROWS if name.startswith("dadapt_"))}
_ASKS_FOR_THE_TYPE = {"dadapt_adan", "dadapt_adan_ip"}  # and knows none without numbers


class Waits(TorchDispatchMode):
    """Counts the reads of a number from the device, and the copies to and from it that the host waits for."""

    def __init__(self, device: torch.device = _META) -> None:
        super().__init__()
        self.device = device
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if func is _ATEN._local_scalar_dense.default and first is not None and first.device == self.device:
            self.seen["number"] += 1
            return 0.5 if first.is_floating_point() else 1
        if func is _ATEN._to_copy.default and "device" in kwargs and first is not None:
            to_meta = torch.device(kwargs["device"]).type == "meta"
            if first.is_meta != to_meta and not kwargs.get("non_blocking"):
                self.seen["copy"] += 1
            if first.is_meta and not to_meta:
                return torch.ones(first.shape, dtype=kwargs.get("dtype", first.dtype))
        if func is _ATEN.copy_.default and args[0].is_meta != args[1].is_meta:
            self.seen["copy"] += not (len(args) > 2 and args[2])
            return args[0]
        return func(*args, **kwargs)


def without_numbers(recipe: Recipe) -> Trainable:
    """The model and its adapter, moved to where there are none."""
    family, trained = load_model(recipe, Arithmetic(torch.device("cpu")), lambda *_: None)
    family.place(Arithmetic(_META))
    for weight in trained.weights:
        torch.utils.swap_tensors(weight, nn.Parameter(torch.empty_like(weight, device=_META)))
    return make_trainable(family, trained, recipe, Arithmetic(_META))


@pytest.mark.parametrize(
    ("model", "text_lr"), [("tiny_model", "1e-2"), ("tiny_sdxl", "1e-2"), ("tiny_sdxl", "0.0")]
)
def test_a_step_waits_for_nothing(request, make_run, frozen, monkeypatch, model, text_lr) -> None:
    """Live images, masks, regularisation, an average of the weights, every kind of noise: all go one way.

    So does what frozen text encoders say of captions, on its way to be kept.
    """
    data = frozen(crop="random", mask="alpha", clear=(0, 2), regs=(1, 4))
    run = make_run(
        "batch.accumulate=2",
        "ema.decay=0.9",
        "objective.loss=huber",
        "objective.min_snr_gamma=5.0",
        "objective.noise_offset=0.05",
        "objective.adaptive_noise_scale=0.1",
        "objective.multires_noise_levels=3",
        "objective.ip_noise_gamma=0.1",
        f"optimizer.text_lr={text_lr}",
        f"model.path={request.getfixturevalue(model)}",
        frozen=data,
    )
    job = prepare(run, lambda _: Reporter(None), StopSignals())
    recipe = load_recipe(run.recipe_path)
    trainable = without_numbers(recipe)
    monkeypatch.setattr(Accelerator, "device", property(lambda _: _META))
    stepper = make_stepper(trainable, recipe, job.process.accelerator)
    with closing(job.data.feed.batches(0, 3)) as batches:
        for batch in batches:
            with Waits() as waits:
                stepper.take(batch)
            assert waits.seen == Counter()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_optimisers_that_read_numbers_back_are_known(name) -> None:
    """Of the third step: the first ones make what is kept."""
    if name not in ("adamw", "adafactor", "sgd_nesterov"):
        for package in OPTIONAL:
            pytest.importorskip(package, reason="the optimizers extra is not installed")
    device = torch.device("cpu") if name in _ASKS_FOR_THE_TYPE else _META
    weights = [nn.Parameter(torch.zeros(shape, device=device)) for shape in ((128, 64), (64,))]
    knobs = with_values(Recipe(), {"optimizer.name": name}).optimizer
    optimizer = make_optimizer(knobs, [WeightGroup("unet", 1e-3, tuple(weights))])
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        with Waits(device) as waits:
            optimizer.step()
    assert bool(waits.seen) == (name in _READ_BACK), waits.seen
