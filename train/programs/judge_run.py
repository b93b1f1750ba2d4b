"""Loss of a run's saved weights on fixed images, noise and timesteps: `python -m train.programs.judge_run < JOB`.

Each of them is loaded from its file, as a client does, and measured as the trainer measures while it trains.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.judging import FixedLoss, JudgingJob, Measurement, WeightsToJudge, read_judging_job
from curator.contract.run.run_folder import RunFolder
from train import quiet
from train.programs.asked import exit_code_of, recipe_of
from train.programs.followed import put_line

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from train.evaluate import Evaluation, Measured
    from train.preview.stage import Stage


def main() -> int:
    """Measure; the exit code."""
    return exit_code_of(lambda: judge_run(read_judging_job(sys.stdin.read())))


def judge_run(job: JudgingJob) -> None:
    """Measure the weights of `job` in their order, telling each.

    Raises:
        UserError: the run, its manifest or its images are gone or others.
    """
    from train.prepare.refuse import open_sealed  # noqa: PLC0415 (imports torch)

    quiet.after_imports()
    run = RunFolder(Path(job.run))
    at_once = load_recipe(run.recipe_path).batch.size
    told = _Told(len(job.weights))
    with open_sealed(run.info()) as manifest:
        told.put()
        for _, some in groupby(job.weights, key=lambda each: each.recipe):
            for _weights in _measured(list(some), manifest, job, at_once, told):
                told.next()


class _Told:
    """What is told while weights are measured: parts of a thousand of each."""

    def __init__(self, weights: int) -> None:
        self._weights, self._done = weights, 0

    def put(self, part: float = 0.0, **more: object) -> None:
        put_line(done=round(1000 * (self._done + part)), total=1000 * self._weights, **more)

    def next(self) -> None:
        self._done += 1


def _measured(
    weights: Sequence[WeightsToJudge],
    manifest: Manifest,
    job: JudgingJob,
    at_once: int,
    told: _Told,
) -> Iterator[None]:
    """Measure weights of one loaded model, and tell each; what cannot be loaded costs its own alone."""
    from train.preview.stage import Stage  # noqa: PLC0415 (imports torch)

    refused: UserError | None = None
    stage: Stage | None = None
    evaluations: dict[str, Evaluation] = {}
    try:
        stage = Stage(
            recipe_of(weights[0].recipe.encode()),
            [file for each in weights for file, _ in each.adapters],
            _warn,
        )
        evaluations = _evaluations(stage, manifest, job, at_once)
    except UserError as error:
        refused = error
    for each in weights:
        try:
            if refused or stage is None:
                raise refused or UserError("the model could not be loaded", "see above")
            stage.show(each.adapters)
            told.put(1.0, measured=asdict(_measure(stage, evaluations, told)))
        except UserError as error:
            told.put(1.0, failed={"what": error.what, "hint": error.hint})
        yield


def _evaluations(stage: Stage, manifest: Manifest, job: JudgingJob, at_once: int) -> dict[str, Evaluation]:
    """Of trained images and of those held out, where there are any; images that cannot be decoded are left out."""
    from train.data.dataset import evenly_spread  # noqa: PLC0415 (imports torch)
    from train.evaluate import Evaluation  # noqa: PLC0415

    sides = {
        "trained": (manifest.trained, job.images),
        "held_out": (manifest.held_out, job.validation_images),
    }
    return {
        name: Evaluation(
            manifest,
            stage.family,
            [rows[at] for at in evenly_spread(len(rows), count)],
            stage.device,
            at_once=at_once,
            reports=lambda path, why: _warn(f"{path} is left out: {why}", "mend or replace the image"),
        )
        for name, (rows, count) in sides.items()
        if rows and count
    }


def _measure(stage: Stage, evaluations: dict[str, Evaluation], told: _Told) -> Measurement:
    turns = sum(each.turns for each in evaluations.values())
    found: dict[str, FixedLoss | None] = {"trained": None, "held_out": None}
    before = 0
    for name, evaluation in evaluations.items():

        def go_on(turn: int, before: int = before) -> bool:
            told.put((before + turn) / turns)
            return True

        measured = evaluation.measure(stage.arithmetic.autocast, go_on)
        found[name] = _fixed_loss(measured) if measured else None
        before += evaluation.turns
    return Measurement(**found)


def _fixed_loss(measured: Measured) -> FixedLoss:
    return FixedLoss(measured.loss, measured.images, measured.bands, {**measured.subset_bands})


def _warn(what: str, hint: str) -> None:
    put_line(done=0, total=0, doubt={"what": what, "hint": hint})


if __name__ == "__main__":
    sys.exit(main())
