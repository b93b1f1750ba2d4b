"""A bake from its recipe to its result: what is refused, what is told, and what the result says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.family import FAMILIES
from curator.contract.errors import UserError
from curator.contract.merging.adapters import BAKE_KEY, BakeRecipe, published_bake, write_adapter_recipe
from curator.contract.merging.recipe import METADATA_KEY
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import counted, visible
from train.workshop.adapters.adapter_file import encoders_of, open_adapter
from train.workshop.adapters.bake import Bake
from train.workshop.adapters.planning import planned_bake
from train.workshop.adapters.verifying import Verdict, verified
from train.workshop.folder_result import Result
from train.workshop.kin import kind_of, prediction_of
from train.workshop.merging import of_overflow
from train.workshop.open_model import open_model
from train.workshop.placing import placed
from train.workshop.result import origin
from train.workshop.source_hashes import in_passing

if TYPE_CHECKING:
    from train.workshop.merge import Hear
    from train.workshop.model_file import ModelFile


@dataclass(frozen=True)
class BakedAdapter:
    """One adapter of a bake: its modules in the model, and the names of those that are not."""

    adapter: str
    ratio: str
    modules: int
    unmatched: tuple[str, ...]


@dataclass(frozen=True)
class BakeReport:
    """What a bake did, or would do. `toml` is the recipe as the result has it; `verified` what the check found."""

    path: str
    toml: str
    family: str
    bytes: int
    baked: int
    copied: int
    adapters: tuple[BakedAdapter, ...]
    overflowed: dict[str, int]
    doubts: tuple[dict[str, str], ...]
    verified: Verdict | None = None


def bake(
    recipe: BakeRecipe,
    out: Path,
    hear: Hear,
    *,
    replaces: bool = False,
    is_dry: bool = False,
    verifies: bool = False,
) -> BakeReport:
    """Bake the adapters of `recipe` into its model; dry, everything is checked that headers tell.

    Raises:
        UserError: an adapter does not fit the model, a file is damaged, or the result cannot be written.
    """
    model = open_model(Path(recipe.model).expanduser())
    family = kind_of(model)
    if family not in FAMILIES:
        raise UserError(f"{model.shown} is {family}", "give a base model of SD1, SD2 or SDXL")
    adapters = [open_adapter(Path(path), encoders_of(family)) for path in recipe.adapters]
    plan = planned_bake(model, family, adapters, recipe)
    read, hashed = in_passing(model)
    work = Bake(read, plan)
    paths = [adapter.path for adapter in adapters]
    place = placed(out, model, [model.path, *paths], Result(plan.tensors, work.whole), replaces=replaces)
    hashes: tuple[str, ...] = ()
    if not is_dry:
        about = partial(_metadata, recipe, model, family, out.stem)
        hashes = place.write(work.pieces(hear), about, [hashed, *paths], hear)
    verdict = verified(model, plan, open_model(out)) if verifies and not is_dry else None
    doubts = [*plan.doubts, *_of_other_weights(place.other_weights()), *of_overflow(work.overflow.tensors)]
    return BakeReport(
        path=str(out.absolute()),
        toml=write_adapter_recipe(published_bake(recipe, hashes)),
        family=family,
        bytes=plan.bytes,
        baked=plan.changed,
        copied=len(plan.tensors) - plan.changed,
        adapters=tuple(
            BakedAdapter(each.adapter.shown, ratio, each.modules, tuple(each.unmatched))
            for each, ratio in zip(plan.adapters, recipe.ratios, strict=True)
        ),
        overflowed=work.overflow.tensors,
        doubts=tuple(each._asdict() for each in doubts),
        verified=verdict,
    )


def _metadata(
    recipe: BakeRecipe, model: ModelFile, family: str, title: str, hashes: Sequence[str]
) -> Mapping[str, str]:
    merged = model.metadata.get(METADATA_KEY)
    return {
        **origin(
            model,
            family,
            prediction_of(model, family),
            title,
            sources=(recipe.model, *recipe.adapters),
            hashes=hashes,
        ),
        **({METADATA_KEY: merged} if merged else {}),
        BAKE_KEY: write_adapter_recipe(published_bake(recipe, tuple(hashes))),
    }


def _of_other_weights(names: Sequence[str]) -> list[TrainingWarning]:
    if not names:
        return []
    return [
        TrainingWarning(
            f"the folder holds {counted(len(names), 'file')} of weights more, such as {visible(names[0])}",
            "they are left out: they are of the model without adapters",
        )
    ]
