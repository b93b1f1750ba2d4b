"""A model spread over processes: a part of it in each, the same training, the same files and saved states."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.events import Evaluated, SampleMade, StepDone
from curator.contract.run.run_folder import RunFolder

PLANTED = Path(__file__).with_name("planted_kill.py")
SPREAD = "precision.shard=full"
SETS = (
    *("trains=full", "optimizer.unet_lr=1e-3", "optimizer.text_lr=1e-4", "precision.mixed=fp32"),
    *("length.steps=4", "save.state_every_steps=1", "batch.size=2"),
)
COUNTED = """
import os, pathlib, torch
from importlib import import_module
AtOnce = import_module("train.precision.update").AtOnce
move = AtOnce.move
def counted(update):
    moved = move(update)
    held = [*update._moved, *(each.grad for each in update._moved if each.grad is not None)]
    held += [each for known in update.optimizer.state.values() for each in known.values() if torch.is_tensor(each)]
    pathlib.Path(os.environ["SEEN"] + os.environ["RANK"]).write_text(str(sum(each.nbytes for each in held)))
    return moved
AtOnce.move = counted
"""


def last(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def optimizer_of(run: RunFolder) -> dict[str, object]:
    return torch.load(run.state_dir / "step-00000004" / "optimizer.pt", weights_only=True)


def assert_close(one: object, other: object, tolerance: float = 2e-5) -> None:
    """Of nested tables, lists, numbers and tensors."""
    if isinstance(one, dict):
        assert isinstance(other, dict)
        assert list(one) == list(other)
        for name in one:
            assert_close(one[name], other[name], tolerance)
    elif isinstance(one, torch.Tensor):
        assert isinstance(other, torch.Tensor)
        torch.testing.assert_close(one, other, atol=tolerance, rtol=50 * tolerance)
    else:
        assert one == other


@pytest.mark.parametrize(
    "knobs",
    [
        (),
        ("ema.decay=0.9", "batch.accumulate=2", "precision.gradient_checkpointing=true"),
    ],
)
def test_half_of_all_in_each_and_the_same_training(
    make_run, train_together, events_of, tmp_path: Path, knobs: tuple[str, ...]
) -> None:
    planted = tmp_path / "counted.py"
    planted.write_text(COUNTED)
    looks = (
        "sample.prompts=['a cat']",
        "sample.at_end=true",
        "sample.steps=2",
        "evaluate.every_steps=2",
        "evaluate.images=3",
    )
    plain = make_run(*SETS, *knobs, *looks, name="plain")
    spread = make_run(*SETS, *knobs, *looks, SPREAD, name="spread")
    held: dict[str, list[int]] = {}
    for run in (plain, spread):
        told = {"FRIEZE_PLANTED": str(planted), "SEEN": str(tmp_path / run.info().name)}
        assert train_together(run, **told) == [0, 0], run.log_path.read_text()
        held[run.info().name] = [int((tmp_path / f"{run.info().name}{rank}").read_text()) for rank in (0, 1)]
    assert max(held["spread"]) < 0.6 * held["plain"][0]
    for kind, number in ((StepDone, "loss"), (StepDone, "grad_norm"), (Evaluated, "loss")):
        ours, theirs = (
            [getattr(event, number) for event in events_of(run) if isinstance(event, kind)]
            for run in (spread, plain)
        )
        assert ours == pytest.approx(theirs, rel=1e-4)
    assert [event for event in events_of(spread) if isinstance(event, SampleMade)]
    assert_close(last(spread), last(plain))
    assert_close(optimizer_of(spread), optimizer_of(plain))


def test_it_is_resumed_exactly(make_run, train_together, tmp_path: Path) -> None:
    """B01: killed after two states; with the average of its weights, and a share of a batch that is empty."""
    sets = (*SETS, "ema.decay=0.9", SPREAD)
    whole, killed = (make_run(*sets, name=name) for name in ("whole", "killed"))
    assert train_together(whole) == [0, 0], whole.log_path.read_text()
    planted = {"FRIEZE_PLANTED": str(PLANTED), "SEEN": str(tmp_path / "seen")}
    assert -9 in train_together(killed, KILL_AT="14", KILL_RANK="0", **planted)
    assert killed.status() == "crashed"
    assert list(killed.state_dir.glob("step-*"))
    assert train_together(killed) == [0, 0], killed.log_path.read_text()
    for found in (last, optimizer_of):
        assert_close(found(killed), found(whole), tolerance=0.0)


@pytest.mark.parametrize(
    ("sets", "why"),
    [
        ((), "only that of a whole model"),
        (("trains=full", "optimizer.name=adafactor"), "looks at a whole weight"),
        (("trains=full", "optimizer.name=adamw8bit"), "looks at a whole weight"),
        (("trains=full", "precision.weights=bf16"), "draws for whole weights"),
        (("trains=full", "precision.mixed=fp16"), "looks at all gradients"),
        (("trains=full", "precision.compile=regional"), "are not compiled"),
        (("trains=full", "precision.channels_last=true"), "one after another"),
        (("trains=full", "ema.decay=0.9", "ema.save=both"), "room for one of both"),
    ],
)
def test_where_it_cannot_be_followed_it_is_refused(tmp_path: Path, sets: tuple[str, ...], why: str) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    with pytest.raises(UserError, match=why):
        load_recipe(empty, ["model.path=x", SPREAD, *sets])
