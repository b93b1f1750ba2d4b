"""The block of every tensor of a family as JSON: `python -m train.programs.workshop.model_blocks FAMILY CONVENTION`."""

from __future__ import annotations

import sys
from functools import partial

from train import quiet
from train.programs.asked import told
from train.workshop.blocks import block_of


def main(arguments: list[str]) -> int:
    """The exit code: 0 told, 2 a mistake a user can mend."""
    family, convention = arguments
    return told(partial(_blocks, family, convention))


def _blocks(family: str, convention: str) -> dict[str, str]:
    from curator.contract.recipe.recipe import Model  # noqa: PLC0415 (imports of PyTorch below)
    from train.families.empty import empty_family  # noqa: PLC0415
    from train.models.save import single_file_plan  # noqa: PLC0415

    quiet.after_imports()
    names = single_file_plan(empty_family(family, Model()))
    return {name: block_of(name, family, convention) for name in sorted(names)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
