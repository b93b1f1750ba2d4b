"""A merge from its recipe to its file: what is refused, what is told, and what the result says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError, did_you_mean
from curator.contract.merging.recipe import METADATA_KEY, MergeRecipe, published, write_merge
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import visible
from train.workshop.folder_result import Result
from train.workshop.kin import Kin, kin_of
from train.workshop.matching import Matched, kept_of, matched
from train.workshop.merge import Hear, Merge, options_of
from train.workshop.methods.table import METHODS
from train.workshop.open_model import open_model
from train.workshop.placing import placed
from train.workshop.result import origin
from train.workshop.source_hashes import in_passing

if TYPE_CHECKING:
    from train.workshop.methods.method import Method
    from train.workshop.model_file import ModelFile


@dataclass(frozen=True)
class MergeReport:
    """What a merge did, or would do. `toml` is the recipe as the result has it, `only_in_others` by the model."""

    path: str
    toml: str
    family: str
    bytes: int
    merged: int
    copied: int
    only_in_first: tuple[str, ...]
    only_in_others: dict[str, list[str]]
    overflowed: dict[str, int]
    doubts: tuple[dict[str, str], ...]


def carry_out(
    recipe: MergeRecipe, out: Path, hear: Hear, *, replaces: bool = False, is_dry: bool = False
) -> MergeReport:
    """Merge the models of `recipe` into `out`; dry, everything is checked that headers tell.

    Where the first model is a folder, the result is one too, unless `out` is named as a single file.

    Raises:
        UserError: the recipe does not fit the models, a model is damaged, or the result cannot be written.
    """
    method = _method(recipe)
    options_of(recipe, method)
    files = [open_model(Path(path).expanduser()) for path in recipe.models]
    kin = kin_of(files, adds_difference=method.adds_difference)
    plan = matched(files, recipe, method, kin)
    passing = [in_passing(file, read_again=method.measure is not None) for file in files]
    merge = Merge([file for file, _ in passing], plan, method, recipe, hear)
    paths = [file.path for file in files]
    place = placed(out, files[0], paths, Result(kept_of(plan.tensors), merge.whole), replaces=replaces)
    hashes: tuple[str, ...] = ()
    if not is_dry:
        hashes = place.write(
            merge.pieces(),
            lambda known: _metadata(recipe, files, kin, out.stem, known),
            [source for _, source in passing],
            hear,
        )
    doubts = [*plan.doubts, *of_overflow(merge.overflow.tensors), *_of_hashes(recipe, hashes, files)]
    text = write_merge(published(recipe, hashes) if hashes else replace(recipe, sha256=()))
    return _report(out, text, kin, plan, overflowed=merge.overflow.tensors, doubts=doubts)


def _method(recipe: MergeRecipe) -> Method:
    if recipe.method not in METHODS:
        raise UserError(
            f"no merge method is called '{visible(recipe.method)}'", did_you_mean(recipe.method, METHODS)
        )
    method = METHODS[recipe.method]
    given, wanted = len(recipe.models), len(method.models)
    if given < wanted or (given > wanted and not method.takes_more):
        many = " or more" if method.takes_more else ""
        raise UserError(
            f"{recipe.method} takes {wanted}{many} models ({' '.join(method.models)}), and {given} are given",
            f"it makes {method.about}",
        )
    return method


def _metadata(
    recipe: MergeRecipe, files: Sequence[ModelFile], kin: Kin, title: str, hashes: Sequence[str]
) -> Mapping[str, str]:
    return {
        **origin(files[0], kin.family, kin.prediction, title, sources=recipe.models, hashes=hashes),
        METADATA_KEY: write_merge(published(recipe, tuple(hashes))),
    }


def of_overflow(tensors: Mapping[str, int]) -> list[TrainingWarning]:
    """What to say of numbers that the type of the result does not hold, by tensor."""
    if not tensors:
        return []
    names = sorted(tensors)
    more = f" and {len(names) - 3:,} more tensors" if len(names) > 3 else ""
    return [
        TrainingWarning(
            f"{sum(tensors.values()):,} numbers are beyond what the type of the result holds, "
            f"in {', '.join(map(visible, names[:3]))}{more}",
            "they are set to the largest number it has; --dtype bf16 or fp32 holds them",
        )
    ]


def _of_hashes(
    recipe: MergeRecipe, hashes: Sequence[str], files: Sequence[ModelFile]
) -> list[TrainingWarning]:
    """A recipe of a result names its models by their hashes as well."""
    if not hashes or len(recipe.sha256) != len(hashes):
        return []
    return [
        TrainingWarning(
            f"{file.shown} is not the file that the recipe was made with: its sha256 is {found[:10]}…, not {was[:10]}…",
            "the result differs from the earlier one",
        )
        for file, found, was in zip(files, hashes, recipe.sha256, strict=True)
        if found != was
    ]


def _report(
    out: Path,
    toml: str,
    kin: Kin,
    plan: Matched,
    *,
    overflowed: dict[str, int],
    doubts: Sequence[TrainingWarning],
) -> MergeReport:
    return MergeReport(
        path=str(out.absolute()),
        toml=toml,
        family=kin.family,
        bytes=plan.bytes,
        merged=plan.merged,
        copied=len(plan.tensors) - plan.merged,
        only_in_first=tuple(plan.only_in_first),
        only_in_others=plan.only_in_others,
        overflowed=overflowed,
        doubts=tuple(each._asdict() for each in doubts),
    )


def as_json(report: MergeReport) -> dict[str, object]:
    """The report for another program."""
    return asdict(report)
