"""Judging the saved weights of a run: the job handed to `python -m train.programs.judge_run`, and what it measures.

The job goes through standard input as JSON. Standard output answers lines of JSON: how much is measured,
{"done": 3, "total": 100}, and behind each of the weights what came of them, "measured" or "failed".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, to_json

Bands = tuple[float | None, ...]


@dataclass(frozen=True)
class WeightsToJudge:
    """Weights, by a recipe (complete TOML) that names their model, and adapters on it with the ratio of each."""

    recipe: str
    adapters: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class JudgingJob:
    """Which weights of the run in the folder `run` are measured, on how many images."""

    run: str
    images: int
    validation_images: int
    weights: tuple[WeightsToJudge, ...]

    def to_json(self) -> str:
        """The job as it is handed over."""
        return to_json(asdict(self))


@dataclass(frozen=True)
class FixedLoss:
    """Mean loss of `images` images on fixed noise and timesteps; None is no finite number.

    `bands` are four equal parts of the timesteps, the one with the least noise first; `subsets` have them each.
    """

    loss: float | None
    images: int
    bands: Bands
    subsets: dict[str, Bands]


@dataclass(frozen=True)
class Measurement:
    """The losses of one of the weights: of trained images, and of those held out."""

    trained: FixedLoss | None
    held_out: FixedLoss | None


def read_judging_job(text: str) -> JudgingJob:
    """The job in a text.

    Raises:
        UserError: there is none.
    """
    try:
        return checked(JudgingJob, object_of(text))
    except ValueError as error:
        raise UserError(f"this is no job: it {error}", "judge a run with 'frieze runs judge'") from error
