"""A loss that is no number: the step is left out, the images named, and left out too when it comes again (B08)."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.locations import BAD_STEPS
from curator.contract.run.events import ImageQuarantined, RunFailed, RunStarted, StepDone, Warned
from curator.contract.run.run_folder import RunFolder
from train.step import Stepper, Taken

SETS = ("length.epochs=4", "save.state_every_steps=3", "save.states_kept=9", "ema.decay=0.9")


def planted(monkeypatch: pytest.MonkeyPatch, *names: str, gradient: bool = False) -> list[str]:
    """NaN in the loss of these images, or in the gradient of the steps that have them; the images of every step."""
    honest, seen = Stepper.gradients, list[str]()

    def gradients(stepper: Stepper, batch) -> Taken:
        seen.extend(batch.names)
        losses = stepper.losses
        bad = torch.tensor([torch.nan if name in names else 1.0 for name in batch.names])
        with monkeypatch.context() as patch:
            if not gradient:
                patch.setattr(Stepper, "losses", lambda _, part: losses(part) * bad[: len(part.timesteps)])
            taken = honest(stepper, batch)
        if gradient and bad.isnan().any():
            for weight in stepper.trained.weights:
                weight.grad = torch.full_like(weight, torch.nan)
            taken._numbers[3] = torch.nan  # the norm, behind the three sums
        return taken

    monkeypatch.setattr(Stepper, "gradients", gradients)
    return seen


def of_kind(run: RunFolder, events_of, kind: type) -> list:
    return [event for event in events_of(run) if isinstance(event, kind)]


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def same(one: RunFolder, other: RunFolder) -> bool:
    found, others = weights(one), weights(other)
    return all(torch.equal(found[name], others[name]) for name in found)


@pytest.fixture
def data(frozen):
    return frozen(sizes=((64, 64),) * 4)


@pytest.mark.parametrize("gradient", [False, True], ids=["loss", "gradient"])
def test_weights_stay_numbers_and_the_image_is_named(
    make_run, work, events_of, data, monkeypatch, gradient
) -> None:
    planted(monkeypatch, "02.png", gradient=gradient)
    run = make_run(*SETS, "batch.size=1", frozen=data)
    assert work(run) == 0
    told = [event.what for event in of_kind(run, events_of, Warned) if "left out" in event.what]
    assert told
    assert all("NaN" in what and "02.png" in what for what in told)
    assert all(torch.isfinite(weight).all() for weight in weights(run).values())
    record = json.loads((run.path / BAD_STEPS).read_text())["steps"]
    steps = {event.step for event in of_kind(run, events_of, StepDone)}
    assert steps == set(range(1, 17)) - {each["step"] + 1 for each in record}


def test_an_image_that_does_it_again_is_trained_no_more(make_run, work, events_of, data, monkeypatch) -> None:
    seen = planted(monkeypatch, "02.png")
    run = make_run(*SETS, "batch.size=1", frozen=data)
    assert work(run) == 0
    assert seen.count("02.png") == 2
    (left_out,) = of_kind(run, events_of, ImageQuarantined)
    assert left_out.path == "02.png"
    assert len(seen) == 16  # another stood in for it


def test_what_moved_goes_back_to_the_last_good_state_and_comes_to_the_same(
    make_run, work, events_of, data, monkeypatch
) -> None:
    """On a device the numbers come when the weights have moved; here they are said to."""
    planted(monkeypatch, "02.png")
    known = make_run(*SETS, "batch.size=1", frozen=data, name="known")
    late = make_run(*SETS, "batch.size=1", frozen=data, name="late")
    assert work(known) == 0
    monkeypatch.setattr(Taken, "is_here", property(lambda _: False))
    assert work(late) == 0
    starts = of_kind(late, events_of, RunStarted)
    assert [start.resumed for start in starts].count(True) >= 1
    assert same(known, late)


def test_a_resume_goes_the_same_way(make_run, work, start_worker, events_of, data, monkeypatch) -> None:
    """Killed behind the second bad step, it goes on from a state before the image was left out."""
    planted(monkeypatch, "02.png")
    whole = make_run(*SETS, "batch.size=1", frozen=data, name="whole")
    again = make_run(*SETS, "batch.size=1", frozen=data, name="again")
    assert work(whole) == 0
    assert work(again) == 0
    record = json.loads((again.path / BAD_STEPS).read_text())["steps"]
    (again.path / "exit.json").unlink()
    for state in again.state_dir.iterdir():
        if int(state.name[-8:]) > record[0]["step"]:
            for file in state.iterdir():
                file.unlink()
            state.rmdir()
    assert work(again) == 0
    assert same(whole, again)


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ((), "the 3 steps in a row"),
        (("survival.nan_in_a_row=99", "survival.nan_steps=4"), "4 such steps may be left out"),
        (("survival.nan_steps=0",), "at step 1"),
    ],
)
def test_there_is_an_end_to_it(make_run, work, events_of, data, monkeypatch, sets, said) -> None:
    planted(monkeypatch, *(f"{number:02}.png" for number in range(4)))
    run = make_run(*SETS, "batch.size=2", "survival.nan_repeats=99", *sets, frozen=data)
    assert work(run) == 3
    (failed,) = of_kind(run, events_of, RunFailed)
    assert said in failed.what
    assert work(run) == 3  # and it is no other when it is started again
    assert said in of_kind(run, events_of, RunFailed)[-1].what


@pytest.mark.parametrize("latents", ["memory", "off"])
def test_changed_images_are_named_and_left_out_where_the_recipe_says_so(
    make_run, work, events_of, data, latents
) -> None:
    knobs = (f"cache.latents={latents}", "survival.bad_images=0.5", "length.epochs=2")
    runs = [
        make_run(*knobs, f"survival.changed_images={way}", frozen=data, name=way) for way in ("stop", "skip")
    ]
    pictures = runs[0].path.parents[1] / "pictures"
    (pictures / "01.png").unlink()
    bytes_then = (pictures / "03.png").read_bytes()
    (pictures / "03.png").write_bytes(bytes(len(bytes_then)))
    stop, skip = runs
    assert work(stop) == 3
    assert "01.png" in of_kind(stop, events_of, RunFailed)[0].what
    assert work(skip) == 0
    assert {event.path for event in of_kind(skip, events_of, ImageQuarantined)} == {"01.png", "03.png"}
