"""Chains of commands: read, planned and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curator.chains.chain_file import read_chain
from curator.chains.record import Record, missing_inputs, planned, record_of
from curator.chains.running import run_chain, shown

if TYPE_CHECKING:
    from curator.chains.record import PlannedStep
    from curator.chains.running import Event


class ChainRun:
    """One chain file with its record."""

    def __init__(self, file: Path, sets: Sequence[str] = ()) -> None:
        """Raises:
        UserError: no such file, one that cannot be followed, or a damaged record.
        """
        self.chain = read_chain(file, sets)
        self._record: Record = record_of(self.chain)

    @staticmethod
    def shown(step: PlannedStep) -> str:
        """A step's command as one would type it."""
        return shown(step.step.words)

    def plan(self) -> list[PlannedStep]:
        """Each step with what would become of it."""
        return planned(self.chain, self._record)

    def missing(self) -> list[str]:
        """What steps read that is not there and that no step before them writes."""
        return missing_inputs(self.chain)

    def run(
        self, hear: Callable[[PlannedStep, Event], None], line: Callable[[str], None], until: str = ""
    ) -> int:
        """Run what is not done; gives how many steps were run.

        Raises:
            UserError: a step fails.
        """
        return run_chain(self.chain, self._record, hear, line, until)
