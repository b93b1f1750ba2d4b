"""A run that goes on from a saved state of another one, on purpose with another recipe or manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.files.json_data import read_object
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.identity import differences, knobs_of
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.run_folder import Origin, RunFolder
from curator.contract.run.run_length import plan_training
from curator.contract.run.saved_states import STATE_FACTS, state_step, whole_states
from curator.runs.launch import start_new

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def fork(
    parent: Path,
    run: RunFolder,
    step: int | None,
    recipe: Recipe,
    *,
    name: str,
    manifest: Path | None = None,
    processes: int | None = None,
    begins: bool = True,
) -> RunFolder:
    """Make a run that goes on from a saved state of `run`, by `recipe`, and start its worker (row B01).

    `step` None: from its newest state. What changes weights is on the new run's record. An optimiser of other settings
    begins afresh; rates may change with it going on.

    Raises:
        UserError: no such state, nothing left to train, and as `start_new`.
    """
    info = run.info()
    state = _state_of(run, step)
    changed = differences(knobs_of(load_recipe(run.recipe_path)), knobs_of(recipe))
    told = [f"{key} was {was!r} and is {now!r}" for key, was, now in changed]
    trained_on = Path(info.manifest) if manifest is None else manifest
    with open_manifest(trained_on) as opened:
        length = plan_training(opened.spans, recipe, processes or info.processes)
        if opened.digest != info.manifest_digest:
            told.insert(0, f"the manifest was {info.manifest} and is {trained_on.absolute()}")
    if state_step(state) >= length.total_steps:
        raise UserError(
            f"nothing would be trained: the state is of step {state_step(state):,}, "
            f"and this recipe ends after {length.total_steps:,}",
            "make it longer with --set length.epochs=N or --set length.steps=N",
        )
    fresh = any(key.startswith("optimizer.") and not key.endswith("_lr") for key, *_ in changed)
    origin = Origin(run.path.name, state, tuple(told), with_optimizer=not fresh)
    together = processes or info.processes
    return start_new(parent, trained_on, recipe, name, together, origin=origin, begins=begins)


def _state_of(run: RunFolder, step: int | None) -> Path:
    states = {state_step(place): place for place in whole_states(run.state_dir)}
    if not states:
        raise UserError(
            f"the run {run.path.name} has no saved state yet", "ask it for one with 'frieze runs save'"
        )
    wanted = max(states) if step is None else step
    if wanted not in states:
        kept = ", ".join(f"{each:,}" for each in states)
        raise UserError(
            f"the run {run.path.name} has no saved state of step {wanted:,}",
            f"those kept are of step {kept}; save.states_kept keeps more",
        )
    try:
        read_object(states[wanted] / STATE_FACTS)
    except (OSError, ValueError) as error:
        raise UserError(
            f"the saved state of step {wanted:,} of the run {run.path.name} cannot be read: {error}",
            "go on from another one with --fork RUN@STEP",
        ) from error
    return states[wanted]
