"""An adapter cut to fewer ranks: `python -m train.programs.workshop.resize_adapter ADAPTER OUT < REQUEST`.

The request is a `Resizing` in JSON. Standard output tells how far it is, as of `train.programs.workshop.merge_models`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from train import quiet
from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Resize; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.workshop.resize_adapter",
        description="cut an adapter to fewer ranks",
    )
    parser.add_argument("adapter", type=Path, help="a LoRA, LoCon or DyLoRA")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--replace", action="store_true", help="write over a file that is there")
    wanted = parser.parse_args(arguments)

    def work(hear: Hear) -> dict[str, object]:
        from curator.contract.low_rank import Resizing, asked_in  # noqa: PLC0415
        from train.workshop.low_rank.resize import resize  # noqa: PLC0415 (imports torch)

        quiet.after_imports()
        asked = asked_in(sys.stdin.read(), Resizing)
        return asdict(resize(wanted.adapter, wanted.out, asked, hear, replaces=wanted.replace))

    return followed(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
