"""The schedule of a recipe: the shape of the learning rate over the run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from curator.contract.errors import UserError
from curator.contract.recipe.knobs import choice, knob

Amount = int | float  # steps; with a point, a share of the run: 1 is a step, 1.0 all of them


class Piece(NamedTuple):
    """A factor that holds until a step; None: to the end."""

    factor: float
    until: Amount | None


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes over the run."""

    name: str = choice(
        "cosine",
        "shape after the warm-up",
        (
            "constant",
            "cosine",
            "linear",
            "polynomial",
            "cosine_with_restarts",
            "cosine_with_min_lr",
            "inverse_sqrt",
            "warmup_stable_decay",
            "piecewise_constant",
            "constant_with_warmup",
        ),
    )
    warmup_steps: int | float = knob(
        0,
        "steps of linear rise, the first included; with a point a share of the run: 1 is one step, 1.0 the whole run",
        unit="steps",
        low=0,
        share=True,
    )
    min_lr_ratio: float = knob(
        0.0,
        "share of the learning rate at the end",
        low=0.0,
        high=1.0,
        only=(
            "cosine",
            "linear",
            "polynomial",
            "cosine_with_restarts",
            "cosine_with_min_lr",
            "warmup_stable_decay",
        ),
    )
    cycles: int = knob(
        1,
        "cosines from start to end; without restarts, half waves down and up",
        low=1,
        high=10**6,
        only=("cosine_with_restarts", "cosine_with_min_lr"),
    )
    power: float = knob(1.0, "power of the share of steps to go", low=0.0, high=100.0, only=("polynomial",))
    timescale: int = knob(
        0,
        "steps in which the rate falls to 1 / sqrt(2); 0: those of the warm-up, or 10,000 without one",
        unit="steps",
        low=0,
        only=("inverse_sqrt",),
    )
    decay_steps: int | float = knob(
        0.1,
        "steps of cosine fall at the end; with a point a share of the run: 1 is one step, 1.0 the whole run",
        unit="steps",
        low=0,
        share=True,
        only=("warmup_stable_decay",),
    )
    pieces: str = knob(
        "",
        "factors and the steps until which they hold, such as '1:500, 0.1:0.75, 0.01'; steps with a point are shares",
        only=("piecewise_constant",),
    )

    @property
    def parsed_pieces(self) -> Sequence[Piece]:
        """The pieces, read.

        Raises:
            UserError: none, one that cannot be read, or steps that do not rise.
        """
        parts = [part.strip() for part in self.pieces.split(",")]
        found = [_piece(part, is_last=at == len(parts)) for at, part in enumerate(parts, start=1)]
        ends = [piece.until for piece in found if piece.until is not None]
        for before, after in pairwise(ends):
            if type(before) is type(after) and before >= after:
                raise UserError(
                    f"schedule.pieces: the steps {before} and {after} do not rise", "give later steps later"
                )
        return found


def steps_of(amount: Amount, total_steps: int) -> int:
    """An amount in steps of a run of `total_steps`."""
    return amount if isinstance(amount, int) else round(amount * total_steps)


def _piece(part: str, *, is_last: bool) -> Piece:
    factor, colon, until = (word.strip() for word in part.partition(":"))
    try:
        read = Piece(float(factor), _amount(until) if colon else None)
    except ValueError:
        raise _unclear(part) from None
    is_sound = 0.0 <= read.factor < math.inf and (is_last or read.until is not None)
    if bool(colon) == is_last or not is_sound:
        raise _unclear(part)
    return read


def _amount(text: str) -> Amount:
    """Raises ValueError where it is none."""
    amount = float(text) if "." in text else int(text)
    if not (0.0 < amount <= 1.0 if isinstance(amount, float) else amount > 0):
        raise ValueError(text)
    return amount


def _unclear(part: str) -> UserError:
    return UserError(
        f"schedule.pieces: '{part}' is no piece",
        "write FACTOR:STEP for each but the last, which is a factor alone, such as '1:500, 0.1:1000, 0.01'",
    )
