"""Sample images rendered from saved weights: of a run, or of a model with adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import dump_recipe, load_recipe, with_values
from curator.contract.run.sample_job import SampleJob, image_name
from curator.runs.follow import Follower
from curator.runs.launch import check_installed, check_models
from curator.runs.programs.trainer_programs import run_program

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunFolder

PROGRAM: Sequence[str] = ("-m", "train.preview.render")
Hear = Callable[[str, str], None]
Adapters = tuple[tuple[str, float], ...]  # files, and the strength of each


def of_run(run: RunFolder, step: int | None) -> tuple[Recipe, Adapters]:
    """The recipe of a run whose model holds what was trained after `step` (None: last), and the adapters to add.

    Raises:
        UserError: no weights were written, none after that step, or they are gone.
    """
    path = _chosen(run.path.name, saved_weights(run), step)
    return with_weights(load_recipe(run.recipe_path), path)


def with_weights(recipe: Recipe, weights: Path, ratio: float = 1.0) -> tuple[Recipe, Adapters]:
    """The recipe of a run whose model holds what a file of it has, and the adapters to add, each at `ratio`."""
    if recipe.trains == "full":
        return with_values(recipe, {"model.path": str(weights)}), ()
    if recipe.trains == "embeddings":
        return with_values(recipe, {"embeddings.start": str(weights)}), ()
    return recipe, ((str(weights), ratio),)


def saved_weights(run: RunFolder) -> list[tuple[int, Path]]:
    """Every file or folder of weights that a run has written, with its step, the earliest first.

    Of a step's average and the weights it is of, where both are kept, the average comes first.

    Raises:
        UserError: no weights were written.
    """
    follower = Follower(run)
    view = follower.poll()
    while follower.is_behind:
        view = follower.poll()
    if not view.checkpoints:
        raise UserError(
            f"the run {run.path.name} has written no weights", "ask for them with 'frieze runs save'"
        )
    found = [(each.step, (run.path / each.path).absolute()) for each in view.checkpoints]
    return sorted(found, key=lambda each: each[0])


def _chosen(name: str, weights: list[tuple[int, Path]], step: int | None) -> Path:
    steps = sorted({each for each, _ in weights})
    wanted = steps[-1] if step is None else step
    path = next((path for each, path in weights if each == wanted), None)
    if path is None:
        raise UserError(
            f"the run {name} has no weights of step {wanted}", f"there are {', '.join(map(str, steps))}"
        )
    if not path.exists():
        raise UserError(f"the weights {path} are gone", "choose others with --step")
    return path


def make_samples(
    recipe: Recipe, adapters: Adapters, folder: Path, *, replaces: bool, hear: Hear, progress: Progress
) -> list[dict[str, Any]]:
    """Render the sample images of `recipe` into `folder`; each as it was made, with its `path`.

    `hear` is told what is doubtful in the model, and what to do.

    Raises:
        UserError: training is not installed, a model or adapter is not there or does not fit, or images lie there.
    """
    check_models(recipe)
    for path, _ in adapters:
        if not Path(path).is_file():
            raise UserError(f"there is no adapter at {path}", "give a .safetensors file")
    names = [image_name(number) for number in range(len(recipe.sample.prompts))]
    taken = [name for name in names if (folder / name).exists()]
    if taken and not replaces:
        raise UserError(f"{folder} holds {taken[0]} already", "choose another folder, or give --replace")
    check_installed()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}", "choose another folder") from error
    made: list[dict[str, Any]] = []

    def told(at: dict[str, Any]) -> None:
        if "image" in at:
            made.append(at["image"])
        if "doubt" in at:
            hear(at["doubt"]["what"], at["doubt"]["hint"])
        else:
            progress(at["done"], at["total"])

    always = replace(recipe, sample=replace(recipe.sample, at_end=True))  # asked for, whatever a run would do
    run_program(PROGRAM, told, SampleJob(dump_recipe(always), adapters, str(folder.absolute())).to_json())
    return made
