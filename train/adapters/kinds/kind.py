"""What a kind of adapter is: the tensors it trains, their start, the change of a weight they mean, and a cheap path.

`delta` is the one definition of what an adapter does to a weight: merging, checking and comparing go by it. `live`
computes the same outputs, for most kinds from the activations, at about the cost of the frozen layer; a product with
the changed weight costs about half as much again, for the gradient of the whole weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

Tensors = Mapping[str, Tensor]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Spec:
    """The adapter of one module. `shape` is that of the weight: [out, in], [out, in, height, width], or [n] of a norm.

    An `alpha` of 0 means the rank. `options` are the knobs of the kind's own section.
    """

    kind: str
    shape: tuple[int, ...]
    rank: int = 0
    alpha: float = 0.0
    rank_stabilized: bool = False
    dropout: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scale(self) -> float:
        """What the product of the factors is multiplied with."""
        return (self.alpha or self.rank) / (math.sqrt(self.rank) if self.rank_stabilized else self.rank)

    @property
    def file_alpha(self) -> float:
        """The alpha of the file, which readers divide by the rank."""
        return self.scale * self.rank

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.shape[2:]

    @property
    def inputs(self) -> int:
        """Numbers of the input that one output is made of."""
        return math.prod(self.shape[1:])


class Site(Protocol):
    """One adapted module, as a live path sees it. `kept` holds what follows from the frozen weight alone."""

    @property
    def spec(self) -> Spec: ...

    @property
    def tensors(self) -> Tensors:
        """In float32."""
        ...

    @property
    def training(self) -> bool: ...

    @property
    def kept(self) -> Tensors: ...

    @property
    def host(self) -> nn.Module:
        """The module of the base model."""
        ...

    def base(self, x: Tensor) -> Tensor:
        """What the module says by itself."""
        ...


def with_alpha(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """The tensors, and the alpha that readers divide by the rank."""
    return {**tensors, "alpha": torch.tensor(spec.file_alpha)}


def unchanged(_spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """The tensors as they are."""
    return dict(tensors)


def nothing(_weight: Tensor) -> dict[str, Tensor]:
    """Nothing is kept."""
    return {}


def everything(_path: str) -> bool:
    """Modules of any path."""
    return True


@dataclass(frozen=True)
class Kind:
    """One kind of adapter.

    `start` fills the tensors so that nothing changes yet. `delta` gives the change of `weight`, of its shape, in
    float32; `live` what the module says so changed. `files` gives the tensors as they stand in a file; `restore` is
    its inverse, from a file to the tensors trained. `keeps` gives what `live` finds kept: it adds nothing itself, or
    torch.compile would make each graph again. `takes` says whether a module of this path is changed at all,
    `alpha_is_by_rank` whether an alpha that is not told means the rank.
    """

    shapes: Callable[[Spec], Shapes]
    start: Callable[[Spec, dict[str, Tensor], Tensor, torch.Generator], None]
    delta: Callable[[Spec, Tensors, Tensor], Tensor]
    live: Callable[[Site, Tensor], Tensor]
    files: Callable[[Spec, Tensors], dict[str, Tensor]] = with_alpha
    restore: Callable[[Spec, Tensors], dict[str, Tensor]] = unchanged
    keeps: Callable[[Tensor], dict[str, Tensor]] = nothing
    takes: Callable[[str], bool] = everything
    alpha_is_by_rank: bool = True


def product(host: nn.Module, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x` through a linear layer or convolution of this weight, with the steps and edges of `host`."""
    if isinstance(host, nn.Conv2d):
        return functional.conv2d(x, weight, bias, host.stride, host.padding, host.dilation, host.groups)
    return functional.linear(x, weight, bias)


def positions(host: nn.Module, x: Tensor) -> int:
    """How many outputs of each channel `host` makes of `x`, all samples together."""
    if isinstance(host, nn.Conv2d):
        return max(1, x.numel() // host.in_channels // math.prod(host.stride))
    return max(1, x.numel() // x.shape[-1])


def in_float32(device: torch.device) -> AbstractContextManager[object]:
    """Products within the block keep all digits, whatever the arithmetic of the run."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def of_channels(host: nn.Module, values: Tensor) -> Tensor:
    """One number an output, shaped to multiply the output of `host`."""
    return values.flatten()[:, None, None] if isinstance(host, nn.Conv2d) else values.flatten()


def uniform(tensor: Tensor, generator: torch.Generator) -> None:
    """Fill uniformly within 1 / sqrt(inputs): what LoRA starts its first factor from in kohya, peft and lycoris."""
    bound = max(1, tensor[0].numel()) ** -0.5
    tensor.copy_(torch.empty(tensor.shape).uniform_(-bound, bound, generator=generator))


def normal(tensor: Tensor, deviation: float, generator: torch.Generator) -> None:
    """Fill with normal numbers around 0."""
    tensor.copy_(deviation * torch.randn(tensor.shape, generator=generator))
