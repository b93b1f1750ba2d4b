"""Settings of the libraries: warnings and errors into the run's log, no progress bars, no telemetry, no spinning."""

from __future__ import annotations

import os

from curator.contract.run.cpu_threads import limit_cpu_threads


def before_imports() -> None:
    """Settings the libraries read once, when they are imported."""
    limit_cpu_threads()
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")


def after_imports() -> None:
    """No progress bars: in a log file each of their updates is a line."""
    from diffusers.utils import logging as diffusers_logging  # noqa: PLC0415
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
