"""Embeddings put back from a base: `python -m train.programs.workshop.restore_model MODEL BASE OUT [--replace]`.

Standard output tells how far it is, as of `train.programs.workshop.merge_models`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Restore; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.workshop.restore_model",
        description="put back token and position embeddings",
    )
    parser.add_argument("model", type=Path, help="a single file or a diffusers folder")
    parser.add_argument("base", type=Path, help="what the embeddings are taken from")
    parser.add_argument("out", type=Path, help="a .safetensors file of a file, a folder of a folder")
    parser.add_argument("--replace", action="store_true", help="write over what is there")
    wanted = parser.parse_args(arguments)

    def work(hear: Hear) -> dict[str, object]:
        from train.workshop.restoring import restore  # noqa: PLC0415 (imports torch)

        return asdict(restore(wanted.model, wanted.base, wanted.out, hear, replaces=wanted.replace))

    return followed(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
