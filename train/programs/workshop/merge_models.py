"""A merge of models: `python -m train.programs.workshop.merge_models OUT [--replace] [--dry-run] < RECIPE`.

Each line on standard output is a JSON object that says how far it is: {"done": 3, "total": 100}, in bytes of the
result; the last one has the report as well.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Merge; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.workshop.merge_models", description="merge models"
    )
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--replace", action="store_true", help="write over a file that is there")
    parser.add_argument("--dry-run", action="store_true", help="check everything and write nothing")
    wanted = parser.parse_args(arguments)

    def work(hear: Hear) -> dict[str, object]:
        from curator.contract.merging.recipe import read_merge  # noqa: PLC0415
        from train.workshop.merging import as_json, carry_out  # noqa: PLC0415 (imports torch)

        recipe = read_merge(sys.stdin.buffer.read().decode(), "the recipe")
        report = carry_out(recipe, wanted.out, hear, replaces=wanted.replace, is_dry=wanted.dry_run)
        return as_json(report)

    return followed(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
