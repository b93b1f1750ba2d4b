"""A bake: `python -m train.programs.workshop.bake_adapters OUT [--replace] [--dry-run] [--verify] < RECIPE`.

Standard output tells how far it is, as of `train.programs.workshop.merge_models`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Bake; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.workshop.bake_adapters", description="bake adapters"
    )
    parser.add_argument("out", type=Path, help="the .safetensors file to write, or a folder of a folder")
    parser.add_argument("--replace", action="store_true", help="write over what is there")
    parser.add_argument("--dry-run", action="store_true", help="check everything and write nothing")
    parser.add_argument("--verify", action="store_true", help="compare every layer on random inputs")
    wanted = parser.parse_args(arguments)

    def work(hear: Hear) -> dict[str, object]:
        from curator.contract.merging.adapters import read_bake  # noqa: PLC0415
        from train.workshop.adapters.baking import bake  # noqa: PLC0415 (imports torch)

        recipe = read_bake(sys.stdin.buffer.read().decode(), "the recipe")
        report = bake(
            recipe,
            wanted.out,
            hear,
            replaces=wanted.replace,
            is_dry=wanted.dry_run,
            verifies=wanted.verify,
        )
        return asdict(report)

    return followed(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
