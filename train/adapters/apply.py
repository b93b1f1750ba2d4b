"""LoRA as a change of a weight: W + (alpha / rank) * up @ down, added to the plain weights.

Our own reading of the file format, independent of the code that trains and of diffusers; the two are
compared in `train.verify_lora`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from curator.contract.errors import UserError
from train.families.family import AdapterRoots


@torch.no_grad()
def apply_lora(roots: AdapterRoots, tensors: Mapping[str, Tensor], strength: float = 1.0) -> int:
    """Add a LoRA to the weights under `roots`; the number of modules changed.

    Raises:
        UserError: a module of the file has no place in the model, or another size.
    """
    places = _named_places(roots)
    names = sorted({name.split(".", 1)[0] for name in tensors})
    for name in names:
        if name not in places:
            raise UserError(
                f"the LoRA has weights for '{name}', which this model has not", "use its own family"
            )
        weight = places[name].weight
        delta = delta_of(name, tensors).to(weight.device)
        if delta.numel() != weight.numel():
            raise UserError(f"the LoRA's '{name}' has another size than this model", "use its own base model")
        weight += strength * delta.reshape(weight.shape).to(weight.dtype)
    return len(names)


def delta_of(name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    """What module `name` adds to its weight, as [out, in, ...] in float32."""
    up = tensors[f"{name}.lora_up.weight"].float()
    down = tensors[f"{name}.lora_down.weight"].float()
    rank = down.shape[0]
    alpha = float(tensors[f"{name}.alpha"]) if f"{name}.alpha" in tensors else float(rank)
    scale = (alpha or rank) / rank
    return scale * (up.flatten(1) @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])


def _named_places(roots: AdapterRoots) -> dict[str, nn.Module]:
    """Modules by their names in files. For an SDXL UNet some programs write diffusers' names: both are known."""
    places = {
        f"{prefix}_{name}": module
        for prefix, root in zip(roots.text_prefixes, roots.text_encoders, strict=True)
        for name, module in _modules_with_weights(root)
    }
    for name, module in _modules_with_weights(roots.unet):
        places[f"lora_unet_{name}"] = places[f"lora_unet_{roots.unet_names.get(name, name)}"] = module
    return places


def _modules_with_weights(root: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return (
        (path.replace(".", "_"), module)
        for path, module in root.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    )
