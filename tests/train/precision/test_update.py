"""How gradients become moved weights: in parts, in bfloat16, fused into the backward pass, with a loss scale."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from curator.contract.errors import UserError
from curator.contract.recipe.optimizer import Optimizer
from curator.contract.recipe.precision import Precision
from curator.contract.recipe.recipe import Recipe
from train.optim.optimizers import make_optimizer
from train.precision.arithmetic import Arithmetic, arithmetic_of
from train.precision.update import Update, make_update, parts_of
from train.trained.trained import WeightGroup

CPU = torch.device("cpu")


def model(seed: int = 1, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 2)).to(
        dtype
    )


def update_of(net: nn.Module, recipe: Recipe) -> Update:
    weights = list(net.parameters())
    groups = [WeightGroup("unet", 1e-2, tuple(weights[:3])), WeightGroup("text", 1e-3, tuple(weights[3:]))]
    parts = parts_of(recipe, groups)
    optimizer = make_optimizer(recipe.optimizer, parts.groups if parts else groups)
    return make_update(recipe, weights, optimizer, parts, arithmetic_of(recipe.precision, CPU))


def recipe_with(name: str = "adamw", *, max_grad_norm: float = 0.0, **precision: object) -> Recipe:
    return Recipe(
        optimizer=Optimizer(name=name, max_grad_norm=max_grad_norm), precision=Precision(**precision)
    )


def steps(net: nn.Module, update: Update, first: int, last: int) -> list[float]:
    """Train on numbers that depend on the step alone; the norms."""
    norms = []
    for step in range(first, last):
        given = torch.Generator().manual_seed(step)
        inputs = torch.randn(4, 8, generator=given).to(next(net.parameters()).dtype)
        update.begin(step)
        update.backward(net(inputs).float().square().mean())
        norms.append(float(update.cut()))
        update.move()
    return norms


def weights(net: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in net.parameters()]


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(map(torch.equal, weights(one), weights(other)))


NAMES = ["adamw", "adamw8bit", "lion", "lion8bit", "sgd_nesterov", "adafactor", "came"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("held", ["fp32", "bf16"])
def test_fused_weights_are_those_of_one_step_at_the_end(name: str, held: str) -> None:
    """S071: bit for bit, in fp32 and in bf16, and the norm that is told is the same."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[held]
    plain, fused = model(dtype=dtype), model(dtype=dtype)
    told = steps(plain, update_of(plain, recipe_with(name, weights=held)), 0, 4)
    update = update_of(fused, recipe_with(name, weights=held, fused_backward=True))
    assert steps(fused, update, 0, 4) == pytest.approx(told, rel=1e-5)
    assert equal(plain, fused)
    assert not equal(plain, model(dtype=dtype))
    assert all(weight.grad is None for weight in fused.parameters())


def test_fused_gradients_are_never_held_together() -> None:
    """S071: while one weight moves, no other has a gradient."""
    net = model()
    update = update_of(net, recipe_with(fused_backward=True))
    held: list[int] = []
    move = update.optimizer.step
    update.optimizer.step = lambda: (
        held.append(sum(weight.grad is not None for weight in net.parameters())),
        move(),
    )[1]
    steps(net, update, 0, 1)
    assert held == [1] * 6


@pytest.mark.parametrize("name", NAMES)
def test_a_state_goes_between_fused_and_not(name: str) -> None:
    """S079: a run goes on bit-equal when the way is changed, so the run's identity need not know of it."""
    whole, cut = model(), model()
    steps(whole, update_of(whole, recipe_with(name)), 0, 4)
    first = update_of(cut, recipe_with(name, fused_backward=True))
    steps(cut, first, 0, 2)
    resumed = copy.deepcopy(model(seed=9))
    resumed.load_state_dict(cut.state_dict())
    second = update_of(resumed, recipe_with(name))
    second.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    steps(resumed, second, 2, 4)
    assert equal(whole, resumed)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_weights_resume_bit_equal(name: str) -> None:
    """S056, S079: rounding is a function of seed, step and weight; the optimiser's state is in float32."""
    recipe = recipe_with(name, weights="bf16")
    whole, cut = model(dtype=torch.bfloat16), model(dtype=torch.bfloat16)
    steps(whole, update_of(whole, recipe), 0, 4)
    first = update_of(cut, recipe)
    steps(cut, first, 0, 2)
    state = copy.deepcopy(first.optimizer.state_dict())
    floats = [t for each in state["state"].values() for t in each.values() if isinstance(t, Tensor)]
    assert not any(t.dtype is torch.bfloat16 for t in floats)
    resumed = model(seed=9, dtype=torch.bfloat16)
    resumed.load_state_dict(cut.state_dict())
    second = update_of(resumed, recipe)
    second.optimizer.load_state_dict(state)
    steps(resumed, second, 2, 4)
    assert equal(whole, resumed)
    other = model(dtype=torch.bfloat16)
    steps(other, update_of(other, replace(recipe, seed=recipe.seed + 1)), 0, 4)
    assert not equal(whole, other)


