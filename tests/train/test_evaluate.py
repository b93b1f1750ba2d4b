"""Validation: loss on images held out, shared among processes, and without a trace in the training."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.epoch_plan import EpochPlan
from curator.contract.manifest.manifest import open_manifest
from curator.contract.run.events import Evaluated, ImageQuarantined, PhaseStarted, StepDone
from train.data.batches import Share
from train.evaluate import BANDS, Evaluation
from train.families.load import load_family

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
HELD_OUT = (0, 4, 6, 7)  # three of one bucket, and one of another


@pytest.fixture
def family(tiny_model):
    return load_family(str(tiny_model))


def validations(events) -> list[Evaluated]:
    return [event for event in events if isinstance(event, Evaluated) and event.held_out]


def test_it_is_measured_at_first_on_the_way_and_at_the_end(make_run, work, events_of, frozen) -> None:
    """B10: by bands of noise and by subset; trained images are measured beside, and apart."""
    data = frozen(held_out=HELD_OUT, regs=(1, 4))
    run = make_run(
        "length.steps=6",
        "evaluate.images=2",
        "evaluate.every_steps=4",
        "evaluate.every_epochs=1",
        frozen=data,
    )
    assert work(run) == 0
    events = events_of(run)
    found = validations(events)
    steps = [event for event in events if isinstance(event, StepDone)]
    epochs = [one.step for one, after in pairwise(steps) if one.epoch != after.epoch]
    assert [event.step for event in found] == sorted({0, 4, *epochs, 6})
    assert epochs
    assert {event.images for event in found} == {len(HELD_OUT)}
    for event in found:
        assert len(event.bands) == BANDS
        assert event.loss == pytest.approx(sum(event.bands) / BANDS)
        assert event.loss == pytest.approx((3 * event.subsets["all"] + event.subsets["class"]) / 4)
    trained = [event for event in events if isinstance(event, Evaluated) and not event.held_out]
    assert [event.step for event in trained] == [event.step for event in found]
    assert {event.images for event in trained} == {2}
    with open_manifest(Path(run.info().manifest)) as manifest:
        seen = {s.row for batch in EpochPlan(manifest.spans, 1, 0).epoch(0) for s in batch.samples}
        assert not seen & {manifest.held_out[n] for n in range(len(HELD_OUT))}
        assert sum(event.images for event in steps if event.epoch == 1) == 5


def test_it_changes_no_bit_of_the_training(make_run, work, frozen) -> None:
    """B10: with dropout too, weights are equal with and without it."""
    weights = []
    for name, sets in (("with", ("evaluate.every_steps=1",)), ("without", ("evaluate.validation_images=0",))):
        run = make_run(
            "length.steps=4", "adapter.dropout=0.3", *sets, frozen=frozen(held_out=HELD_OUT), name=name
        )
        assert work(run) == 0
        weights.append(load_file(run.output_dir / f"{name}.safetensors"))
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])


def test_batches_and_shares_give_the_same_losses(family, freeze, frozen) -> None:
    """B10: several images at once, and each process its part, added up."""
    with open_manifest(freeze(frozen(held_out=HELD_OUT)).manifest) as manifest:
        rows = [manifest.held_out[n] for n in range(len(HELD_OUT))]

        def measured(at_once: int = 1, share: Share | None = None, add_up=lambda sums: sums):  # type: ignore[no-untyped-def]
            evaluation = Evaluation(manifest, family, rows, CPU, at_once=at_once, share=share)
            return evaluation.measure(torch.no_grad, lambda _: True, add_up)

        alone = measured()
        together = measured(at_once=24)
        parts: list[torch.Tensor] = []
        for rank in range(3):
            measured(share=Share(rank, 3), add_up=lambda sums: parts.append(sums) or sums)
        shared = measured(share=Share(0, 3), add_up=lambda sums: sum(parts))
        for other in (together, shared):
            assert other.images == alone.images == len(HELD_OUT)
            assert other.loss == pytest.approx(alone.loss, rel=1e-5)
            assert other.bands == pytest.approx(alone.bands, rel=1e-5)
            assert other.subsets == pytest.approx(alone.subsets, rel=1e-5)
        assert len({round(band, 6) for band in alone.bands}) == BANDS
        assert len(parts) == 3
        assert all(len(HELD_OUT) > part[:, BANDS].sum() > 0 for part in parts)


def test_two_processes_measure_together(make_run, work, events_of, frozen) -> None:
    """B10, S057: also where EMA is what is measured, and with fewer groups than processes."""
    sets = ("length.steps=2", "ema.decay=0.9", "evaluate.images=1", "optimizer.epsilon=1e-4")
    data = frozen(held_out=HELD_OUT)
    one = make_run(*sets, "batch.size=2", frozen=data, name="one")
    two = make_run(*sets, "batch.size=2", frozen=data, name="two")  # shared by both
    assert work(one) == 0
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "train")
    done = subprocess.run(
        [sys.executable, *launcher, str(two.path)],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    alone, together = ([e for e in events_of(run) if isinstance(e, Evaluated)] for run in (one, two))
    assert [(e.step, e.held_out, e.images) for e in alone] == [
        (e.step, e.held_out, e.images) for e in together
    ]
    assert [e.loss for e in alone] == pytest.approx([e.loss for e in together], rel=1e-3)


def test_a_held_out_image_that_cannot_be_decoded_is_named(make_run, work, events_of, frozen) -> None:
    run = make_run("length.steps=1", frozen=frozen(held_out=HELD_OUT, broken=(4,)))
    assert work(run) == 0
    named = [event.path for event in events_of(run) if isinstance(event, ImageQuarantined)]
    assert named == ["04.png"]
    assert {event.images for event in validations(events_of(run))} == {3}


def test_nothing_is_measured_where_nothing_is_held_out(make_run, work, events_of) -> None:
    run = make_run("length.steps=1")
    assert work(run) == 0
    phases = {event.name for event in events_of(run) if isinstance(event, PhaseStarted)}
    assert not validations(events_of(run))
    assert "validating" not in phases


def test_a_loss_that_is_no_number_is_read_back() -> None:
    from curator.contract.run.events import from_line, to_line

    event = Evaluated(1.0, 2, math.nan, 3, True, (math.nan, 0.5), {"all": math.nan})
    again = from_line(to_line(event))
    assert isinstance(again, Evaluated)
    assert (math.isnan(again.bands[0]), again.bands[1], math.isnan(again.subsets["all"])) == (True, 0.5, True)


def test_an_event_of_an_older_run_is_of_trained_images() -> None:
    from curator.contract.run.events import from_line

    event = from_line('{"kind": "evaluated", "at": 1.0, "step": 2, "loss": 0.5, "images": 3}')
    assert event == Evaluated(1.0, 2, 0.5, 3)
