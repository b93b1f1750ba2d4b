"""Adapters joined to one LoRA: their changes summed, and brought back to few ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.modelspec import architecture_of
from curator.contract.errors import UserError
from curator.contract.merging.adapters import JOIN_KEY, JoinRecipe, published_join, write_adapter_recipe
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import visible
from train.weights.lora_file import write_lora
from train.workshop.adapters.adapter_file import AdapterFile, open_adapter
from train.workshop.adapters.lowered import Part, lowered
from train.workshop.adapters.ratios import Ratios
from train.workshop.adapters.sized import SizedModules, sized_modules
from train.workshop.low_rank.layers import LayerReport, Squares, kept_share, of_all
from train.workshop.result import check_place, not_written
from train.workshop.source_hashes import hashing

if TYPE_CHECKING:
    from torch import Tensor

    from train.workshop.adapters.sites import Site
    from train.workshop.merge import Hear

_BASE_KEY = "ss_base_model_version"


@dataclass(frozen=True)
class JoinReport:
    """What was made. `error` and `kept_share` are of all layers together; `whole_tensors` are of no layer."""

    path: str
    toml: str
    family: str
    bytes: int
    sha256: str
    error: float
    kept_share: float
    whole_tensors: int
    layers: tuple[LayerReport, ...]
    doubts: tuple[dict[str, str], ...]


@dataclass
class Sum:
    """All modules of the result, those that are done."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    layers: list[LayerReport] = field(default_factory=list)
    squares: list[Squares] = field(default_factory=list)

    @property
    def whole_tensors(self) -> int:
        """Norms, biases and differences that are kept whole."""
        return sum(name.endswith((".w_norm", ".b_norm", ".diff", ".diff_b")) for name in self.tensors)


def join(recipe: JoinRecipe, out: Path, hear: Hear, *, replaces: bool) -> JoinReport:
    """Join the adapters of `recipe` to one file.

    Raises:
        UserError: they do not go together, one is damaged or needs a base, or `out` cannot be written.
    """
    if recipe.rank < 0:
        raise UserError(f"--rank {recipe.rank}: a rank is 1 or more", "leave it out for as many as it takes")
    adapters = [open_adapter(Path(path)) for path in recipe.adapters]
    modules = sized_modules(adapters, recipe.base)
    base = [Path(recipe.base).expanduser()] if recipe.base else []
    sources = [*(adapter.path for adapter in adapters), *base]
    check_place(out, sources, 0, replaces=replaces)
    with hashing(sources) as hashes:
        found = summed(adapters, recipe, modules, hear)
        about = _metadata(recipe, adapters, modules, out.stem, hashes())
        try:
            sha256 = write_lora(out, found.tensors, about, recipe.dtype, replaces=replaces)
        except OSError as error:
            raise not_written(out, error) from error
        toml = write_adapter_recipe(published_join(recipe, hashes()))
    whole = of_all(found.squares)
    return JoinReport(
        path=str(out.absolute()),
        toml=toml,
        family=modules.family,
        bytes=out.stat().st_size,
        sha256=sha256,
        error=whole.error,
        kept_share=kept_share(whole),
        whole_tensors=found.whole_tensors,
        layers=tuple(found.layers),
        doubts=tuple(each._asdict() for each in of_words(adapters)),
    )


def summed(adapters: Sequence[AdapterFile], recipe: JoinRecipe, modules: SizedModules, hear: Hear) -> Sum:
    """The modules of all adapters; `hear` is told how many are done."""
    parts: dict[str, list[Part]] = {}
    sites: dict[str, Site] = {}
    for adapter, text in zip(adapters, recipe.ratios, strict=True):
        ratios = Ratios(text, "", modules.family, recipe.convention)
        for module in sorted(adapter.modules):
            site = modules.site(adapter, module)
            if ratio := ratios.of(site):
                sites[site.name] = site
                parts.setdefault(site.name, []).append(Part(adapter, module, ratio))
    if not parts:
        raise UserError("the ratios of all adapters are 0", "give one that is not")
    found = Sum()
    hear(0, len(parts))
    for done, (name, mine) in enumerate(sorted(parts.items()), 1):
        made = lowered(sites[name], mine, modules, recipe.rank)
        found.tensors |= {f"{name}.{leaf}": tensor for leaf, tensor in made.tensors.items()}
        if made.report is not None:
            found.layers.append(made.report)
            found.squares.append(made.squares)
        hear(done, len(parts))
    return found


def of_words(adapters: Sequence[AdapterFile]) -> list[TrainingWarning]:
    """What to say of embeddings of words, which no result holds."""
    return [
        TrainingWarning(
            f"{each.shown} holds embeddings of words as well: {', '.join(map(visible, each.words))}",
            "they are left out: keep the file for programs that read them",
        )
        for each in adapters
        if each.words
    ]


def _metadata(
    recipe: JoinRecipe,
    adapters: Sequence[AdapterFile],
    modules: SizedModules,
    title: str,
    hashes: Sequence[str],
) -> Mapping[str, str]:
    named = zip((adapter.path.name for adapter in adapters), hashes, strict=False)
    versions = {each.file.metadata[_BASE_KEY] for each in adapters if _BASE_KEY in each.file.metadata}
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{architecture_of(modules.family, 'epsilon')}/lora",
        "modelspec.title": title,
        "modelspec.date": datetime.now(UTC).date().isoformat(),
        "modelspec.merged_from": ", ".join(f"{name} (sha256 {each})" for name, each in named),
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(recipe.rank) if recipe.rank else "Dynamic",
        "ss_network_alpha": str(recipe.rank) if recipe.rank else "Dynamic",
        **({_BASE_KEY: versions.pop()} if len(versions) == 1 else {}),
        JOIN_KEY: write_adapter_recipe(published_join(recipe, tuple(hashes))),
    }
