"""Weights that runs have written: listed, found by step or name, copied to a place of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from curator.contract.run.run_folder import RunFolder
    from curator.runs.managing.weights import Exported


class RunWeights:
    """The weights of any run."""

    @staticmethod
    def all(run: RunFolder) -> dict[str, str]:
        """By name, each with a few words about it."""
        from curator.runs.managing.weights import all_weights_of

        return all_weights_of(run)

    @staticmethod
    def of(run: RunFolder, checkpoint: str = "") -> Path:
        """Those of a step, of that name, or without either what the run ended with, or wrote last.

        Raises:
            UserError: there are none.
        """
        from curator.runs.managing.weights import weights_of

        return weights_of(run, checkpoint)

    @staticmethod
    def export(
        run: RunFolder,
        target: Path,
        checkpoint: str = "",
        progress: Progress = silent,
        *,
        replace: bool = False,
    ) -> Exported:
        """Copy weights, of a step or the last, to a place of their own; `progress` hears bytes.

        Raises:
            UserError: there are none, something is at `target`, or it cannot be written.
        """
        from curator.runs.managing.weights import export_weights

        return export_weights(run, target, checkpoint, progress, replace=replace)
