"""The moving average of what is trained: its formula, where it counts, its saved state."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers.training_utils import EMAModel
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Ema, Recipe
from curator.contract.run.events import CheckpointSaved, Evaluated, StepDone
from train.adapters.attach import attach
from train.families.load import load_family
from train.trained.ema import Averaged, decay_at

DECAY = 0.6
EMA = (f"ema.decay={DECAY}", "ema.warmup=none")
TRAINS = {
    "adapter": ("adapter.dropout=0.2",),
    "full": ("trains=full", "optimizer.unet_lr=1e-3", "optimizer.text_lr=1e-3"),
    "embeddings": ("trains=embeddings", "embeddings.word=sls", "embeddings.lr=0.1"),
}
WORD = CaptionRules(trigger="sls")


@pytest.mark.parametrize(
    ("knobs", "theirs"),
    [
        (Ema(decay=0.9, warmup="ratio"), {}),
        (Ema(decay=0.8, warmup="power", power=0.75), {"use_ema_warmup": True, "power": 0.75}),
    ],
)
def test_the_formula_is_that_of_diffusers(knobs: Ema, theirs: dict[str, object]) -> None:
    weight = nn.Parameter(torch.randn(5, 7))
    other = EMAModel([weight], decay=knobs.decay, **theirs)
    mine = weight.detach().clone()
    for updates in range(150):
        weight.data += torch.randn(5, 7)
        other.step([weight])
        assert decay_at(knobs, updates) == pytest.approx(other.cur_decay_value)
        mine = decay_at(knobs, updates) * mine + (1 - decay_at(knobs, updates)) * weight.detach()
    assert decay_at(knobs, 150) == knobs.decay
    assert torch.allclose(mine, other.shadow_params[0], atol=1e-5)


def test_without_a_warmup_the_first_update_is_a_copy_and_the_rest_decay() -> None:
    assert [decay_at(Ema(decay=0.9, warmup="none"), updates) for updates in range(3)] == [0.0, 0.9, 0.9]


@pytest.mark.parametrize("device", ["model", "cpu"])
@pytest.mark.parametrize("trains", sorted(TRAINS))
def test_what_is_saved_is_the_average_of_what_was_trained(
    make_run, frozen, work, events_of, trains: str, device: str
) -> None:
    """Of the weights themselves, saved beside it, each step's; and these are those of a run without an average."""
    data, steps = frozen(rules=WORD), ("length.steps=4", "save.every_steps=1", *TRAINS[trains])
    run = make_run(*EMA, *steps, "ema.save=both", f"ema.device={device}", frozen=data, name="both")
    assert work(run) == 0
    plain = make_run(*steps, frozen=data, name="plain")
    assert work(plain) == 0
    expected: dict[str, torch.Tensor] = {}
    for step in range(1, 5):
        raw = load_file(run.output_dir / f"both-step{step:08d}-raw.safetensors")
        trained = load_file(plain.output_dir / f"plain-step{step:08d}.safetensors")
        assert all(torch.equal(raw[name], trained[name]) for name in raw)
        kept = DECAY if expected else 0.0
        expected = {n: kept * expected.get(n, raw[n]) + (1 - kept) * raw[n] for n in raw}
        average = load_file(run.output_dir / f"both-step{step:08d}.safetensors")
        assert average.keys() == expected.keys()
        for name, tensor in average.items():
            assert torch.allclose(tensor, expected[name], atol=1e-6), name
    assert any(not torch.equal(average[name], raw[name]) for name in raw)
    with safe_open(run.output_dir / "both.safetensors", "pt") as file:
        assert file.metadata()["frieze.weights"] == "average"
    saved = [event.path for event in events_of(run) if isinstance(event, CheckpointSaved)]
    assert saved[-2:] == ["output/both.safetensors", "output/both-raw.safetensors"]


