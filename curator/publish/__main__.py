"""`python -m curator.publish FOLDER`: the worker of an upload; with `--follow` that of a run's checkpoints."""

from __future__ import annotations

import sys
from pathlib import Path

from curator.contract.run.run_folder import RunFolder

_FOLLOW, _BESIDE = "--follow", "--beside"


def main(words: list[str]) -> int:
    """Do what the words say; the exit code."""
    folder = RunFolder(Path(words[-1]))
    if words[0] == _FOLLOW:
        from curator.publish.checkpoints import follow

        return follow(folder, int(words[1]) if words[2:] else None)
    if words[0] == _BESIDE:
        from curator.publish.checkpoints import train_with_uploads

        train_with_uploads(folder)
    from curator.publish.upload.worker import work

    return work(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
