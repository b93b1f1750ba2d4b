"""What a recipe's run would hold in memory, as JSON: `python -m train.programs.memory [PROCESSES] < RECIPE`.

No weight is read; of a model on this disk every tensor is looked for by name and shape.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from train import quiet
from train.programs.asked import answer

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def main(arguments: Sequence[str] = ()) -> int:
    """The exit code: 0 told, 2 a mistake a user can mend. Of each of so many processes; 1 where none is given."""
    processes = int(arguments[0]) if arguments else 1
    return answer(lambda recipe: _memory(recipe, processes))


def _memory(recipe: Recipe, processes: int) -> dict[str, object]:
    from train.families.load import check_tensors  # noqa: PLC0415 (imports torch)
    from train.prepare.memory import memory_of  # noqa: PLC0415

    quiet.after_imports()
    check_tensors(recipe.model)
    return asdict(memory_of(recipe, lambda _what, _hint: None, processes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
