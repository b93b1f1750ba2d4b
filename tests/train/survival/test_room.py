"""A step that does not fit is taken in halves, with the same gradient (B08)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from curator.contract.epoch_plan import Sample
from curator.contract.run.events import Evaluated, RunFailed, SampleMade, StepDone, Warned
from tests.train.test_step import gradients, prepared
from train.adapters.dropout import _hashes, sample_keys
from train.evaluate import Evaluation
from train.families.sd1 import Sd1

NO_ROOM = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
KINDS = {
    "lora": ("adapter.dropout=0.4",),
    "lokr": ("adapter.kind=lokr", "adapter.dropout=0.4"),
    "dylora": ("adapter.kind=dylora", "adapter.dropout=0.4", "adapter.dylora.unit=1"),
    "full": ("trains=full",),
}


class Allocator:
    """Memory for `most` images at once, on a device that nothing else uses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        self.sizes: list[int] = []
        honest = Sd1.predict

        def predict(family: Sd1, noisy: torch.Tensor, *rest: object) -> torch.Tensor:
            self.sizes.append(len(noisy))
            found = honest(family, noisy, *rest)  # it is computed in part, as on a device
            if len(noisy) > most:
                raise NO_ROOM
            return found

        monkeypatch.setattr(Sd1, "predict", predict)


def same(one: tuple[float, list[torch.Tensor]], other: tuple[float, list[torch.Tensor]]) -> bool:
    norm = torch.cat([each.flatten() for each in other[1]]).norm()
    apart = torch.cat([(a - b).flatten() for a, b in zip(one[1], other[1], strict=True)]).norm()
    return one[0] == pytest.approx(other[0], rel=1e-5) and bool(apart < 1e-4 * norm)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_halves_have_the_gradient_of_the_whole(make_run, frozen, monkeypatch, kind: str) -> None:
    """Also in the second of two micro-batches, when the first has left its gradients."""
    data = frozen(sizes=((64, 64),) * 7)
    sets = (*KINDS[kind], "batch.size=4", "batch.accumulate=2")
    whole = gradients(prepared(make_run(*sets, frozen=data)))
    memory = Allocator(monkeypatch, 1)
    halves = gradients(prepared(make_run(*sets, frozen=data)))
    assert memory.sizes == [4, 2, *[1] * 7]
    assert same(halves, whole)


@pytest.mark.parametrize("kind", ["lora", "lokr", "dylora"])
def test_dropout_is_of_the_sample_and_not_of_the_micro_batch(make_run, frozen, kind: str) -> None:
    """So is it, with a recomputed pass, under gradient checkpointing."""
    data = frozen(sizes=((64, 64),) * 4)
    ways = [
        ("batch.size=4",),
        ("batch.size=1", "batch.accumulate=4"),
        ("batch.size=4", "precision.gradient_checkpointing=true"),
    ]
    whole, *others = [gradients(prepared(make_run(*KINDS[kind], *way, frozen=data))) for way in ways]
    without = gradients(prepared(make_run(*KINDS[kind], "batch.size=4", "adapter.dropout=0.0", frozen=data)))
    assert all(same(other, whole) for other in others)
    assert not same(without, whole)


def test_a_run_goes_on_in_halves_and_says_so_once(make_run, work, frozen, events_of, monkeypatch) -> None:
    run = make_run("batch.size=4", "length.steps=3", frozen=frozen(sizes=((64, 64),) * 4))
    memory = Allocator(monkeypatch, 2)
    assert work(run) == 0
    events = events_of(run)
    assert [event.step for event in events if isinstance(event, StepDone)] == [1, 2, 3]
    told = [event.what for event in events if isinstance(event, Warned) and "do not fit" in event.what]
    assert told == ["step 1: 4 images of 64 x 64 pixels at once do not fit in the memory; now 2 at a time"]
    assert memory.sizes == [4, *[2] * 6]


@pytest.mark.parametrize(
    "sets", [(), ("trains=full", "precision.fused_backward=true", "optimizer.max_grad_norm=0.0")]
)
def test_what_cannot_be_halved_fails_in_a_sentence(
    make_run, work, frozen, events_of, monkeypatch, sets
) -> None:
    """One image that does not fit; weights that move while their gradients come."""
    run = make_run("batch.size=2", *sets, frozen=frozen(sizes=((64, 64),) * 4))
    Allocator(monkeypatch, 1 if sets else 0)
    assert work(run) == 3
    (failed,) = [event for event in events_of(run) if isinstance(event, RunFailed)]
    assert "does not fit in the memory" in failed.what


LOOKS = (
    "evaluate.every_steps=2",
    "evaluate.images=3",
    "sample.prompts=['a cat']",
    "sample.at_start=true",
    "sample.width=64",
    "sample.height=64",
)


def test_what_is_measured_and_sampled_in_halves_comes_to_the_same(
    make_run, work, frozen, events_of, monkeypatch
) -> None:
    """B08: the eight timesteps of an image, and the two captions of a sample."""
    sets = ("batch.size=1", "length.steps=2", "sample.steps=2", *LOOKS)
    data = frozen(sizes=((64, 64),) * 4)
    whole, halves = (make_run(*sets, frozen=data, name=name) for name in ("whole", "halves"))
    assert work(whole) == 0
    memory = Allocator(monkeypatch, 1)
    assert work(halves) == 0
    assert [memory.sizes.count(size) for size in (8, 4)] == [1, 1]
    assert 2 in memory.sizes
    losses = [[e.loss for e in events_of(run) if isinstance(e, Evaluated)] for run in (whole, halves)]
    assert len(losses[0]) == 2
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    pictures = [
        np.asarray(Image.open(run.path / e.path), dtype=np.int16)
        for run in (whole, halves)
        for e in events_of(run)
        if isinstance(e, SampleMade)
    ]
    assert len(pictures) == 4
    for one, other in zip(pictures[:2], pictures[2:], strict=True):
        assert abs(one - other).max() <= 2
    assert not [event for event in events_of(halves) if isinstance(event, Warned)]


def test_a_measurement_that_does_not_fit_is_told_and_outlived(
    make_run, work, frozen, events_of, monkeypatch
) -> None:
    run = make_run("length.steps=2", *LOOKS[:2], frozen=frozen(sizes=((64, 64),) * 4))
    honest = Evaluation._losses

    def losses(evaluation: Evaluation, group: object) -> torch.Tensor:
        honest(evaluation, group)
        raise NO_ROOM

    monkeypatch.setattr(Evaluation, "_losses", losses)
    assert work(run) == 0
    told = [event.what for event in events_of(run) if isinstance(event, Warned)]
    assert [each.split(":")[0] for each in told] == [
        f"no losses of evaluating after step {at}" for at in (0, 2)
    ]


def test_what_is_dropped_is_spread_evenly_and_differs_by_sample() -> None:
    keys = sample_keys([Sample(0, row, 0) for row in range(8)], 42)
    found = _hashes(keys, 1 << 16)
    shares = (found >= 0).float().mean(dim=1)
    assert torch.allclose(shares, torch.full((8,), 0.5), atol=0.01)
    assert torch.allclose((found >= 2**30).float().mean(), torch.tensor(0.25), atol=0.01)
    agree = torch.stack([(found[0] >= 0) == (each >= 0) for each in found[1:]]).float().mean(dim=1)
    assert torch.allclose(agree, torch.full((7,), 0.5), atol=0.02)
    along = ((found[:, 1:] >= 0) == (found[:, :-1] >= 0)).float().mean()
    assert along == pytest.approx(0.5, abs=0.01)
