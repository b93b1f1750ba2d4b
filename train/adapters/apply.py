"""Adapters as a change of weights: what a file says is added to the plain weights of a model.

Our own reading of the file format, independent of the code that trains and of diffusers; the latter is compared in
`train.programs.verify_lora`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from curator.contract.errors import UserError
from train.adapters.adapter import Adapter, by_module
from train.adapters.bundled import unbundled
from train.adapters.key_styles import in_kohyas_names
from train.adapters.reading import add_change
from train.weights.ldm_names import unet_file_names

if TYPE_CHECKING:
    from train.families.family import AdapterRoots


class Fitted(NamedTuple):
    """A module of the model, its name in files, and what an adapter's file has for it."""

    name: str
    module: nn.Module
    tensors: Mapping[str, Tensor]


@torch.no_grad()
def apply_adapter(roots: AdapterRoots, tensors: Mapping[str, Tensor], strength: float = 1.0) -> int:
    """Add an adapter to the weights under `roots`; the number of modules changed.

    Embeddings of words in the file change no weight: `train.adapters.bundled` finds them.

    Raises:
        UserError: a module of the file has no place in the model, another size, or a kind or name that is not read;
            or there is none.
    """
    parts = fitted(roots, tensors)
    for name, module, own in parts:
        add_change(module, name, own, strength)
    return len(parts)


def fitted(roots: AdapterRoots, tensors: Mapping[str, Tensor]) -> list[Fitted]:
    """What an adapter's file has for each module of the model; raises as `apply_adapter`, but for sizes and kinds."""
    places = _named_places(roots)
    adapter, _ = unbundled(tensors)
    if not adapter:
        raise UserError("the file holds no module of an adapter", "give an adapter file (.safetensors)")
    parts = by_module(in_kohyas_names(adapter, len(roots.text_encoders)))
    if strange := next((name for name in sorted(parts) if name not in places), None):
        raise UserError(
            f"the adapter has weights for '{strange}', which this model has not",
            "use its own family",
        )
    return [Fitted(name, places[name], parts[name]) for name in sorted(parts)]


def named_as_attached(
    adapter: Adapter, roots: AdapterRoots, tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The tensors of a file of any style Frieze reads, under the names `adapter` has for the modules of the model.

    Modules the adapter does not have keep their names.

    Raises:
        UserError: a name of no known style.
    """
    places = _named_places(roots)
    known = {id(module.host): module.name for module in (*adapter.modules, *adapter.idle)}
    renamed: dict[str, Tensor] = {}
    for name, tensor in in_kohyas_names(tensors, len(roots.text_encoders)).items():
        module, _, leaf = name.partition(".")
        renamed[f"{known.get(id(places.get(module)), module)}.{leaf}"] = tensor
    return renamed


def _named_places(roots: AdapterRoots) -> dict[str, nn.Module]:
    """Modules by their names in files. Programs differ in how they call a UNet's: diffusers' and the original's."""
    places = {
        f"{prefix}_{name}": module
        for prefix, root in zip(roots.text_prefixes, roots.text_encoders, strict=True)
        for name, module in _modules_with_weights(root)
    }
    original = unet_file_names(roots.unet)
    for name, module in _modules_with_weights(roots.unet):
        for known in (name, original.get(name, name), roots.unet_names.get(name, name)):
            places[f"lora_unet_{known}"] = module
    return places


def _modules_with_weights(root: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return (
        (path.replace(".", "_"), module)
        for path, module in root.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.GroupNorm))
    )
