"""Whole runs with other optimisers: resumed exactly, saved where they rest, their rates told (S073, S079)."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.run.events import StepDone, Warned
from curator.contract.run.run_folder import RunFolder

SETS = ("length.steps=4", "save.state_every_steps=2", "schedule.name=constant")
PRODIGY = ("optimizer.name=prodigy", "optimizer.unet_lr=1.0", "optimizer.text_lr=1.0")
FREE = ("optimizer.name=adamw_schedulefree", "optimizer.beta1=0.5")
BITS = ("optimizer.name=paged_adamw8bit",)


@pytest.fixture(autouse=True)
def _packages() -> None:
    for package in ("bitsandbytes", "prodigyopt", "schedulefree"):
        pytest.importorskip(package, reason="the optimizers extra is not installed")


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def cut_back(run: RunFolder) -> None:
    """As a run that was killed after its state of step 2 was saved."""
    newest = sorted(run.state_dir.glob("step-*"))[-1]
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    (run.path / "exit.json").unlink()
    (run.output_dir / f"{run.info().name}.safetensors").unlink()


@pytest.mark.parametrize(
    "sets", [PRODIGY, FREE, BITS, ("optimizer.name=torch.optim.NAdam", "optimizer.trust_class=true")]
)
def test_a_resumed_run_is_the_same(make_run, work, events_of, sets) -> None:
    run = make_run(*SETS, *sets)
    assert work(run) == 0
    whole = weights(run)
    cut_back(run)
    assert work(run) == 0
    again = weights(run)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    losses = [(event.step, event.loss) for event in events_of(run) if isinstance(event, StepDone)]
    assert losses[2:4] == losses[4:6]


def test_a_schedule_free_run_is_saved_at_its_average(make_run, work) -> None:
    """The file has other weights than the state, which is of the place it trains at; looking on changes neither."""
    run = make_run(*SETS, *FREE)
    watched = make_run(
        *SETS, *FREE, "save.every_steps=1", "evaluate.images=1", "evaluate.every_steps=1", name="watched"
    )
    assert work(run) == 0
    assert work(watched) == 0
    saved, same = weights(run), weights(watched)
    assert all(torch.equal(saved[name], same[name]) for name in saved)
    state = load_file(sorted(run.state_dir.glob("step-*"))[-1] / "adapter.safetensors")
    moved = [name for name in state if name in saved and not torch.equal(state[name], saved[name])]
    assert moved


def test_the_rate_that_is_found_is_told(make_run, work, events_of) -> None:
    run = make_run(*SETS, *PRODIGY)
    assert work(run) == 0
    rates = [event.lr for event in events_of(run) if isinstance(event, StepDone)]
    assert all(0 < rate["unet"] < 0.5 for rate in rates)
    assert len({rate["unet"] for rate in rates}) > 1


def test_adafactor_has_a_schedule_of_its_own(make_run, work, events_of) -> None:
    """S073: min(0.01, 1 / sqrt(step)), and from a millionth a step with warmup_init; a rate is a factor of it."""
    sets = (
        "optimizer.name=adafactor",
        "optimizer.adafactor.relative_step=true",
        "optimizer.unet_lr=1.0",
        "optimizer.text_lr=0.5",
        "length.steps=2",
    )
    for more, expected in (((), [0.01, 0.01]), (("optimizer.adafactor.warmup_init=true",), [1e-6, 2e-6])):
        run = make_run(*sets, *more, name=f"adafactor{len(more)}")
        assert work(run) == 0
        rates = [event.lr for event in events_of(run) if isinstance(event, StepDone)]
        assert [rate["unet"] for rate in rates] == pytest.approx(expected)
        assert [rate["text"] for rate in rates] == pytest.approx([rate / 2 for rate in expected])


def test_paged_state_without_a_gpu_is_told(make_run, work, events_of) -> None:
    """S052: openly."""
    run = make_run("length.steps=1", "optimizer.name=paged_lion8bit")
    assert work(run) == 0
    (warned,) = [
        event.what for event in events_of(run) if isinstance(event, Warned) and "plain memory" in event.what
    ]
    assert warned.startswith("paged_lion8bit keeps its state")
