"""The judgement of a run: losses of its saved weights on fixed noise, kept in a file of the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.base_model.fingerprint import fingerprint_of_files, model_files
from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, to_json
from curator.contract.files.regular_file import read_regular
from curator.contract.files.whole_files import replace_file
from curator.contract.locations import JUDGEMENT
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe, load_recipe
from curator.contract.run.judging import JudgingJob, Measurement, WeightsToJudge
from curator.runs.launch import check_installed
from curator.runs.programs.samples import saved_weights, with_weights
from curator.runs.programs.trainer_programs import run_program

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.contract.run.run_folder import RunFolder

PROGRAM: Sequence[str] = ("-m", "train.programs.judge_run")
_MOST_BYTES = 1 << 26
_KEPT = "what was measured is kept; ask again to go on"
Hear = Callable[[str, str], None]


@dataclass(frozen=True)
class JudgedWeights:
    """Weights of a run: the step, the path within the run's folder, and their losses, or why there are none."""

    step: int
    path: str
    fingerprint: str
    measured: Measurement | None = None
    failed: str = ""


@dataclass(frozen=True)
class Judgement:
    """Saved weights by step, measured on so many images of one manifest."""

    manifest_digest: str
    images: int
    validation_images: int
    weights: tuple[JudgedWeights, ...] = ()

    @property
    def best(self) -> JudgedWeights | None:
        """The weights with the least loss: of images held out, or where there are none, of trained ones."""
        losses = [(loss, each) for each in self.weights if (loss := _loss(each)) is not None]
        return min(losses, key=lambda pair: pair[0])[1] if losses else None


def _loss(weights: JudgedWeights) -> float | None:
    measured = weights.measured
    side = (measured.held_out or measured.trained) if measured else None
    return side.loss if side else None


def judge_weights(
    run: RunFolder, images: int, validation_images: int, hear: Hear, progress: Progress
) -> Judgement:
    """Measure every saved file of a run; what an earlier call measured the same way is not measured again.

    `hear` is told what is doubtful in a model or an image. Each result is kept when it is there.

    Raises:
        UserError: no weights, training is not installed, or the manifest or the file of results cannot be used.
    """
    recipe = load_recipe(run.recipe_path)
    info = run.info()
    known = {each.fingerprint: each for each in _known(run, info.manifest_digest, images, validation_images)}
    found: list[JudgedWeights] = []
    for step, path in saved_weights(run):
        fingerprint = fingerprint_of_files([model_files(path)])
        shown = str(path.relative_to(run.path.absolute()))
        before = known.get(fingerprint) if path.exists() else None
        gone = "" if path.exists() else "the file is gone"
        measured = before.measured if before else None
        found.append(JudgedWeights(step, shown, fingerprint, measured, gone))
    judgement = Judgement(info.manifest_digest, images, validation_images, tuple(found))
    if all(each.measured or each.failed for each in found):
        write_judgement(run, judgement)
        return judgement
    check_installed()
    return _measure(run, recipe, judgement, hear, progress)


def _measure(
    run: RunFolder, recipe: Recipe, judgement: Judgement, hear: Hear, progress: Progress
) -> Judgement:
    missing = [at for at, each in enumerate(judgement.weights) if not (each.measured or each.failed)]
    jobs = [_to_judge(recipe, run.path.absolute() / judgement.weights[at].path) for at in missing]
    waiting = iter(missing)

    def told(at: dict[str, Any]) -> None:
        nonlocal judgement
        if "doubt" in at:
            hear(at["doubt"]["what"], at["doubt"]["hint"])
            return
        if "measured" in at:
            measured = checked(Measurement, at["measured"])
            judgement = _with(judgement, next(waiting), measured=measured)
        elif "failed" in at:
            judgement = _with(
                judgement, next(waiting), failed=f"{at['failed']['what']}: {at['failed']['hint']}"
            )
        if "measured" in at or "failed" in at:
            write_judgement(run, judgement)
        progress(at["done"], at["total"])

    job = JudgingJob(str(run.path.absolute()), judgement.images, judgement.validation_images, tuple(jobs))
    run_program(PROGRAM, told, job.to_json(), doing="measuring", hint=_KEPT)
    return judgement


def _to_judge(recipe: Recipe, path: Path) -> WeightsToJudge:
    made, adapters = with_weights(recipe, path)
    plain = Recipe(model=made.model, text=made.text)
    if made.trains == "embeddings":
        plain = replace(plain, trains="embeddings", embeddings=made.embeddings)
    return WeightsToJudge(dump_recipe(plain), adapters)


def _with(judgement: Judgement, at: int, **values: Any) -> Judgement:
    weights = list(judgement.weights)
    weights[at] = replace(weights[at], **values)
    return replace(judgement, weights=tuple(weights))


def _known(run: RunFolder, digest: str, images: int, validation_images: int) -> Iterable[JudgedWeights]:
    """What was measured before on the same images."""
    before = read_judgement(run)
    settings = (digest, images, validation_images)
    if before is None or (before.manifest_digest, before.images, before.validation_images) != settings:
        return ()
    return before.weights


def read_judgement(run: RunFolder) -> Judgement | None:
    """What was measured of a run; None where nothing was, or the file is damaged: it is measured again."""
    try:
        about = object_of(read_regular(run.path / JUDGEMENT, limit_bytes=_MOST_BYTES))
        return checked(Judgement, about, passes_over=True)
    except (OSError, ValueError):
        return None


def write_judgement(run: RunFolder, judgement: Judgement) -> None:
    """Keep it in the run's folder.

    Raises:
        UserError: it cannot be written.
    """
    try:
        replace_file(run.path / JUDGEMENT, f"{to_json(asdict(judgement), indent=1)}\n".encode())
    except OSError as error:
        raise UserError(
            f"the run {run.path.name} cannot be written to: {error.strerror}", "free space or check rights"
        ) from error
