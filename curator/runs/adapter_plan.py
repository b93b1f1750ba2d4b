"""The plan of an adapter, told by the trainer's own program: modules and sizes of the file a run would write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe
from curator.runs.launch import check_installed, check_models

PROGRAM: Sequence[str] = ("-m", "train.adapter_plan")


def plan(recipe: Recipe, family: str | None = None) -> dict[str, Any]:
    """`modules`, `parameters` and `bytes` of the adapter `recipe` trains on its model, or on a family's standard model.

    Raises:
        UserError: training is not installed, there is no such model, or the recipe does not fit it.
    """
    if recipe.trains != "adapter":
        raise UserError(
            f"the recipe trains no adapter: trains is '{recipe.trains}'", "set trains = 'adapter'"
        )
    if family is None:
        check_models(recipe)
    check_installed()
    done = subprocess.run(
        [sys.executable, *PROGRAM, *([family] if family else [])],
        input=dump_recipe(recipe),
        capture_output=True,
        check=False,
        text=True,
        env=os.environ | {"PYTHONSAFEPATH": "1"},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"the program that plans ended with {done.returncode}"]
        if done.returncode == 2 and len(lines) > 1:
            raise UserError(lines[-2], lines[-1])
        raise UserError(
            f"planning broke: {lines[-1][:200]}", "it is a fault of the program: please report it"
        )
    return json.loads(done.stdout)
