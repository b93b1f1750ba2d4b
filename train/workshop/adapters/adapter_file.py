"""An adapter as a file: its modules under kohya's names, its tensors read when they are needed, its family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.base_model.family import FAMILIES
from curator.contract.base_model.modelspec import architecture_of
from curator.contract.base_model.prediction import ARCHITECTURE_KEY
from curator.contract.errors import UserError
from curator.contract.text import visible
from train.adapters.adapter import by_module
from train.adapters.bundled import unbundled
from train.adapters.key_styles import in_kohyas_names
from train.adapters.kinds.table import KINDS
from train.adapters.reading import spec_of
from train.weights.text_places import TEXT_PLACES
from train.workshop.model_file import ModelFile, open_file

if TYPE_CHECKING:
    from train.adapters.kinds.kind import Spec
    from train.workshop.adapters.sites import Site

FULL, SHIFTS = "diff", ("b_norm", "diff_b")
_KOHYA_VERSIONS = (("sdxl", "sdxl"), ("sd_v2", "sd2"), ("sd_v1", "sd1"))
_TEXT_WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl"}  # of what a UNet's second attention reads
_WIDTH_AXES = (("lora_down.weight", 1), ("lora_mid.weight", 1), ("diff", 1))
WEIGHT_DEPENDENT = ("dora", "ia3", "glora", "oft", "boft")


@dataclass(frozen=True)
class AdapterFile:
    """`modules` are the names of tensors by module and then by what they are there; `words` have embeddings within."""

    file: ModelFile
    modules: Mapping[str, Mapping[str, str]]
    words: tuple[str, ...]

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return self.file.shown

    def parts(self, module: str) -> dict[str, Tensor]:
        """The tensors of a module in float32, integers as they are.

        Raises:
            UserError: one holds NaN or infinity.
        """
        found: dict[str, Tensor] = {}
        for leaf, name in self.modules[module].items():
            value = self.file.whole(name)
            found[leaf] = value.float() if value.is_floating_point() else value
            if not bool(torch.isfinite(found[leaf]).all()):
                raise UserError(
                    f"{self.shown}: the tensor '{visible(name)}' holds NaN or infinity",
                    "the file is damaged or its training broke: give another",
                )
        return found

    def outline(self, module: str) -> dict[str, Tensor]:
        """The tensors of a module without their numbers, but for single numbers."""
        kept = {leaf: self.file.tensors[name] for leaf, name in self.modules[module].items()}
        return {
            leaf: self.file.whole(self.modules[module][leaf]).float()
            if torch.Size(each.shape).numel() == 1
            else torch.empty(each.shape, device="meta")
            for leaf, each in kept.items()
        }

    def has_weight(self, module: str) -> bool:
        """Whether it changes the weight; else the bias alone."""
        return bool(self.modules[module].keys() - {*SHIFTS, "alpha"})

    def spec(self, module: str, shape: tuple[int, ...]) -> Spec | None:
        """What it does to a weight of this shape; None for a whole difference.

        Raises:
            UserError: it is of no kind that is read.
        """
        return None if FULL in self.modules[module] else spec_of(module, self.outline(module), shape)


def open_adapter(path: Path, encoders: int | None = None) -> AdapterFile:
    """An adapter of any style that is read, for a model of so many text encoders; None: as many as it has itself.

    Raises:
        UserError: there is none, it is damaged, or is no adapter.
    """
    if path.is_dir():
        raise UserError(f"{visible(str(path))} is a folder", "give the adapter's .safetensors file in it")
    file = open_file(path.expanduser())
    adapter, words = unbundled({name: torch.empty(0) for name in file.tensors})
    if encoders is None:
        encoders = (
            2
            if any(
                name.startswith(("lora_te1", "lora_te2", "text_encoder_2.", "clip_g.", "te2."))
                for name in adapter
            )
            else 1
        )
    try:
        named = in_kohyas_names({name: name for name in adapter}, encoders)
    except UserError as error:
        raise UserError(f"{file.shown}: {error.what}", error.hint) from None
    if not named:
        raise UserError(f"{file.shown} holds no module of an adapter", "give an adapter file (.safetensors)")
    return AdapterFile(file, by_module(named), tuple(sorted(words)))


def family_of_adapter(adapter: AdapterFile) -> str | None:
    """The family it was made for, as its metadata, names and sizes tell; None where they do not."""
    about = adapter.file.metadata
    version = about.get("ss_base_model_version", "")
    for start, family in _KOHYA_VERSIONS:
        if version.startswith(start):
            return family
    said = about.get(ARCHITECTURE_KEY, "").partition("/")[0]
    for family in FAMILIES:
        if said in (architecture_of(family, "epsilon"), architecture_of(family, "v_prediction")):
            return family
    if any(name.startswith(("lora_te1_", "lora_te2_")) for name in adapter.modules):
        return "sdxl"
    return next((found for name in adapter.modules if (found := _by_width(adapter, name))), None)


def _by_width(adapter: AdapterFile, module: str) -> str | None:
    if not module.startswith("lora_unet_") or not module.endswith(("attn2_to_k", "attn2_to_v")):
        return None
    leaves = adapter.modules[module]
    for leaf, axis in _WIDTH_AXES:
        shape = adapter.file.tensors[leaves[leaf]].shape if leaf in leaves else ()
        if len(shape) > axis:
            return _TEXT_WIDTHS.get(shape[axis])
    return None


def check_family(adapter: AdapterFile, family: str, model: str) -> None:
    """Refuse an adapter of another family than the model's.

    Raises:
        UserError: it is of another.
    """
    found = family_of_adapter(adapter)
    if found is not None and found != family:
        raise UserError(
            f"{adapter.shown} is an adapter for {found}, and {model} is {family}",
            f"give an adapter that was trained on {family}",
        )


def check_fits(adapter: AdapterFile, module: str, site: Site) -> Spec | None:
    """The adapter of a module, of which no weight is read.

    Raises:
        UserError: it is of a kind that is not read, or of another size than the model's module.
    """
    try:
        if site.bias == "" and adapter.modules[module].keys() & set(SHIFTS):
            raise UserError(
                f"{adapter.shown} shifts the bias of '{visible(module)}', which has none",
                "give a model of the adapter's own family",
            )
        if not adapter.has_weight(module):
            return None
        spec = adapter.spec(module, site.shape)
        outline = adapter.outline(module)
        if spec is None:
            outline[FULL].reshape(site.shape)
        else:
            weight = torch.empty(site.shape, device="meta")
            on_meta = {leaf: each.to("meta") for leaf, each in outline.items()}
            KINDS[spec.kind].delta(spec, on_meta, weight).reshape(site.shape)
    except (RuntimeError, KeyError, IndexError, ValueError):
        raise UserError(
            f"{adapter.shown}: '{visible(module)}' has another size than the model's, which is "
            f"{'x'.join(map(str, site.shape))}",
            "give a model of the adapter's own family",
        ) from None
    return spec


def encoders_of(family: str) -> int:
    """How many text encoders models of the family have."""
    return len(TEXT_PLACES[family])
