"""`python -m curator.publish FOLDER`: the worker of an upload; with `--follow` that of a run's checkpoints."""

from __future__ import annotations

import sys
from pathlib import Path

from curator.contract.run.run_folder import RunFolder

_FOLLOW = "--follow"


def main(words: list[str]) -> int:
    """Do what the words say; the exit code."""
    folder = RunFolder(Path(words[-1]))
    if words[0] == _FOLLOW:
        from curator.publish.checkpoints import follow

        return follow(folder)
    from curator.publish.upload.worker import work

    return work(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
