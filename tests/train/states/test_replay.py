"""A replay tells whether a run's steps come out the same again, or the first step and number that differ (B01)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from curator.contract.errors import UserError
from curator.contract.locations import WORKER
from curator.contract.run.run_folder import RunFolder
from tests.runs.replayed import REPORT
from train.states.replay import replay, stretch_of

SETS = ("length.steps=5", "save.state_every_steps=2", "save.states_kept=3", "adapter.dropout=0.2")


@pytest.fixture
def run(make_run, work) -> RunFolder:
    """A finished run with states of step 2, 4 and 5."""
    made = make_run(*SETS)
    assert work(made) == 0
    leave(made)
    return made


def leave(run: RunFolder) -> None:
    """Its worker was this process, which lives on."""
    (run.path / WORKER).unlink()


def silent(_done: int, _total: int) -> None: ...


def left(run: RunFolder) -> list[str]:
    return sorted(str(each.relative_to(run.path)) for each in run.path.rglob("*"))


def test_a_run_equals_its_replay_and_stays_as_it_is(run: RunFolder) -> None:
    """B01: against the next saved state, step by step; what was heard ends with all of it."""
    before, heard = left(run), []
    found = replay(run, 2, None, lambda *at: heard.append(at))
    assert (found.from_step, found.to_step, found.states, found.losses) == (2, 4, [4], 2)
    assert found.first_difference is None
    assert found.tensors > 0
    assert found.resumed_at == 0
    assert heard == [(1, 2), (2, 2)]
    assert left(run) == before
    assert asdict(found).keys() == REPORT.keys()


def test_where_nothing_was_saved_later_a_second_replay_is_resumed(make_run, work) -> None:
    """B01: both equal; the loss on record is compared once."""
    run = make_run(*SETS, "length.steps=6", "save.state_every_steps=6")
    assert work(run) == 0
    leave(run)
    (last,) = run.state_dir.iterdir()
    with pytest.raises(UserError, match="ends after step 6"):
        replay(run, None, None, silent)
    last.rename(last.with_name("step-00000002"))  # no such state: its numbers do not matter here
    about = json.loads((run.state_dir / "step-00000002/state.json").read_text())
    (run.state_dir / "step-00000002/state.json").write_text(json.dumps({**about, "step": 2}))
    found = replay(run, 2, 3, silent)
    assert (found.from_step, found.to_step, found.resumed_at, found.states) == (2, 5, 3, [])
    assert found.losses == 3
    assert found.first_difference is not None  # the losses are those of other weights
    assert found.first_difference["step"] == 3
    assert str(found.first_difference["what"]).startswith("the loss: ")


def test_two_replays_are_compared_number_by_number(run: RunFolder, monkeypatch) -> None:
    """What a resume forgets is found, by its name: here the optimiser's memory."""
    assert replay(run, 4, 1, silent).first_difference is None
    (run.state_dir / "step-00000005").rename(run.path / "moved away")
    (run.state_dir / "step-00000004").rename(run.path / "moved away too")
    assert replay(run, 2, 3, silent).first_difference is None
    monkeypatch.setattr("train.prepare.stages.Trainable.take_over", forgetful)
    found = replay(run, 2, 2, silent)
    assert found.resumed_at == 3
    assert found.first_difference == {"step": 4, "what": "optimizer.state.0.exp_avg"}


def forgetful(self: Any, state: Any) -> None:
    """A resume that takes over the weights alone, but at the first state."""
    self.trained.load(state.weights)
    if state.step == 2:
        self.update.optimizer.load_state_dict(state.optimizer)


def test_the_first_number_that_differs_is_named(run: RunFolder) -> None:
    file = run.state_dir / "step-00000004" / "adapter.safetensors"
    weights = load_file(file)
    name = sorted(weights)[3]
    weights[name] = weights[name] + 1e-7
    save_file(weights, file)
    found = replay(run, 2, None, silent)
    assert found.first_difference == {"step": 4, "what": f"weights.{name}"}


def test_a_state_that_cannot_be_read_is_not_replayed_from_the_beginning(run: RunFolder) -> None:
    (run.state_dir / "step-00000004" / "adapter.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match=r"step 4 .* cannot be read"):
        replay(run, 4, None, silent)


def test_what_cannot_be_replayed_is_refused(run: RunFolder, make_run) -> None:
    with pytest.raises(UserError, match="no saved state of step 3"):
        stretch_of(run, 3, None)
    assert stretch_of(run, None, None).first == 4
    with run.hold(), pytest.raises(UserError, match="is running"):
        replay(run, None, None, silent)
    with pytest.raises(UserError, match="has no saved state"):
        stretch_of(make_run(*SETS, name="new"), None, None)


def test_a_damaged_state_on_the_way_is_a_difference(run: RunFolder) -> None:
    (run.state_dir / "step-00000004" / "optimizer.pt").write_bytes(b"cut")
    found = replay(run, 2, 3, silent)
    assert found.first_difference is not None
    assert found.first_difference["step"] == 4
    assert str(found.first_difference["what"]).startswith("the saved state cannot be read: ")
    assert found.states == [4, 5]


def test_the_tensors_of_every_state_are_counted(run: RunFolder) -> None:
    assert replay(run, 2, 3, silent).tensors == 2 * replay(run, 2, 2, silent).tensors
