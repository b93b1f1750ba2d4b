"""Adapters, as a recipe would make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def plan_adapter(recipe: Recipe, family: str | None = None) -> dict[str, Any]:
    """Modules and sizes of the file that `recipe` would write, for its model or a family's standard one."""
    from curator.runs.programs.adapter_plan import plan

    return plan(recipe, family)
