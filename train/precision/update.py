"""The update a step ends with: gradients scaled back, cut to a norm, and made into moved weights.

Fused, each weight moves as soon as its gradient is there, and no gradient waits for another.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from curator.contract.errors import UserError
from train.precision.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curator.contract.recipe.recipe import Recipe
    from train.precision.arithmetic import Arithmetic
    from train.trained.trained import WeightGroup

_LEAST_SCALE = 2.0**-10


class Update(Protocol):
    """What a step does with its gradients. All of it is called once a step, `backward` once a micro-batch."""

    optimizer: torch.optim.Optimizer
    can_begin_again: bool  # whether no weight has moved before `move`
    scales: bool  # whether an infinite gradient is one that overflowed fp16, which `move` knows how to take

    def begin(self, step: int) -> None:
        """Forget the gradients of the step before."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of `loss`."""
        ...

    def cut(self) -> Tensor:
        """Bring the whole gradient down to the recipe's norm; its norm before, still on its device."""
        ...

    def move(self) -> float | None:
        """Move the weights; the loss scale where it was too high for fp16, and nothing moved."""
        ...

    def leave(self) -> None:
        """Move nothing, in the place of `move`."""
        ...

    def state(self) -> dict[str, float]:
        """What an exact resume needs beside the optimiser's own state."""
        ...

    def load(self, state: dict[str, float]) -> None:
        """Take over what `state` gave."""
        ...

    def optimizer_state(self) -> dict[str, Any]:
        """The optimiser's own state, whole; of several processes that share it, on the first, and all call it."""
        ...

    def load_optimizer(self, state: dict[str, Any]) -> None:
        """Take over what `optimizer_state` gave."""
        ...


class SharedOptimizer(Protocol):
    """How an optimiser is shared by processes, each of which has it for a part of the weights, or of their rows."""

    moved: Sequence[nn.Parameter]  # what this process moves

    def own(self, groups: Sequence[WeightGroup]) -> Sequence[WeightGroup]:
        """Groups of an optimiser for what this process moves, of `groups` for all that is trained."""
        ...

    def norm(self, found: Tensor) -> Tensor:
        """Of the whole gradient, from that of what this process has of it."""
        ...

    def send_round(self) -> None:
        """Let all processes have the weights that each has moved."""
        ...

    def whole_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The state as one process would have it, on the CPU of the first; nothing on the others. All call it."""
        ...

    def load(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        """Take over this process's part of a whole state."""
        ...


