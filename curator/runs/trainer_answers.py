"""Answers of the trainer's own programs on a recipe: what only PyTorch can tell, without its import in this one."""

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


def answer_of(program: Sequence[str], recipe: Recipe, doing: str) -> Any:
    """What `python PROGRAM` says of `recipe`, from JSON; `doing` names its work where that breaks.

    Raises:
        UserError: the program refuses the recipe, or breaks.
    """
    done = subprocess.run(
        [sys.executable, *program],
        input=dump_recipe(recipe),
        capture_output=True,
        check=False,
        text=True,
        env=os.environ | {"PYTHONSAFEPATH": "1"},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"its program ended with {done.returncode}"]
        if done.returncode == 2 and len(lines) > 1:
            raise UserError(lines[-2], lines[-1])
        raise UserError(f"{doing} broke: {lines[-1][:200]}", "it is a fault of the program: please report it")
    return json.loads(done.stdout)
