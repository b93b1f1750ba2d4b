"""Adapters of low rank, asked of the trainer's own programs: extracted from two models, or cut to fewer ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from curator.contract.low_rank import Extraction, Resizing, asked_as
from curator.runs.programs.model_workshop import report_of

if TYPE_CHECKING:
    from pathlib import Path

    from curator.contract.progress import Progress


def extract(
    tuned: Path, base: Path, out: Path, wanted: Extraction, progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Write an adapter of the difference of `tuned` and `base`; what was made.

    Raises:
        UserError: training is not installed, the two do not go together, or the result cannot be written.
    """
    words = ["--replace"] if replaces else []
    program = ("-m", "train.programs.workshop.extract_adapter", *words, "--", str(tuned), str(base), str(out))
    return report_of(program, progress, "extracting", asked_as(wanted))


def resize(
    adapter: Path, out: Path, wanted: Resizing, progress: Progress, *, replaces: bool
) -> dict[str, Any]:
    """Write `adapter` with fewer ranks; what was made.

    Raises:
        UserError: training is not installed, it is no LoRA, or the result cannot be written.
    """
    words = ["--replace"] if replaces else []
    program = ("-m", "train.programs.workshop.resize_adapter", *words, "--", str(adapter), str(out))
    return report_of(program, progress, "resizing", asked_as(wanted))
