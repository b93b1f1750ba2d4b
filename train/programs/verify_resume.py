"""A replay of a run: `python -m train.programs.verify_resume RUN [--from STEP] [--steps N]`.

Each line on standard output is a JSON object that says how far it is: {"done": 3, "total": 20}, in steps; the last one
has the report as well. Of several processes that torchrun starts the first one speaks.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path

from train import quiet
from train.programs.asked import exit_code_of
from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Replay; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.verify_resume", description="replay a run"
    )
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--from", dest="first", type=int, help="the step of the saved state to begin at")
    parser.add_argument("--steps", type=int, help="how many steps")
    wanted = parser.parse_args(arguments)

    def work(hear: Hear) -> dict[str, object]:
        from curator.contract.run.run_folder import RunFolder  # noqa: PLC0415
        from train.states.replay import replay  # noqa: PLC0415 (imports torch)

        quiet.after_imports()
        return asdict(replay(RunFolder(wanted.run), wanted.first, wanted.steps, hear))

    if int(os.environ.get("RANK", "0")) == 0:
        return followed(work)

    def listen() -> None:
        work(lambda _done, _total: None)

    return exit_code_of(listen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
