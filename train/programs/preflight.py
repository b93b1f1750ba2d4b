"""A preflight of a run: `python -m train.programs.preflight --manifest FILE --place FOLDER < RECIPE`.

Each line on standard output is a JSON object that says how far it is: {"done": 1, "total": 4}; the last one has the
report as well. Nothing is left in the folder, which lies on the run's disk.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from train import quiet
from train.programs.asked import recipe_of
from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Try out; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.preflight", description="try a recipe out"
    )
    parser.add_argument("--manifest", type=Path, required=True, help="the manifest to train on")
    parser.add_argument("--place", type=Path, required=True, help="a folder on the run's disk")
    parser.add_argument("--processes", type=int, default=1, help="how many would train together")
    wanted = parser.parse_args(arguments)
    text = sys.stdin.buffer.read()

    def work(hear: Hear) -> dict[str, object]:
        from curator.contract.manifest.manifest import open_manifest  # noqa: PLC0415
        from train.preflight.outlook import outlook_of  # noqa: PLC0415 (imports torch)
        from train.preflight.trial import TURNS  # noqa: PLC0415
        from train.report import Reporter  # noqa: PLC0415

        quiet.after_imports()
        with open_manifest(wanted.manifest) as manifest:
            return outlook_of(
                recipe_of(text),
                manifest,
                wanted.processes,
                place=wanted.place,
                reporter=Reporter(None),
                turn=lambda done: hear(done, TURNS),
            )

    return followed(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
