"""Decides the trainer's command line: `python -m train RUN_FOLDER` runs or resumes a run."""

from __future__ import annotations

import sys
from pathlib import Path

from train.worker import work


def main(arguments: list[str]) -> int:
    """The exit code of one training process."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m train RUN_FOLDER\nmake a run folder with 'frieze train'\n")
        return 2
    return work(Path(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
