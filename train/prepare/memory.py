"""Memory of a run in bytes, told before it: weights, gradients, optimiser state and average, without a single weight.

What is trained is made of a model on the meta device by the code that makes it of a real one; the optimiser takes a
step with a weight of each shape. What a batch's activations need is not among it: they depend on the buckets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from train.families.empty import empty_model
from train.optim.optimizers import check_optimizer, make_optimizer
from train.precision.arithmetic import arithmetic_of
from train.prepare.load import place_and_attach
from train.processes.spread_model import most_at_once
from train.trained.trained import Trained, WeightGroup

if TYPE_CHECKING:
    from curator.contract.recipe.optimizer import Optimizer
    from curator.contract.recipe.recipe import Recipe

_TRIED_NUMBERS = 1 << 20


@dataclass(frozen=True)
class Memory:
    """Bytes of one process, by part; the vectors of a trained word are among those of the text encoders.

    All lie on the device, whose sum is `device_bytes`, but what is said to be in the memory of the CPU; what is
    offloaded there comes to the device to work.
    """

    unet_bytes: int
    text_encoder_bytes: int
    vae_bytes: int
    adapter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    average_bytes: int
    text_encoders_on_cpu: bool
    vae_on_cpu: bool
    average_on_cpu: bool
    device_bytes: int


def memory_of(recipe: Recipe, warn: Callable[[str, str], None], processes: int = 1) -> Memory:
    """What each of so many processes of a run of `recipe` holds between two steps.

    Gradients lie in the buckets they are sent in. A model that is spread has some of it put together while it works.

    Raises:
        UserError: there is no such model, or it cannot be trained by this recipe.
    """
    check_optimizer(recipe.optimizer)
    family = empty_model(recipe.model)
    trained = place_and_attach(family, recipe, arithmetic_of(recipe.precision, torch.device("meta")), warn)
    model = [tuple(_tensors(each)) for each in ((family.unet,), family.text_encoders, (family.working_vae,))]
    own = {id(weight) for part in model for weight in part}
    averaged, on_cpu = recipe.ema.decay > 0, recipe.ema.decay > 0 and recipe.ema.device == "cpu"
    unet, texts, vae = map(_bytes, model)
    spreads = recipe.precision.shard == "full"
    parts = processes if spreads else 1  # of weights, gradients and their average
    if spreads:
        unet = _spread_bytes((family.unet,), processes)
        texts = _spread_bytes(family.text_encoders, processes)
    adapter = _bytes(weight for weight in trained.weights if id(weight) not in own)
    gradients = -(-_gradients(recipe, trained) // parts)
    sharers = 1 if recipe.precision.shard == "none" else processes
    optimizer = -(-_state_bytes(recipe.optimizer, trained.weights) // sharers)
    average = -(-_bytes(trained.weights) // parts) if averaged else 0
    offloads_text, offloads_vae = recipe.precision.offloads_text, recipe.precision.offloads_vae
    held = unet, 0 if offloads_text else texts, 0 if offloads_vae else vae, 0 if on_cpu else average
    return Memory(
        unet,
        texts,
        vae,
        adapter,
        gradients,
        optimizer,
        average,
        offloads_text,
        offloads_vae,
        on_cpu,
        sum(held) + adapter + gradients + optimizer,
    )


def _spread_bytes(modules: Iterable[nn.Module], processes: int) -> int:
    """What is not trained; a part of what is; and of that the most which is whole at a time."""
    total = 0
    for module in modules:
        trained = [weight for weight in module.parameters() if weight.requires_grad]
        resting = _bytes(_tensors((module,))) - _bytes(trained)
        total += resting + -(-_bytes(trained) // processes) + most_at_once(module)
    return total


def _gradients(recipe: Recipe, trained: Trained) -> int:
    """Of all weights; fused into the backward pass, of the largest."""
    gradients = [weight.nbytes for weight in trained.weights]
    return max(gradients) if recipe.precision.fused_backward else sum(gradients)


def _tensors(modules: Iterable[nn.Module]) -> Iterator[Tensor]:
    return (each for module in modules for each in chain(module.parameters(), module.buffers()))


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _state_bytes(knobs: Optimizer, weights: Iterable[Tensor]) -> int:
    """The optimiser's own state, by a step with one weight of each shape."""
    shapes = Counter(tuple(weight.shape) for weight in weights)
    return sum(count * _tried(knobs, shape) for shape, count in shapes.items())


def _tried(knobs: Optimizer, shape: tuple[int, ...]) -> int:
    """State of a weight of this shape; of a large one, as much more as it has more rows than were tried."""
    row = max(1, torch.Size(shape[1:]).numel())
    rows = min(shape[0], max(1, _TRIED_NUMBERS // row))
    weight = nn.Parameter(torch.ones(rows, *shape[1:]))
    weight.grad = torch.full_like(weight, 1e-3)
    optimizer = make_optimizer(knobs, [WeightGroup("unet", 1e-3, (weight,))])
    optimizer.step()
    held = sum(
        each.nbytes
        for name, each in optimizer.state[weight].items()
        if torch.is_tensor(each) and not name.startswith("qmap")  # of all 8-bit state together
    )
    return held * shape[0] // rows
