"""The trainer's command line: `python -m train RUN_FOLDER` runs or resumes a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from curator.contract.exit_codes import ExitCode
from train.worker import work


def main(arguments: list[str]) -> int:
    """The exit code of one training process."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m train RUN_FOLDER\nmake a run folder with 'frieze train'\n")
        return ExitCode.MISTAKE
    return work(Path(arguments[0]))


def leave(code: int) -> NoReturn:
    """End the process with `code`.

    Python remembers an interrupt that went through code which an extension ran while it was imported, and would
    end itself by SIGINT although the interrupt was caught; all that has to be written is written by now.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if code == ExitCode.INTERRUPTED:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
