"""An adapter of the difference of two models, made by a program of its own.

`python -m train.programs.workshop.extract_adapter TUNED BASE OUT < REQUEST`. The request is an `Extraction` in JSON.
Standard output tells how far it is, as of `train.programs.workshop.merge_models`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from train import quiet
from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Extract; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.workshop.extract_adapter",
        description="extract an adapter from a model and its base",
    )
    parser.add_argument("tuned", type=Path, help="a single file or a diffusers folder")
    parser.add_argument("base", type=Path, help="what it was made from")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--replace", action="store_true", help="write over a file that is there")
    wanted = parser.parse_args(arguments)

    def work(hear: Hear) -> dict[str, object]:
        from curator.contract.low_rank import Extraction, asked_in  # noqa: PLC0415
        from train.workshop.low_rank.extracting import extract  # noqa: PLC0415 (imports torch)

        quiet.after_imports()
        asked = asked_in(sys.stdin.read(), Extraction)
        return asdict(extract(wanted.tuned, wanted.base, wanted.out, asked, hear, replaces=wanted.replace))

    return followed(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
