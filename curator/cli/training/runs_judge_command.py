"""`frieze runs judge`: every saved file of a run by its loss on fixed noise, and its samples by what they look like."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption, RunArgument
from curator.cli.options.places import enclosing_collection, opened, runs_of
from curator.cli.shared.output import progress_shown, put, put_json, put_table, say

if TYPE_CHECKING:
    from curator.cli.schemas.runs import JudgedSample, JudgedSide, RunJudgement
    from curator.contract.run.judging import Bands, FixedLoss
    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.judging import Judgement, Judging, NearestImage

_IMAGES = 64


def judge(
    run: RunArgument,
    *,
    images: Annotated[
        int | None,
        typer.Option(
            "--images",
            metavar="N",
            min=0,
            help=f"Trained images to measure; default: the recipe's, or {_IMAGES}.",
        ),
    ] = None,
    validation_images: Annotated[
        int | None,
        typer.Option(
            "--validation-images", metavar="N", min=0, help="Images held out; default: the recipe's."
        ),
    ] = None,
    clip: Annotated[
        Path | None,
        typer.Option("--clip", metavar="DIR", help="Folder of a CLIP model: how samples fit their prompts."),
    ] = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure all weights a run saved on the same images and noise; name samples that are training images.

    Losses are kept in the run's folder: stopped and asked again, it goes on.
    """
    from curator.contract.recipe.toml_file import load_recipe  # the other commands of runs need no recipe

    with _judging(collection) as judging:
        found = runs_of(collection).find(run)
        knobs = load_recipe(found.recipe_path).evaluate
        trained = images if images is not None else knobs.images or _IMAGES
        held_out = validation_images if validation_images is not None else knobs.validation_images
        with progress_shown("measure", "parts") as show:
            judgement = judging.weights(found, trained, held_out, _hear, show)
        with progress_shown("look") as show:
            nearest = judging.nearest(found, show)
        samples = _samples(judging, found, nearest, clip)
    if as_json:
        put_json(_report(found, judgement, samples))
        return
    _tell_losses(judgement)
    _tell_samples(samples, has_clip=clip is not None)


@contextmanager
def _judging(collection: Path | None) -> Generator[Judging]:
    """With the collection where there is one: a run's folder may lie anywhere."""
    from curator.session.training.judging import Judging

    if collection is None and enclosing_collection(Path.cwd()) is None:
        yield Judging()
        return
    with opened(collection) as session:
        yield session.judging


def _hear(what: str, hint: str) -> None:
    say(f"{what}: {hint}")


def _samples(
    judging: Judging, run: RunFolder, nearest: list[NearestImage], clip: Path | None
) -> list[JudgedSample]:
    cosines = judging.clip_similarities(run, nearest, clip) if clip and nearest else [None] * len(nearest)
    return [
        {
            "step": each.step,
            "path": str((run.path / each.sample).absolute()),
            "prompt": each.prompt,
            "nearest": each.nearest,
            "distance": each.distance,
            "mirrored": each.mirrored,
            "memorised": judging.is_memorised(each),
            "clip": cosine,
        }
        for each, cosine in zip(nearest, cosines, strict=True)
    ]


def _report(run: RunFolder, judgement: Judgement, samples: list[JudgedSample]) -> RunJudgement:
    best = judgement.best
    return {
        "schema": "frieze/run-judgement/1",
        "run": run.path.name,
        "images": judgement.images,
        "validation_images": judgement.validation_images,
        "weights": [
            {
                "step": each.step,
                "path": str((run.path / each.path).absolute()),
                "on_trained": _side(each.measured.trained) if each.measured else None,
                "on_held_out": _side(each.measured.held_out) if each.measured else None,
                "fault": each.failed,
            }
            for each in judgement.weights
        ],
        "least_loss": str((run.path / best.path).absolute()) if best else None,
        "samples": samples,
    }


def _side(measured: FixedLoss | None) -> JudgedSide | None:
    if measured is None:
        return None
    return {
        "loss": measured.loss,
        "images": measured.images,
        "bands": measured.bands,
        "subsets": measured.subsets,
    }


def _tell_losses(judgement: Judgement) -> None:
    rows: list[tuple[object, ...]] = []
    for each in judgement.weights:
        name = Path(each.path).name
        if each.measured is None:
            rows.append((each.step, "", "", each.failed, "", "", "", "", name))
            continue
        for side, found in (("held out", each.measured.held_out), ("trained", each.measured.trained)):
            if found:
                rows.append((each.step, side, "all", _number(found.loss), *map(_number, found.bands), name))
                rows += _of_subsets(each.step, side, found.subsets, name)
    put_table(rows, ("step", "images", "subset", "loss", "band 1", "band 2", "band 3", "band 4", "file"))
    if best := judgement.best:
        put(f"least loss: step {best.step}, {best.path}")


def _of_subsets(step: int, side: str, subsets: dict[str, Bands], file: str) -> list[tuple[object, ...]]:
    """A row for each subset; of one alone, the row of all says it."""
    return [
        (step, side, name, _number(_mean(bands)), *map(_number, bands), file)
        for name, bands in (subsets.items() if len(subsets) > 1 else ())
    ]


def _mean(bands: Bands) -> float | None:
    known = [each for each in bands if each is not None]
    return sum(known) / len(bands) if known and len(known) == len(bands) else None


def _number(loss: float | None) -> str:
    return "no number" if loss is None else f"{loss:.5f}"


def _tell_samples(samples: list[JudgedSample], *, has_clip: bool) -> None:
    if not samples:
        say("the run has no samples to compare with its training images")
        return
    rows = [
        (each["step"], Path(each["path"]).name, "" if each["distance"] is None else each["distance"],
         "memorised" if each["memorised"] else "", each["nearest"] or "",
         "" if each["clip"] is None else f"{each['clip']:.3f}")
        for each in samples
    ]  # fmt: skip
    put_table(rows, ("step", "sample", "distance", "", "nearest training image", "CLIP"))
    if not has_clip:
        say("similarity to prompts is not measured: give the folder of a CLIP model with --clip")
