"""The trainer's command line: `python -m train RUN_FOLDER` runs or resumes a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from curator.contract.errors import ExitCode
from curator.contract.run.lossy_log import outlive_the_log
from train.worker import work

USAGE = """\
usage: python -m train RUN_FOLDER

Runs or resumes the run in a folder that 'frieze train' made. It ends with 0 when the run is finished, 3 when it failed,
4 when it was stopped, 2 for a mistake, 130 when it was interrupted.
"""


def main(arguments: list[str]) -> int:
    """The exit code of one training process."""
    if arguments and arguments[0] in ("--help", "-h"):
        sys.stdout.write(USAGE)
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(USAGE)
        return ExitCode.MISTAKE
    return work(Path(arguments[0]))


def leave(code: int) -> NoReturn:
    """End the process with `code`.

    Python remembers an interrupt that went through code which an extension ran while it was imported, and would
    end itself by SIGINT although the interrupt was caught; all that has to be written is written by now. A process
    that has lost another one would wait for it once more, as the group of both is taken apart.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if code == ExitCode.INTERRUPTED or (code and "RANK" in os.environ):
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    outlive_the_log()
    leave(main(sys.argv[1:]))