class AtOnce:
    """All gradients first, then one optimiser step: an `Update`."""

    can_begin_again = True

    def __init__(
        self,
        weights: Sequence[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        max_norm: float,
        *,
        parts: Parts | None = None,
        scaler: torch.amp.GradScaler | None = None,
        share: SharedOptimizer | None = None,
    ) -> None:
        self.optimizer = optimizer
        self._weights = weights
        self._max_norm = max_norm or math.inf
        self._parts = parts
        self._scaler = scaler
        self._scaled = (
            torch.optim.SGD(weights) if scaler else None
        )  # holds all; `optimizer` may have a share of them
        self._share = share
        self._moved = share.moved if share else weights
        self.scales = scaler is not None
        self._step = 0

    def begin(self, step: int) -> None:
        self._step = step
        for weight in self._weights:
            weight.grad = None

    def backward(self, loss: Tensor) -> None:
        (self._scaler.scale(loss) if self._scaler else loss).backward()

    def cut(self) -> Tensor:
        """The gradients are unscaled first."""
        if self._scaler and self._scaled:
            self._scaler.unscale_(self._scaled)
        reached = [weight for weight in self._weights if weight.grad is not None]
        norm = _norm([_norm_of(weight) for weight in reached])
        if self._share:
            norm = self._share.norm(norm)
        if self._max_norm < math.inf:
            nn.utils.clip_grads_with_norm_(reached, self._max_norm, norm)
        return norm

    def move(self) -> float | None:
        """Move the weights; the loss scale where it was too high for fp16, and nothing moved.

        Raises:
            UserError: the gradient overflows fp16 however small the loss is made.
        """
        overflowed_at = self._rescaled() if self._scaler else None
        if overflowed_at is None:
            self._step_all()
        return overflowed_at

    def leave(self) -> None:
        """Move nothing; the scale falls as if they had overflowed."""
        if self._scaler:
            self._rescaled()

    def _step_all(self) -> None:
        if not any(group["lr"] for group in self.optimizer.param_groups):  # some divide by it
            return
        if self._parts:
            self._parts.move(self.optimizer, self._moved, self._step)
        else:
            self.optimizer.step()
        if self._share:
            self._share.send_round()

    def _rescaled(self) -> float | None:
        """The scale that was too high, if it was."""
        assert self._scaler is not None
        before = self._scaler.get_scale()
        self._scaler.update()
        now = self._scaler.get_scale()
        if now < _LEAST_SCALE:
            raise UserError(
                "the gradients overflow fp16 however the loss is scaled",
                "lower the learning rates, or set precision.mixed = 'bf16' or 'fp32'",
            )
        return before if now < before else None

    def state(self) -> dict[str, float]:
        return dict(self._scaler.state_dict()) if self._scaler else {}

    def load(self, state: dict[str, float]) -> None:
        if self._scaler and state:
            self._scaler.load_state_dict(state)

    def optimizer_state(self) -> dict[str, Any]:
        return self._share.whole_state(self.optimizer) if self._share else self.optimizer.state_dict()

    def load_optimizer(self, state: dict[str, Any]) -> None:
        if self._share:
            self._share.load(self.optimizer, state)
        else:
            self.optimizer.load_state_dict(state)


class Fused:
    """Each weight moves within the backward pass, and its gradient is let go: an `Update`."""

    can_begin_again = False
    scales = False

    def __init__(
        self, weights: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer, parts: Parts
    ) -> None:
        self.optimizer = optimizer
        self._parts = parts
        self._norms: list[Tensor] = []
        self._step = 0
        for weight in weights:
            weight.register_post_accumulate_grad_hook(self._move)

    def begin(self, step: int) -> None:
        self._step = step
        self._norms = []

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def cut(self) -> Tensor:
        """The norm alone: the weights have moved."""
        return _norm(self._norms)

    def move(self) -> float | None:
        """They have."""

    def leave(self) -> None:
        """It is too late."""

    def _move(self, weight: Tensor) -> None:
        assert isinstance(weight, nn.Parameter)
        self._norms.append(_norm_of(weight))
        self._parts.move(self.optimizer, [weight], self._step)
        weight.grad = None

    def state(self) -> dict[str, float]:
        return {}

    def load(self, state: dict[str, float]) -> None:
        """It has none."""

    def optimizer_state(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def load_optimizer(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state)


def _norm_of(weight: Tensor) -> Tensor:
    """Of its gradient, summed in float32 also where it is held in bfloat16."""
    assert weight.grad is not None
    return torch.linalg.vector_norm(weight.grad, dtype=torch.float32)


def _norm(norms: Sequence[Tensor]) -> Tensor:
    return torch.linalg.vector_norm(torch.stack(list(norms))) if norms else torch.zeros(())


def parts_of(recipe: Recipe, groups: Sequence[WeightGroup]) -> Parts | None:
    """How weights move where not all at once; an optimiser is then made over its groups."""
    knobs = recipe.precision
    return Parts(groups, recipe.seed) if knobs.fused_backward or knobs.weights == "bf16" else None


def make_update(
    recipe: Recipe,
    weights: Sequence[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    parts: Parts | None,
    arithmetic: Arithmetic,
    *,
    share: SharedOptimizer | None = None,
) -> Update:
    """The update a recipe asks for; with `share` the optimiser has this process's part of the weights."""
    if recipe.precision.fused_backward and parts is not None:
        return Fused(weights, optimizer, parts)
    return AtOnce(
        weights,
        optimizer,
        recipe.optimizer.max_grad_norm,
        parts=parts,
        scaler=arithmetic.new_scaler(),
        share=share,
    )
