"""Decides what a reading process does: answer each list of wanted files, and end with whoever asks."""

from __future__ import annotations

import gc
import sys

from curator.scan.crossing import packed_outcomes, receive_wanted
from curator.scan.reading import read_all


def main() -> None:
    """Until the asking side closes the pipe, or is gone."""
    gc.set_threshold(50_000)  # nearly nothing here is garbage that has to be looked for
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        while (wanted := receive_wanted(asked)) is not None:
            answers.write(packed_outcomes(read_all(wanted)))
            answers.flush()
    except BrokenPipeError:
        sys.stdout = None  # whoever asked is gone: nothing to flush at exit


if __name__ == "__main__":
    main()
