"""Adapters joined to one: `python -m train.programs.workshop.join_adapters OUT [--replace] < RECIPE`.

Standard output tells how far it is, as of `train.programs.workshop.merge_models`, in modules.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Join; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.workshop.join_adapters", description="join adapters"
    )
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--replace", action="store_true", help="write over a file that is there")
    wanted = parser.parse_args(arguments)

    def work(hear: Hear) -> dict[str, object]:
        from curator.contract.merging.adapters import read_join  # noqa: PLC0415
        from train.workshop.adapters.joining import join  # noqa: PLC0415 (imports torch)

        recipe = read_join(sys.stdin.buffer.read().decode(), "the recipe")
        return asdict(join(recipe, wanted.out, hear, replaces=wanted.replace))

    return followed(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
