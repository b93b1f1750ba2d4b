"""Starting of a training: `python -m train RUN`, or torchrun with several of them, in the background."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.check import check_base_model
from curator.contract.errors import UserError
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.fields import value_of
from curator.contract.recipe.toml_file import dump_recipe, with_values
from curator.contract.run.evaluation_check import check_evaluation
from curator.contract.run.run_folder import RunFolder
from curator.contract.run.run_length import plan_training
from curator.contract.run.schedule_doubts import check_schedule
from curator.contract.run.trackers import check_trackers
from curator.runs.queue.devices import seen_devices
from curator.runs.worker_process import begin

if TYPE_CHECKING:
    from curator.contract.recipe.checks import TrainingWarning
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import Origin

WORKER: Sequence[str] = ("-m", "train")
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")


def start(run: RunFolder, processes: int | None = None, device: str = "") -> int:
    """Start or resume `run` in the background; gives the worker's process id once it holds the run.

    Without `processes` as many train together as the run was made for. Another number shares the same batches. With
    `device`, such as "cuda:1", it sees no other.

    Raises:
        UserError: training is not installed, a worker already lives, or the worker failed at once.
    """
    check_installed()
    status = run.status()
    if status == "running":
        raise UserError(f"the run {run.path.name} is already running", "follow it with 'frieze runs follow'")
    if status == "finished":
        raise UserError(
            f"the run {run.path.name} is finished",
            "to train it longer: 'frieze train --fork RUN --set length.steps=N'",
        )
    environment = seen_devices(device) if device else {}
    return begin(run, WORKER, processes or run.info().processes, "the trainer", environment)


def start_new(
    parent: Path,
    manifest: Path,
    recipe: Recipe,
    name: str,
    processes: int = 1,
    *,
    origin: Origin | None = None,
    begins: bool = True,
) -> RunFolder:
    """Make a run folder below `parent` and start its worker; with `origin` it goes on from another run's state.

    One that does not begin now is checked all the same: its turn comes, or other machines begin it.

    Raises:
        UserError: a manifest that was changed, no model, a schedule longer than the run, a worker that does not start.
    """
    check_models(recipe)
    check_installed()
    check_trackers(recipe.log.trackers)
    with open_manifest(manifest) as opened:
        digest = opened.digest
        check_evaluation(opened, recipe.evaluate)
        check_schedule(recipe, plan_training(opened.spans, recipe, processes).total_steps)
    recipe_toml = dump_recipe(_with_whole_paths(recipe))
    run = RunFolder.create(parent, name, recipe_toml, manifest, digest, processes=processes, origin=origin)
    if begins:
        start(run)
    return run


def check_models(recipe: Recipe) -> list[TrainingWarning]:
    """What is doubtful in a recipe's models, as far as their headers and configuration say. Importing torch takes long.

    Raises:
        UserError: there is no base model, no such file, or one that this recipe cannot train.
    """
    if not recipe.model.path:
        raise UserError("the recipe names no base model", "give --model PATH, or set model.path")
    for key, value in (("model.path", recipe.model.path), ("model.vae", recipe.model.vae)):
        if value and not (Path(value).expanduser().exists() or _HUB_NAME.fullmatch(value)):
            raise UserError(
                f"there is no model at {value} ({key})",
                "give a diffusers folder, a .safetensors file or a hub name such as owner/model",
            )
    return check_base_model(recipe.model)


def _with_whole_paths(recipe: Recipe) -> Recipe:
    """A resume may come from another folder: files that are there are named from the root. A hub's names stay."""
    names = ("model.path", "model.vae", "adapter.start", "embeddings.start")
    given = {name: str(value_of(recipe, name)) for name in names}
    files = {name: Path(value).expanduser() for name, value in given.items() if value}
    return with_values(recipe, {name: str(file.absolute()) for name, file in files.items() if file.exists()})


def is_installed() -> bool:
    """Whether the trainer's libraries are there."""
    return importlib.util.find_spec("torch") is not None


def check_installed() -> None:
    """Refuse where the trainer's libraries are not there.

    Raises:
        UserError: PyTorch is not installed.
    """
    if not is_installed():
        raise UserError("training needs PyTorch, which is not installed", "pip install 'frieze[train]'")
