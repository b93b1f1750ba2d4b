"""What a recipe's run would hold in memory, as JSON: `python -m train.programs.memory < RECIPE`. No weight is read."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from train import quiet
from train.programs.asked import answer

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def main() -> int:
    """The exit code: 0 told, 2 a mistake a user can mend."""
    return answer(_memory)


def _memory(recipe: Recipe) -> dict[str, object]:
    from train.prepare.memory import memory_of  # noqa: PLC0415 (imports torch)

    quiet.after_imports()
    return asdict(memory_of(recipe, lambda _what, _hint: None))


if __name__ == "__main__":
    sys.exit(main())
