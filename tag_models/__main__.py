"""`python -m tag_models JOB`: look at the images of a job."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from curator.contract.run.cpu_threads import limit_cpu_threads
from curator.contract.run.lossy_log import outlive_the_log


def main(arguments: list[str] | None = None) -> int:
    """Work on a job folder to its end; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tag_models", description="Look at the images of a job.")
    parser.add_argument("job", type=Path, help="the job's folder, with job.json and images.jsonl")
    given = parser.parse_args(arguments)
    limit_cpu_threads()
    from tag_models.worker import work  # noqa: PLC0415 (--help waits for no library)

    return work(given.job)


if __name__ == "__main__":
    outlive_the_log()
    sys.exit(main())
