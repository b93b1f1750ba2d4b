"""The plan of an adapter as JSON: `python -m train.adapter_plan [FAMILY] < RECIPE`.

The recipe is complete TOML. Without FAMILY its model's own sizes count, with it those of the family's standard model.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.json_data import to_json
from curator.contract.locations import RECIPE
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import load_recipe
from train import quiet


def main(arguments: list[str]) -> int:
    """The exit code: 0 told, 2 a mistake a user can mend."""
    quiet.before_imports()
    try:
        sys.stdout.write(to_json(_plan(_recipe(), arguments[0] if arguments else "")) + "\n")
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return 2
    return 0


def _recipe() -> Recipe:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, RECIPE)
        path.write_bytes(sys.stdin.buffer.read())
        return load_recipe(path)


def _plan(recipe: Recipe, family: str) -> dict[str, object]:
    from train.adapters.plan import plan_of  # noqa: PLC0415 (imports torch)
    from train.families.empty import empty_family, empty_model  # noqa: PLC0415

    quiet.after_imports()
    model = empty_family(family, recipe.model) if family else empty_model(recipe.model)
    return asdict(plan_of(model.adapter_roots, recipe))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
