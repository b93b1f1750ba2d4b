"""A fork goes on from a saved state as the run itself would have, with what it changes on its record (B01)."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.events import RunStarted, StepDone
from curator.contract.run.run_folder import RunFolder
from curator.runs import launch
from curator.runs.fork import fork
from curator.runs.managing.removal import delete_run

SETS = ("length.steps=6", "save.state_every_steps=2", "save.states_kept=3", "schedule.name=constant")


@pytest.fixture
def origin(make_run, work) -> RunFolder:
    run = make_run(*SETS)
    assert work(run) == 0
    return run


@pytest.fixture
def forked(origin: RunFolder, work, monkeypatch):
    """A fork that trains in this process; the exit code must be 0."""

    def make(step: int | None, *sets: str, name: str = "fork") -> RunFolder:
        def start(run: RunFolder) -> None:
            assert work(run) == 0, run.events_path.read_text()

        monkeypatch.setattr(launch, "start", start)
        monkeypatch.setattr(launch, "check_installed", lambda: None)
        recipe = load_recipe(origin.recipe_path, sets)
        return fork(origin.path.parent, origin, step, recipe, name=name)

    return make


def last_weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def rates(events) -> list[float]:
    return [event.lr["unet"] for event in events if isinstance(event, StepDone)]


def test_a_fork_that_changes_nothing_ends_as_its_run_did(origin: RunFolder, forked, events_of) -> None:
    """B01: bit for bit, from any state that was kept."""
    states = {file: file.read_bytes() for file in origin.state_dir.rglob("*.*") if file.is_file()}
    run = forked(2)
    ours, theirs = last_weights(origin), last_weights(run)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    (begun,) = [event for event in events_of(run) if isinstance(event, RunStarted)]
    assert (begun.step, begun.resumed) == (2, True)
    info = run.info()
    assert (info.forked_from, info.from_step, info.changed) == (origin.path.name, 2, ())
    delete_run(run)  # what it went on from is the other's, and stays
    assert {file: file.read_bytes() for file in origin.state_dir.rglob("*.*") if file.is_file()} == states


def test_a_changed_rate_holds_and_is_on_record(origin: RunFolder, forked, events_of) -> None:
    """The state's own rate does not come back with the optimiser, which goes on."""
    run = forked(None, "optimizer.unet_lr=0.003", "length.steps=8")
    assert rates(events_of(run)) == [pytest.approx(0.003)] * 2
    assert run.info().from_step == 6
    was = rates(events_of(origin))[0]
    assert run.info().changed == (
        "length.steps was 6 and is 8",
        f"optimizer.unet_lr was {was!r} and is 0.003",
    )


def test_another_optimizer_begins_afresh(origin: RunFolder, forked) -> None:
    """Its state says so, and the run can be resumed from it."""
    run = forked(4, "optimizer.name=lion")
    assert not (run.state_dir / "step-00000004" / "optimizer.pt").exists()
    assert "optimizer.name was 'adamw' and is 'lion'" in run.info().changed


@pytest.mark.parametrize(
    ("step", "sets", "told"),
    [
        (3, (), "no saved state of step 3"),
        (6, (), "nothing would be trained"),
        (2, ("length.steps=2",), "nothing would be trained"),
    ],
)
def test_what_cannot_go_on_is_refused_and_makes_no_run(
    origin: RunFolder, forked, step: int, sets: tuple[str, ...], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        forked(step, *sets)
    assert list(origin.path.parent.iterdir()) == [origin.path]


def test_a_damaged_state_is_refused_and_makes_no_run(origin: RunFolder, forked) -> None:
    (origin.state_dir / "step-00000004" / "state.json").write_text("{not JSON")
    with pytest.raises(UserError, match=r"step 4 of the run .* cannot be read"):
        forked(4)
    assert list(origin.path.parent.iterdir()) == [origin.path]


def test_weights_of_another_size_are_refused_by_the_trainer(
    origin: RunFolder, make_run, work, monkeypatch, events_of
) -> None:
    """A rank cannot change within a training."""
    monkeypatch.setattr(launch, "start", lambda _run: None)
    monkeypatch.setattr(launch, "check_installed", lambda: None)
    recipe = load_recipe(origin.recipe_path, ["adapter.rank=3"])
    run = fork(origin.path.parent, origin, 2, recipe, name="other")
    assert work(run) == 3
    said = run.events_path.read_text()
    assert "the saved state of step 2 is of other weights: " in said
    assert "adapter.start" in said
