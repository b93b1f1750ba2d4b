"""A reading process: it answers each question of its job, and ends with whoever asks."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from curator.scan.readers.wire import packed, received

if TYPE_CHECKING:
    from curator.scan.readers.worker_job import WorkerJob


def job_named(name: str) -> WorkerJob[Any, Any]:
    """Only what it needs is imported: looking at images takes longer to begin with than reading files."""
    if name == "look":
        from curator.scan.copies.appearance import FINGERPRINTING

        return FINGERPRINTING
    from curator.scan.readers.reading import READING

    return READING


def main() -> None:
    """Until the asking side closes the pipe, or is gone."""
    gc.set_threshold(50_000)  # nearly nothing here is garbage that has to be looked for
    job = job_named(sys.argv[1])
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        while (message := received(asked)) is not None:
            answers.write(packed(job.work(job.question(message))))
            answers.flush()
    except BrokenPipeError:
        sys.stdout = None  # whoever asked is gone: nothing to flush at exit


if __name__ == "__main__":
    main()
