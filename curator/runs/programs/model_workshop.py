"""Work on model files, asked of the trainer's own programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.base_model.family import FAMILIES
from curator.contract.errors import UserError, did_you_mean
from curator.contract.merging.adapters import BakeRecipe, JoinRecipe, write_adapter_recipe
from curator.contract.merging.recipe import CONVENTIONS, MergeRecipe, write_merge
from curator.runs.launch import check_installed
from curator.runs.programs.trainer_programs import answer_to, run_program

if TYPE_CHECKING:
    from curator.contract.progress import Progress

_AGAIN = "nothing was written; ask again"


def blocks(family: str, convention: str) -> dict[str, str]:
    """The block of every tensor in a single file of the family's standard model.

    Raises:
        UserError: there is no such family or convention, or training is not installed.
    """
    _check_known("family", family, FAMILIES)
    _check_known("convention", convention, CONVENTIONS)
    check_installed()
    return answer_to(
        ("-m", "train.programs.workshop.model_blocks", family, convention), "", "the table of blocks"
    )


def merge(
    recipe: MergeRecipe, out: Path, progress: Progress, *, replaces: bool, is_dry: bool
) -> dict[str, Any]:
    """Merge models into `out`, or only check that; what was done.

    Raises:
        UserError: training is not installed, the models do not go together, or the result cannot be written.
    """
    words = [*(["--replace"] if replaces else ()), *(["--dry-run"] if is_dry else ())]
    program = ("-m", "train.programs.workshop.merge_models", *words, "--", str(out))
    return report_of(program, progress, "the merge", write_merge(recipe))


def report_of(program: Sequence[str], progress: Progress, doing: str, given: str = "") -> dict[str, Any]:
    """The report of a program that tells how many bytes of its result are made, which `progress` hears of."""
    check_installed()
    reports: list[dict[str, Any]] = []

    def told(at: dict[str, Any]) -> None:
        progress(at["done"], at["total"])
        if "report" in at:
            reports.append(at["report"])

    run_program(program, told, given, doing=doing, hint=_AGAIN)
    return reports[-1]


def restore(model: Path, base: Path, out: Path, progress: Progress, *, replaces: bool) -> dict[str, Any]:
    """Write `model` with the token and position embeddings of `base`; what was done.

    Raises:
        UserError: training is not installed, the two do not go together, or the result cannot be written.
    """
    words = ["--replace"] if replaces else []
    program = ("-m", "train.programs.workshop.restore_model", *words, "--", str(model), str(base), str(out))
    return report_of(program, progress, "restoring")


def bake(
    recipe: BakeRecipe, out: Path, progress: Progress, *, replaces: bool, is_dry: bool, verifies: bool
) -> dict[str, Any]:
    """Bake adapters into a model, or only check that; what was done.

    Raises:
        UserError: training is not installed, an adapter does not fit, or the result cannot be written.
    """
    words = [
        *(["--replace"] if replaces else ()),
        *(["--dry-run"] if is_dry else ()),
        *(["--verify"] if verifies else ()),
    ]
    program = ("-m", "train.programs.workshop.bake_adapters", *words, "--", str(out))
    return report_of(program, progress, "the bake", write_adapter_recipe(recipe))


def join(recipe: JoinRecipe, out: Path, progress: Progress, *, replaces: bool) -> dict[str, Any]:
    """Join adapters to one; what was done. `progress` hears of modules.

    Raises:
        UserError: training is not installed, the adapters do not go together, or the result cannot be written.
    """
    program = (
        "-m",
        "train.programs.workshop.join_adapters",
        *(["--replace"] if replaces else ()),
        "--",
        str(out),
    )
    return report_of(program, progress, "the join", write_adapter_recipe(recipe))


def convert(
    file: Path, out: Path, asked: Mapping[str, Any], progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Convert a model or an adapter: `asked` as `ModelConversion` or `AdapterConversion` have it; what was done.

    Raises:
        UserError: training is not installed, it cannot be converted so, or the result cannot be written.
    """
    words = ["--replace"] if replaces else []
    program = ("-m", "train.programs.workshop.convert_file", *words, "--", str(file), str(out))
    return report_of(program, progress, "converting", json.dumps(dict(asked)))


def compare(first: Path, second: Path, convention: str, progress: Progress) -> dict[str, Any]:
    """How two models differ, by block and by tensor.

    Raises:
        UserError: training is not installed, there is no such convention, or one is no model file.
    """
    _check_known("convention", convention, CONVENTIONS)
    program = ("-m", "train.programs.workshop.compare_models", "--", str(first), str(second), convention)
    return report_of(program, progress, "comparing")


def _check_known(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UserError(f"no {what} is called '{name}'", did_you_mean(name, known))
