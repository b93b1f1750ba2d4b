"""Runs killed again and again at random places end as one that was never killed, bit for bit (S079).

Weights, averages, losses, and what every step was given: images, tokens of captions, noise, timesteps.
`bench/kills.py` takes them with more rounds, each of other places.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.run.events import RunStarted, StepDone
from curator.contract.run.run_folder import RunFolder

PLANTED = Path(__file__).with_name("planted_kill.py")
STEPS = 6
KILLS = 3
ROUNDS = range(int(os.environ.get("FRIEZE_KILL_ROUNDS", "1")))
SETS = (f"length.steps={STEPS}", "save.state_every_steps=1", "save.states_kept=2", "batch.leftovers=carry")
KINDS = {
    "lora, average, dropout": ("sd1", "ema.decay=0.9", "ema.save=both", "adapter.dropout=0.2"),
    "sdxl, accumulated": ("sdxl", "batch.size=1", "batch.accumulate=2", "ema.decay=0.9"),
    "lokr, prodigy": (
        "sd2",
        "adapter.kind=lokr",
        "optimizer.name=prodigy",
        "optimizer.unet_lr=1.0",
        "optimizer.text_lr=1.0",
    ),
    "loha, schedule-free": (
        "sd1",
        "adapter.kind=loha",
        "optimizer.name=adamw_schedulefree",
        "schedule.name=constant",
    ),
    "a whole model, 8 bits": (
        "sd1",
        "trains=full",
        "optimizer.name=adamw8bit",
        "optimizer.unet_lr=1e-4",
        "optimizer.text_lr=0",
    ),
    "a word": ("sd1", "trains=embeddings", "embeddings.word=1girl", "ema.decay=0.9"),
}


def last(run: RunFolder) -> dict[str, dict[str, torch.Tensor]]:
    """Every file of weights that the run ended with."""
    name = run.info().name
    files = [file for file in run.output_dir.glob("*.safetensors") if file.name.startswith(name)]
    return {file.name.removeprefix(name): load_file(file) for file in files}


def given(seen: Path) -> dict[tuple[int, str], Any]:
    """What each step of each process was given; the same each time it was taken."""
    told: dict[tuple[int, str], Any] = {}
    for line in seen.read_text("utf-8").splitlines():
        each = json.loads(line)
        at = (each["step"], each["rank"])
        assert told.setdefault(at, each) == each
    return told


def assert_equal(whole: RunFolder, killed: RunFolder, seen: tuple[Path, Path], events_of) -> None:
    losses = [
        {
            event.step: (event.loss, event.grad_norm, event.lr)
            for event in events_of(run)
            if isinstance(event, StepDone)
        }
        for run in (whole, killed)
    ]
    assert losses[0] == losses[1]
    assert list(losses[0]) == list(range(1, STEPS + 1))
    assert given(seen[0]) == given(seen[1])
    one, other = last(whole), last(killed)
    assert one
    assert one.keys() == other.keys()
    for name, weights in one.items():
        assert all(torch.equal(weights[each], other[name][each]) for each in weights)


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_random_places(
    kind: str, turn: int, make_run, tiny_of, start_worker, events_of, tmp_path: Path
) -> None:
    """Three kills each, one after another; where a life reaches its end before, it has been killed less."""
    family, *sets = KINDS[kind]
    whole, killed = (
        make_run(*SETS, f"model.path={tiny_of(family)}", *sets, name=name) for name in ("whole", "killed")
    )
    seen = tmp_path / "whole.seen", tmp_path / "killed.seen"
    planted = {"FRIEZE_PLANTED": str(PLANTED)}
    assert start_worker(whole, SEEN=str(seen[0]), **planted).wait() == 0, whole.log_path.read_text()
    chance = random.Random(f"{kind}, {turn}")
    codes = [
        start_worker(killed, SEEN=str(seen[1]), KILL_AT=str(chance.randint(2, 12)), **planted).wait()
        for _ in range(KILLS)
    ]
    assert set(codes) <= {0, -9}, killed.log_path.read_text()
    assert codes[0] == -9
    if killed.status() != "finished":
        assert start_worker(killed, SEEN=str(seen[1]), **planted).wait() == 0, killed.log_path.read_text()
    assert_equal(whole, killed, seen, events_of)
    resumed = [event.step for event in events_of(killed) if isinstance(event, RunStarted)]
    assert resumed == sorted(resumed)


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("of_both", [False, True], ids=["one dies", "both die"])
def test_two_processes_killed_at_random_places(
    of_both: bool, turn: int, make_run, train_together, events_of, tmp_path: Path
) -> None:
    sets = (*SETS, "ema.decay=0.9", "batch.size=4")
    whole, killed = (make_run(*sets, name=name) for name in ("whole", "killed"))
    seen = tmp_path / "whole.seen", tmp_path / "killed.seen"
    planted = {"FRIEZE_PLANTED": str(PLANTED)}
    assert train_together(whole, SEEN=str(seen[0]), **planted) == [0, 0], whole.log_path.read_text()
    chance = random.Random(f"{of_both}, {turn}")
    for rank in (1, 0):
        who = {} if of_both else {"KILL_RANK": str(rank)}
        at = str(chance.randint(1, 4))
        codes = train_together(killed, SEEN=str(seen[1]), KILL_AT=at, **who, **planted)
        assert -9 in codes, killed.log_path.read_text()
    assert train_together(killed, SEEN=str(seen[1]), **planted) == [0, 0], killed.log_path.read_text()
    assert_equal(whole, killed, seen, events_of)


def test_resumed_by_another_number_of_processes(
    make_run, train_together, events_of, work, tmp_path: Path
) -> None:
    """S079, B11: the same images, captions and noise in each step, and the same weights but for the order of sums."""
    sets = (*SETS, "batch.size=2", "batch.accumulate=2", "optimizer.epsilon=1e-4")
    whole, shared = (make_run(*sets, name=name) for name in ("whole", "shared"))
    assert work(whole) == 0
    planted = {"FRIEZE_PLANTED": str(PLANTED), "SEEN": str(tmp_path / "seen")}
    place = (
        "an old state half removed"  # so there are whole ones, however slow the thread is that writes them
    )
    assert -9 in train_together(shared, KILL_AT="1", KILL_PLACE=place, KILL_RANK="0", **planted)
    assert train_together(shared, 3) == [0, 0, 0], shared.log_path.read_text()
    starts = [event for event in events_of(shared) if isinstance(event, RunStarted)]
    assert [start.processes for start in starts] == [2, 3]
    assert starts[1].step > 0
    steps = [[event for event in events_of(run) if isinstance(event, StepDone)] for run in (whole, shared)]
    assert [event.loss for event in steps[0]] == pytest.approx([event.loss for event in steps[1]], rel=1e-4)
    one, other = (last(run)[".safetensors"] for run in (whole, shared))
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)
