"""Steps whose loss or gradient is no finite number: left out, on record, and the images that make them trained no more.

What is left out is a function of the record, and a resume reads it: it goes the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, read_object, to_json
from curator.contract.files.whole_files import replace_file
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.contract.recipe.survival import Survival

_HINT = "lower the learning rates or set precision.mixed = 'fp32'; what is saved so far is kept"


@dataclass(frozen=True)
class BadStep:
    """One step, counted from 0: rows of the images whose loss was no number, and the names of all to look at."""

    step: int
    rows: tuple[int, ...] = ()
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Record:
    steps: tuple[BadStep, ...] = ()


class NotFiniteError(Exception):
    """A bad step whose weights have moved by the time it is known: the run goes back to its last good state."""

    def __init__(self, bad: BadStep) -> None:
        super().__init__(f"the loss is NaN at step {bad.step + 1:,}")
        self.bad = bad


@dataclass
class BadSteps:
    """The record of one run in `file`, written by the main process alone (`writes`).

    `left_out` gives rows that are trained no more, with the first step without them.
    """

    file: Path
    knobs: Survival
    writes: bool
    steps: dict[int, BadStep] = field(default_factory=dict)
    left_out: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for bad in _read(self.file):
            self._take_in(bad)

    def add(self, bad: BadStep) -> list[int]:
        """Leave a step out; the rows that are trained no more because of it.

        Raises:
            UserError: there are more of them than the recipe allows, or it cannot be put on record.
        """
        found = self._take_in(bad)
        self._check(bad)  # the step that ends a run is not on record: it is tried again when the run is
        if self.writes:
            record = {"steps": [vars(each) for each in self.steps.values()]}
            try:
                replace_file(self.file, to_json(record, indent=1).encode())
            except OSError as error:
                raise UserError(
                    f"{self.file} cannot be written: {error.strerror}",
                    "free space or check rights, then resume",
                ) from error
        return found

    def _take_in(self, bad: BadStep) -> list[int]:
        self.steps[bad.step] = bad
        counts = Counter(row for each in self.steps.values() for row in each.rows)
        found = [
            row for row in bad.rows if counts[row] >= self.knobs.nan_repeats and row not in self.left_out
        ]
        self.left_out |= dict.fromkeys(found, bad.step + 1)
        return found

    def _check(self, bad: BadStep) -> None:
        row = 1
        while bad.step - row in self.steps:
            row += 1
        with_images = f", with {', '.join(bad.images)}" if bad.images else ""
        if row >= self.knobs.nan_in_a_row and self.knobs.nan_steps:
            raise UserError(
                f"the loss is NaN at step {bad.step + 1:,}{with_images}, the {counted(row, 'step')} in a row",
                _HINT,
            )
        if len(self.steps) > self.knobs.nan_steps:
            more = (
                f"; {counted(self.knobs.nan_steps, 'such step')} may be left out"
                if self.knobs.nan_steps
                else ""
            )
            raise UserError(f"the loss is NaN at step {bad.step + 1:,}{with_images}{more}", _HINT)


def _read(file: Path) -> Sequence[BadStep]:
    """
    Raises:
        UserError: the record is damaged.
    """
    try:
        return checked(_Record, read_object(file)).steps
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file.name} of the run cannot be read: {error}",
            "remove it: steps with bad numbers are then found again",
        ) from error
