"""A run tried out before it is started: what it will be, and what does not fit (B02)."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from curator.contract.run.events import StepDone
from curator.contract.run.run_folder import RunFolder
from tests.train.survival.test_room import Allocator
from train.preflight import measure
from train.programs.preflight import main
from train.step import Stepper

SAMPLES = ("sample.prompts=['a red thing']", "sample.steps=4", "sample.width=64", "sample.height=64")


@pytest.fixture
def preflight(monkeypatch, capsys, tmp_path: Path):
    """The report of a preflight of a run's recipe; the folder it was done in is empty behind it."""

    def ask(run: RunFolder, code: int = 0) -> dict:
        place = tmp_path / "place"
        place.mkdir(exist_ok=True)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(run.recipe_path.read_bytes())))
        assert main([f"--manifest={run.info().manifest}", f"--place={place}"]) == code
        assert not list(place.iterdir())
        lines = capsys.readouterr().out.splitlines()
        return json.loads(lines[-1]).get("report", {}) if lines else {}

    return ask


def test_what_it_foretells_is_what_the_run_does(make_run, work, events_of, preflight) -> None:
    """The largest bucket, steps, bytes on the disk; and the run comes out the same as without it."""
    sets = (*SAMPLES, "batch.size=2", "length.epochs=2", "save.state_every_steps=3")
    plain, run = make_run(*sets, name="plain"), make_run(*sets, name="tried")
    assert work(plain) == 0
    before = set(run.path.rglob("*"))
    outlook = preflight(run)
    assert set(run.path.rglob("*")) == before
    assert work(run) == 0
    losses = [
        [event.loss for event in events_of(each) if isinstance(event, StepDone)] for each in (plain, run)
    ]
    assert losses[0] == losses[1]
    assert outlook["fits"]
    assert outlook["obstacles"] == []
    assert outlook["steps"] == len(losses[0])
    assert outlook["bucket"] in ([64, 64], [96, 32], [32, 96], [32, 128], [128, 32])
    assert outlook["images_at_once"] == 2
    weights = (run.output_dir / "tried.safetensors").stat().st_size
    assert 0.5 * weights < outlook["weights_bytes"] <= weights  # but for what it says of itself
    (state,) = list(run.state_dir.glob("step-*"))[-1:]
    assert outlook["state_bytes"] == pytest.approx(sum(f.stat().st_size for f in state.iterdir()), rel=0.05)
    assert outlook["total_seconds"] == pytest.approx(
        sum(outlook[f"{part}_seconds"] for part in ("caching", "training", "sampling", "saving"))
    )
    assert all(
        outlook[f"{part}_seconds"] > 0 for part in ("caching", "training", "sampling", "saving", "step")
    )
    assert outlook["host_peaks"]["train_bytes"] > 2**20


@pytest.mark.parametrize(("batch", "bucket", "at_once"), [(1, [64, 64], 1), (2, [96, 32], 2)])
def test_the_largest_bucket_is_met_at_once(
    make_run, frozen, preflight, monkeypatch, batch, bucket, at_once
) -> None:
    """One image in nine is large; two of the others together are larger, where two go through the model at once."""
    seen: list[tuple[int, ...]] = []
    honest = Stepper.take

    def take(stepper: Stepper, ready):
        seen.append(ready.micro_batches[0].inputs.shape)
        return honest(stepper, ready)

    monkeypatch.setattr(Stepper, "take", take)
    run = make_run(f"batch.size={batch}", frozen=frozen(sizes=((90, 30),) * 8 + ((64, 64),)))
    outlook = preflight(run)
    assert outlook["bucket"] == bucket
    assert outlook["images_at_once"] == at_once
    assert [shape[-2:] for shape in seen] == [(bucket[1] // 8, bucket[0] // 8)] * 2


def test_what_does_not_fit_is_refused_with_proposals(make_run, frozen, preflight, monkeypatch) -> None:
    run = make_run("batch.size=4", frozen=frozen(sizes=((64, 64),) * 4))
    Allocator(monkeypatch, 2)
    outlook = preflight(run)
    assert not outlook["fits"]
    assert outlook["obstacles"] == ["4 images of 64 x 64 pixels at once do not fit, 2 do"]
    assert outlook["max_batch"] == 2
    proposals = {tuple(each["values"].items()): each for each in outlook["proposals"]}
    assert next(iter(proposals)) == (("batch.size", 2), ("batch.accumulate", 2))
    ckpt = proposals[("precision.gradient_checkpointing", True),]
    assert ckpt["cost"] == "about 47 % more time a step"
    assert ckpt["saves_bytes"] is None
    assert proposals[("precision.offload", "vae"),]["saves_bytes"] > 0


def test_not_even_one_image_fits(make_run, frozen, preflight, monkeypatch) -> None:
    run = make_run("batch.size=1", frozen=frozen(sizes=((64, 64),) * 4))
    Allocator(monkeypatch, 0)
    outlook = preflight(run)
    assert outlook["obstacles"] == ["1 image of 64 x 64 pixels at once does not fit"]
    assert (outlook["total_seconds"], outlook["max_batch"]) == (None, 0)
    assert outlook["proposals"]


def test_a_disk_that_is_too_small_is_refused(make_run, preflight, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 2**20))
    (obstacle,) = preflight(make_run())["obstacles"]
    assert obstacle.endswith("MiB and the disk has 1 MiB free")


def test_numbers_that_are_none_are_refused(make_run, preflight, monkeypatch) -> None:
    losses = Stepper.losses
    monkeypatch.setattr(Stepper, "losses", lambda *args: losses(*args) * torch.nan)
    (obstacle,) = preflight(make_run())["obstacles"]
    assert obstacle.startswith("the loss is NaN or infinite with ")


def test_a_mistake_is_a_sentence(make_run, preflight, capsys) -> None:
    run = make_run()
    next((run.path.parents[1] / "pictures").iterdir()).unlink()
    preflight(run, code=2)
    assert "Traceback" not in capsys.readouterr().err


def test_the_largest_batch_is_told_by_what_an_image_takes() -> None:
    """Where the device tells both what there is and what was held."""
    from train.preflight.outlook import _max_batch
    from train.preflight.trial import Trial

    trial = Trial(at_once=4, fits_at_once=4, step=measure.Cost(1.0, 5 * 2**30, 0, 2**30))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.preflight.outlook.free_bytes", lambda: 9 * 2**30)
        assert _max_batch(trial) == 8


def test_ctrl_c_leaves_nothing(make_run, preflight, monkeypatch) -> None:
    """In the midst of a save."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("train.preflight.trial.save_state", interrupted)
    preflight(make_run(), code=130)
