"""The pace of a run: a step takes as long as it does with the wait for its images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from curator.contract.keyed import key as keyed
from curator.contract.recipe.recipe import Recipe
from curator.contract.run.events import Event, RunStarted, StepDone
from curator.runs.fold import RunFold
from train import loop, step_log
from train.clock import Clock
from train.control import Wishes
from train.data.micro_batch import ReadyBatch
from train.step import Outcome
from train.step_log import StepLog
from train.survival.room import Room

_STEPS, _IMAGES = 6, 4
_READ_S, _TRAIN_S, _SAVE_S = 2.4, 1.0, 50.0
_BUCKETS_S = (0.4, 1.0, 1.7)


class _States:
    """What writes no state."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def look(self) -> None: ...


class _World:
    """A training in which reading, training and saving take fixed times of a clock that nothing else moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int = _STEPS, read_s: float = _READ_S) -> None:
        self.now = 0.0
        self.steps = steps
        self.read_s = read_s
        self.train_s: Sequence[float] = (_TRAIN_S,)
        self.saves_every = 1
        self.events: list[Event] = []
        clock = SimpleNamespace(perf_counter=lambda: self.now, time=lambda: self.now, sleep=self.spend)
        monkeypatch.setattr(loop, "time", clock)
        monkeypatch.setattr(step_log, "time", clock)

    def spend(self, seconds: float) -> None:
        self.now += seconds

    def batches(self, done: int, end: int) -> Iterator[ReadyBatch]:
        for step in range(done, end):
            self.spend(self.read_s)
            yield ReadyBatch(step, 0, _IMAGES, (), torch.zeros(0), ())

    def take(self, batch: ReadyBatch) -> Any:
        self.spend(self.train_s[keyed(batch.step) % len(self.train_s)])
        return SimpleNamespace(is_here=True, overflowed_at=None, bad=None, outcome=lambda: Outcome(0.5, 1.0))

    def job(self) -> Any:
        optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "name": "unet"}], 0.1)
        for group in optimizer.param_groups:
            group["base_lr"] = group["initial_lr"] = 0.1
        quarantine = SimpleNamespace(take_unreported=list, check_limit=lambda: None)
        reporter = SimpleNamespace(
            is_main_process=False, phase=lambda *_: None, emit=self.events.append, step=self.events.append
        )
        order = SimpleNamespace(locate=lambda step: (0, step), batches=lambda _epoch: self.steps)
        checkpoints = SimpleNamespace(
            are_due=lambda done, _: done % self.saves_every == 0,
            after_step=lambda *_: self.spend(_SAVE_S),
            write_last=lambda _: None,
        )
        return SimpleNamespace(
            recipe=Recipe(),
            done=0,
            stepper=SimpleNamespace(
                update=SimpleNamespace(optimizer=optimizer),
                room=Room(),
                take=self.take,
                family=SimpleNamespace(facts=SimpleNamespace(native_side=512)),
            ),
            bad_steps=SimpleNamespace(steps={}, left_out={}),
            data=SimpleNamespace(
                caches=SimpleNamespace(close=lambda: None),
                reader=SimpleNamespace(quarantine=quarantine),
                feed=SimpleNamespace(batches=self.batches),
                plan=SimpleNamespace(total_steps=self.steps, plan=order),
            ),
            log=StepLog(reporter),
            outputs=SimpleNamespace(checkpoints=checkpoints, states=_States(), evaluations={}),
            process=SimpleNamespace(
                accelerator=SimpleNamespace(num_processes=1),
                reporter=reporter,
                control=SimpleNamespace(agree=lambda _: Wishes(), say_missed=lambda: None),
            ),
        )


def test_the_pace_counts_the_wait_for_images_and_not_the_saving(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _World(monkeypatch)
    assert loop.train(world.job(), Clock()) == "finished"
    steps = [event for event in world.events if isinstance(event, StepDone)]
    assert [event.seconds for event in steps] == pytest.approx([_READ_S + _TRAIN_S] * _STEPS)
    fold = RunFold()
    fold.feed(*steps)
    assert fold.view().images_per_s == pytest.approx(_IMAGES / (_READ_S + _TRAIN_S))


@pytest.mark.parametrize("read_s", [0.0, 5.0], ids=["computing", "reading"])
def test_the_time_to_the_end_is_true_after_50_steps(monkeypatch: pytest.MonkeyPatch, read_s: float) -> None:
    """Buckets of three sizes in any order, a save every ten steps, images that are waited for or not."""
    world = _World(monkeypatch, steps=600, read_s=read_s)
    world.train_s, world.saves_every = _BUCKETS_S, 10
    assert loop.train(world.job(), Clock())
    steps = [event for event in world.events if isinstance(event, StepDone)]
    fold = RunFold()
    fold.feed(RunStarted(0.0, 0, world.steps, 1, False, 1, "cpu", 1))
    for at, event in enumerate(steps, start=1):
        fold.feed(event)
        if at >= 50 and at % 50 == 0 and at < 500:
            left = world.now - event.at
            assert fold.view().eta_s == pytest.approx(left, rel=0.05), at
