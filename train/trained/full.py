"""The model itself as what is trained: the UNet and the text encoders that have a learning rate.

The trained weights are the model's own, in float32: nothing is held twice. What of a text encoder nobody reads never
sees a gradient and stays as it is, as do the vectors of tokens and positions unless the recipe wants them trained.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from curator.contract.errors import UserError
from curator.contract.files.picture_file import file_sha256
from train.models.save import write_folder, write_single_file
from train.trained.rates import check_encoders, group_of, parts
from train.trained.trained import Written, grouped

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import FullFinetune as FullKnobs
    from curator.contract.recipe.recipe import Optimizer, Recipe
    from train.families.family import Family
    from train.weights.lora_file import Stored

_EMBEDDINGS = ("token_embedding", "position_embedding")


class FullFinetune:
    """Weights of the model: a `train.trained.trained.Trained`."""

    def __init__(self, family: Family, knobs: FullKnobs, rates: Optimizer) -> None:
        self._family = family
        self._knobs = knobs
        self._trained = tuple(_trained(family))  # a walk through all modules takes a good part of a step
        self.groups = grouped((*group_of(part, rates), (weight,)) for part, _, weight in self._trained)
        self.weights = [weight for group in self.groups for weight in group.weights]
        self.trains_text = any(part != "unet" for part, _, _ in self._trained)

    def stepped(self) -> None:
        """Nothing follows them."""

    def at_rest(self) -> AbstractContextManager[None]:
        """The weights are judged as they are."""
        return nullcontext()

    def whole(self) -> AbstractContextManager[None]:
        """They are."""
        return nullcontext()

    def state(self) -> dict[str, Tensor]:
        """Every trained weight by part and name; copies on the CPU."""
        return {
            f"{part}.{name}": weight.detach().cpu().clone(memory_format=torch.contiguous_format)
            for part, name, weight in self._trained
        }

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            UserError: other weights or other sizes.
        """
        for part, name, weight in self._trained:
            saved = state.get(f"{part}.{name}")
            if saved is None or saved.shape != weight.shape:
                raise UserError(
                    f"{part}.{name} is missing or has another size", "the model differs from the state's"
                )
            weight.copy_(saved)

    def write(self, place: Path, metadata: Mapping[str, str], stored: Stored) -> list[Written]:
        """The whole model: a single file in the original layout, or a diffusers folder."""
        if self._knobs.format == "file":
            path = place.with_name(f"{place.name}.safetensors")
            write_single_file(path, self._family, metadata, stored)
            return [Written(path, file_sha256(path))]
        if place.exists():  # of a run that was killed after it wrote the same step
            shutil.rmtree(place)
        write_folder(place, self._family, metadata, stored)
        return [Written(place, file_sha256(place / "unet" / "diffusion_pytorch_model.safetensors"))]


def mark(family: Family, recipe: Recipe) -> None:
    """Let the weights that are trained ask for gradients.

    Raises:
        UserError: a rate for a text encoder that is not there.
    """
    roots = family.adapter_roots
    check_encoders(len(roots.text_encoders), recipe.optimizer)
    for part, root, prefix in _roots(family):
        if group_of(part, recipe.optimizer)[1] == 0:
            continue
        for name, weight in root.named_parameters():
            is_read = not f"{prefix}_{name.replace('.', '_')}".startswith(roots.unused or ("\0",))
            is_kept = not recipe.full.embeddings and any(each in name for each in _EMBEDDINGS)
            weight.requires_grad_(is_read and not is_kept)


def _trained(family: Family) -> Iterator[tuple[str, str, nn.Parameter]]:
    """Part, name and weight of all that asks for a gradient."""
    for part, root, _ in _roots(family):
        for name, weight in root.named_parameters():
            if weight.requires_grad:
                yield part, name, weight


def _roots(family: Family) -> Iterator[tuple[str, nn.Module, str]]:
    """The parts, each with the name its weights have in adapter files, which is what is said to be unused."""
    roots = family.adapter_roots
    modules, prefixes = (roots.unet, *roots.text_encoders), ("lora_unet", *roots.text_prefixes)
    yield from zip(parts(len(roots.text_encoders)), modules, prefixes, strict=True)
