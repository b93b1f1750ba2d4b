"""What is doubtful in a recipe's base model, as JSON: `python -m train.programs.check_model < RECIPE`.

A model that lies on this disk is read whole: every tensor there, of its shape, and a finite number each. Of one of the
hub only the small files are fetched.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from train import quiet
from train.programs.asked import answer

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def main() -> int:
    """The exit code: 0 told, 2 a model that cannot be trained."""
    return answer(_doubts)


def _doubts(recipe: Recipe) -> list[dict[str, str]]:
    from train.families.load import doubts_of  # noqa: PLC0415 (imports torch)

    quiet.after_imports()
    return [doubt._asdict() for doubt in doubts_of(recipe.model)]


if __name__ == "__main__":
    sys.exit(main())