def test_small_steps_are_not_lost_in_bf16() -> None:
    """S056: a thousand steps of a thousandth of what bf16 can tell apart move by one, on average of many weights."""
    net = nn.Linear(64, 64, bias=False).to(torch.bfloat16)
    with torch.no_grad():
        net.weight.fill_(1.0)
    recipe = recipe_with("sgd_nesterov", weights="bf16")
    recipe = replace(recipe, optimizer=replace(recipe.optimizer, weight_decay=0.0))
    groups = [WeightGroup("unet", 1e-5, (net.weight,))]
    parts = parts_of(recipe, groups)
    assert parts is not None
    optimizer = make_optimizer(
        replace(recipe.optimizer, sgd=replace(recipe.optimizer.sgd, momentum=0.0)), parts.groups
    )
    for step in range(200):
        net.weight.grad = torch.ones_like(net.weight)
        parts.move(optimizer, [net.weight], step)
    assert float(net.weight.detach().float().mean()) == pytest.approx(1.0 - 200 * 1e-5, abs=2e-4)


def test_clipping_cuts_bf16_gradients_too() -> None:
    free, cut = model(dtype=torch.bfloat16), model(dtype=torch.bfloat16)
    steps(free, update_of(free, recipe_with("sgd_nesterov", weights="bf16")), 0, 1)
    steps(cut, update_of(cut, recipe_with("sgd_nesterov", weights="bf16", max_grad_norm=1e-4)), 0, 1)
    start = weights(model(dtype=torch.bfloat16))
    ways = [
        sum(float((a.float() - b.float()).abs().sum()) for a, b in zip(weights(net), start, strict=True))
        for net in (free, cut)
    ]
    assert ways[1] < ways[0] / 2


def test_fp16_skips_what_overflows_and_lowers_the_scale() -> None:
    """S056: nothing moves, the scale is halved, and the next gradient is scaled back to what it is."""
    plain, scaled = model(), model()
    update = update_of(scaled, recipe_with(mixed="fp16"))
    before = weights(scaled)
    update.begin(0)
    update.backward(scaled(torch.full((1, 8), 1e36)).square().mean())
    assert not math.isfinite(float(update.cut()))
    assert update.move() == 65536.0
    assert all(map(torch.equal, before, weights(scaled)))
    assert update.state()["scale"] == 32768.0
    norms = steps(plain, update_of(plain, recipe_with()), 1, 3)
    assert steps(scaled, update, 1, 3) == pytest.approx(norms, rel=1e-4)
    again = update_of(model(), recipe_with(mixed="fp16"))
    again.load(update.state())
    assert again.state() == update.state()


def test_fp16_gives_up_where_no_scale_helps() -> None:
    net = model()
    update = update_of(net, recipe_with(mixed="fp16"))

    def train() -> None:
        for step in range(60):
            update.begin(step)
            update.backward(net(torch.ones(1, 8)).sum() * torch.inf)
            update.cut()
            update.move()

    with pytest.raises(UserError, match="however the loss is scaled"):
        train()


def test_the_numbers_of_each_part_are_the_recipes() -> None:
    found = arithmetic_of(Precision(mixed="fp16", weights="bf16", vae="bf16"), CPU)
    assert (found.frozen, found.trained, found.vae) == (torch.float16, torch.bfloat16, torch.bfloat16)
    assert arithmetic_of(Precision(mixed="bf16"), CPU).new_scaler() is None
    one = torch.ones(2, 2)
    for numbers, expected in ((torch.float16, torch.float16), (torch.float32, torch.float32)):
        with Arithmetic(CPU, numbers).autocast():
            assert (one @ one).dtype is expected
