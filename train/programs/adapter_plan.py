"""The plan of an adapter as JSON: `python -m train.programs.adapter_plan [FAMILY] < RECIPE`.

Without FAMILY its model's own sizes count, with it those of the family's standard model.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from train import quiet
from train.programs.asked import answer

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def main(arguments: list[str]) -> int:
    """The exit code: 0 told, 2 a mistake a user can mend."""
    return answer(partial(_plan, family=arguments[0] if arguments else ""))


def _plan(recipe: Recipe, family: str) -> dict[str, object]:
    from train.adapters.plan import plan_of  # noqa: PLC0415 (imports torch)
    from train.families.empty import empty_family, empty_model  # noqa: PLC0415

    quiet.after_imports()
    model = empty_family(family, recipe.model) if family else empty_model(recipe.model)
    return asdict(plan_of(model.adapter_roots, recipe))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
