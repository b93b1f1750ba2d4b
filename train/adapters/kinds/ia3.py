"""IA3: one factor for each feature of keys and values, and of what goes into a feed-forward's last layer (Liu 2022).

W' = W * (1 + w), the factors of keys and values by output, those of the last layer by input.
"""

from __future__ import annotations

import torch
from torch import Tensor

from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, of_channels, product

_WEIGHT, _ON_INPUT = "weight", "on_input"
_INNER = ("ff.net.2", "mlp.fc2")
_ENDS = (*_INNER, "to_k", "to_v", "k_proj", "v_proj")


def takes(path: str) -> bool:
    """Keys, values, and the last layer of a feed-forward."""
    return path.endswith(_ENDS)


def on_input(path: str) -> bool:
    """Whether the factors of the module at `path` are of its inputs."""
    return path.endswith(_INNER)


def shapes(spec: Spec) -> Shapes:
    """As many as outputs, or as inputs."""
    return {_WEIGHT: (spec.shape[1 if spec.options[_ON_INPUT] else 0],)}


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, _generator: torch.Generator) -> None:
    """No change."""
    tensors[_WEIGHT].zero_()


def delta(spec: Spec, tensors: Tensors, weight: Tensor) -> Tensor:
    """W * w, by column or by row."""
    factors = tensors[_WEIGHT].flatten()
    return weight.float() * (factors if spec.options[_ON_INPUT] else factors[:, None])


def live(site: Site, x: Tensor) -> Tensor:
    """The inputs, or the outputs before the bias, times their factors."""
    host, factors = site.host, 1.0 + site.tensors[_WEIGHT]
    if site.spec.options[_ON_INPUT]:
        return site.base((x * factors).to(x.dtype))
    said, bias = product(host, x, host.get_parameter("weight")), getattr(host, "bias", None)
    scaled = (said * of_channels(host, factors)).to(said.dtype)
    return scaled if bias is None else scaled + bias.to(said.dtype)


def files(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """lycoris' layout says by a number whose factors they are."""
    return {**tensors, _ON_INPUT: torch.tensor(int(spec.options[_ON_INPUT]))}


IA3 = Kind(shapes, start, delta, live, files, takes=takes)
