"""An adapter turned into what a program reads: its names, its number type, and its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from curator.contract.base_model.modelspec import told_in
from curator.contract.errors import UserError
from curator.contract.merging.adapters import AdapterConversion, JoinRecipe
from curator.contract.recipe.checks import TrainingWarning
from train.adapters.kinds import lora
from train.weights.lora_file import write_lora
from train.workshop.adapters.adapter_file import AdapterFile, open_adapter
from train.workshop.adapters.joining import Sum, of_words, summed
from train.workshop.adapters.sized import SizedModules, sized_modules
from train.workshop.adapters.styles import styled
from train.workshop.low_rank.layers import LayerReport, kept_share, of_all
from train.workshop.result import check_place, not_written
from train.workshop.source_hashes import hashing

if TYPE_CHECKING:
    from torch import Tensor

    from train.workshop.merge import Hear

METADATA_KEY = "frieze.converted"
_OF_KIND = ("ss_network_dim", "ss_network_alpha", "ss_network_args", "ss_network_module")


@dataclass(frozen=True)
class ConversionReport:
    """What was made of an adapter. `layers` are those whose kind was changed, with what was lost of each."""

    path: str
    bytes: int
    sha256: str
    family: str
    error: float
    kept_share: float
    layers: tuple[LayerReport, ...]
    doubts: tuple[dict[str, str], ...]


def convert_adapter(
    adapter: Path, out: Path, wanted: AdapterConversion, hear: Hear, *, replaces: bool
) -> ConversionReport:
    """Write `adapter` to `out` in another style, number type or kind.

    Raises:
        UserError: it is none, is damaged, needs a base, or the style has no names for it; or `out` cannot be written.
    """
    if wanted.rank and not wanted.kind:
        raise UserError("--rank is of a LoRA that is made", "give --as lora as well, or frieze model resize")
    told_in(wanted.spec)
    file = open_adapter(adapter)
    modules = sized_modules([file], wanted.base)
    check_place(out, [adapter], 0, replaces=replaces)
    found = _lowered(file, wanted, modules, hear) if wanted.kind else Sum(_read(file, modules, hear))
    tensors, strengths = _styled(found.tensors, file, modules, wanted.style)
    with hashing([file.path]) as hashes:
        about = _metadata(file, wanted, hashes()[0])
        try:
            dtype = None if wanted.dtype == "as-file" else wanted.dtype
            sha256 = write_lora(out, tensors, about, dtype, replaces=replaces)
        except OSError as error:
            raise not_written(out, error) from error
    whole = of_all(found.squares)
    doubts = [*of_words([file]), *strengths]
    return ConversionReport(
        path=str(out.absolute()),
        bytes=out.stat().st_size,
        sha256=sha256,
        family=modules.family,
        error=whole.error,
        kept_share=kept_share(whole),
        layers=tuple(found.layers),
        doubts=tuple(each._asdict() for each in doubts),
    )


def _lowered(file: AdapterFile, wanted: AdapterConversion, modules: SizedModules, hear: Hear) -> Sum:
    recipe = JoinRecipe((str(file.path),), ("1",), base=wanted.base, rank=wanted.rank)
    found = summed([file], recipe, modules, hear)
    stored = next(kept.dtype for kept in file.file.tensors.values() if kept.dtype.is_floating_point)
    found.tensors = {
        name: tensor if name.endswith(".alpha") else tensor.to(stored)
        for name, tensor in found.tensors.items()
    }
    return found


def _read(file: AdapterFile, modules: SizedModules, hear: Hear) -> dict[str, Tensor]:
    """All tensors as they are, under kohya's names."""
    tensors: dict[str, Tensor] = {}
    for done, (module, leaves) in enumerate(sorted(file.modules.items()), 1):
        site = modules.site(file, module)
        tensors |= {f"{site.name}.{leaf}": file.file.whole(name) for leaf, name in leaves.items()}
        hear(done, len(file.modules))
    return tensors


def _styled(
    tensors: Mapping[str, Tensor], file: AdapterFile, modules: SizedModules, style: str
) -> tuple[dict[str, Tensor], list[TrainingWarning]]:
    by_module: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        module, _, leaf = name.partition(".")
        by_module.setdefault(module, {})[leaf] = tensor
    made: dict[str, Tensor] = {}
    rounded = 0
    for module, parts in sorted(by_module.items()):
        made |= styled(modules.site(file, module), parts, style)
        rounded += style == "diffusers" and _is_rounded(parts)
    told = f"{rounded:,} layers have another alpha than their rank, and diffusers' style has none"
    hint = "it is multiplied into lora_B, to the last digit of the number type"
    return made, [TrainingWarning(told, hint)] if rounded else []


def _is_rounded(parts: Mapping[str, Tensor]) -> bool:
    alpha, rank = float(parts.get("alpha", torch.zeros(()))), parts[lora.DOWN].shape[0]
    mantissa, _ = torch.frexp(torch.tensor(alpha / rank))
    return alpha != 0 and float(mantissa) not in (0.5, 1.0)


def _metadata(file: AdapterFile, wanted: AdapterConversion, sha256: str) -> dict[str, str]:
    kept = {
        name: value for name, value in file.file.metadata.items() if not (wanted.kind and name in _OF_KIND)
    }
    return {**kept, METADATA_KEY: f"{file.path.name} (sha256 {sha256})", **told_in(wanted.spec)}