def test_evaluation_and_samples_take_the_average(make_run, work, events_of) -> None:
    """Losses of training are equal to a run's without one; what is judged is not, and equals the file's."""
    sets = (
        "length.steps=3",
        "evaluate.images=2",
        "sample.prompts=['a cat']",
        "sample.steps=2",
        "sample.width=64",
        "sample.height=64",
        "sample.at_start=false",
    )
    runs = [make_run(*EMA, *sets, name="average"), make_run(*sets, name="plain")]
    assert [work(run) for run in runs] == [0, 0]
    trained, judged = (
        [[event.loss for event in events_of(run) if isinstance(event, kind)] for run in runs]
        for kind in (StepDone, Evaluated)
    )
    assert trained[0] == trained[1]
    assert judged[0][0] == judged[1][0]
    assert judged[0][-1] != judged[1][-1]
    images = [next(run.samples_dir.glob("step-00000003-*.png")).read_bytes() for run in runs]
    assert images[0] != images[1]
    again = make_run(
        *sets,
        f"adapter.start={runs[0].output_dir / 'average.safetensors'}",
        name="again",
    )
    assert work(again) == 0
    first = next(event.loss for event in events_of(again) if isinstance(event, Evaluated))
    assert first == pytest.approx(judged[0][-1], abs=1e-6)


def test_at_rest_the_two_change_places_and_change_back(tiny_model: Path) -> None:
    recipe = Recipe()
    family = load_family(str(tiny_model))
    adapter = attach(family.adapter_roots, recipe.adapter, recipe.optimizer, 1)
    averaged = Averaged(adapter, Ema(decay=0.5, warmup="none"))
    averaged.stepped()
    for weight in adapter.weights:
        weight.data += 1.0
    averaged.stepped()
    before = [weight.detach().clone() for weight in adapter.weights]
    places = [weight.data_ptr() for weight in adapter.weights]
    with averaged.at_rest():
        for weight, raw in zip(adapter.weights, before, strict=True):
            assert torch.allclose(weight, raw - 0.5, atol=1e-6)
    assert all(torch.equal(weight, raw) for weight, raw in zip(adapter.weights, before, strict=True))
    assert places == [weight.data_ptr() for weight in adapter.weights]


@pytest.mark.parametrize("device", ["model", "cpu"])
def test_killed_and_resumed_equals_uninterrupted(
    make_run, work, kill_after, start_worker, device: str
) -> None:
    """S079: the average too, bit for bit, with a rule that counts updates."""
    sets = (
        "ema.decay=0.9",
        f"ema.device={device}",
        "ema.save=both",
        "length.steps=7",
        "save.state_every_steps=2",
    )
    whole = make_run(*sets, name="whole")
    assert work(whole) == 0
    killed = make_run(*sets, name="killed")
    kill_after(killed, 5)
    assert start_worker(killed).wait() == 0, killed.log_path.read_text()
    for end in ("", "-raw"):
        one = load_file(whole.output_dir / f"whole{end}.safetensors")
        other = load_file(killed.output_dir / f"killed{end}.safetensors")
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_kept_checkpoints_count_by_steps_and_both_files_go_together(make_run, work) -> None:
    run = make_run(*EMA, "ema.save=both", "save.every_steps=1", "save.keep_last=2", "length.steps=4")
    assert work(run) == 0
    assert sorted(path.stem for path in run.output_dir.iterdir()) == [
        "tiny",
        "tiny-raw",
        "tiny-step00000003",
        "tiny-step00000003-raw",
        "tiny-step00000004",
        "tiny-step00000004-raw",
    ]


def test_a_state_without_an_average_is_refused(tiny_model: Path) -> None:
    recipe = Recipe()
    adapter = attach(load_family(str(tiny_model)).adapter_roots, recipe.adapter, recipe.optimizer, 1)
    averaged = Averaged(adapter, Ema(decay=0.5))
    with pytest.raises(UserError):
        averaged.load(adapter.state())
