"""An optimiser shared by processes: half the memory in each, the same weights and the same saved states."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.events import RunFailed, StepDone
from curator.contract.run.run_folder import RunFolder

PLANTED = Path(__file__).with_name("planted_kill.py")
SHARDED = "precision.shard=optimizer"
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
    held = [each for known in update.optimizer.state.values() for each in known.values() if torch.is_tensor(each)]
    pathlib.Path(os.environ["SEEN"] + os.environ["RANK"]).write_text(str(sum(each.nbytes for each in held)))
    return moved
AtOnce.move = counted
"""


def last(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def states(run: RunFolder) -> dict[str, object]:
    return torch.load(run.state_dir / "step-00000004" / "optimizer.pt", weights_only=True)


def assert_same(one: object, other: object) -> None:
    """Of nested tables, lists, numbers and tensors."""
    if isinstance(one, dict):
        assert isinstance(other, dict)
        assert list(one) == list(other)
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, torch.Tensor):
        assert isinstance(other, torch.Tensor)
        assert torch.equal(one, other)
    else:
        assert one == other


@pytest.mark.parametrize(
    "knobs",
    [
        ("optimizer.name=adamw",),
        ("optimizer.name=adafactor",),
        ("precision.mixed=bf16", "precision.weights=bf16"),
        ("precision.mixed=fp16",),
    ],
)
def test_half_the_memory_and_the_same_files(
    make_run, train_together, events_of, tmp_path: Path, knobs: tuple[str, ...]
) -> None:
    planted = tmp_path / "counted.py"
    planted.write_text(COUNTED)
    plain, shared = make_run(*SETS, *knobs, name="plain"), make_run(*SETS, *knobs, SHARDED, name="shared")
    held: dict[str, list[int]] = {}
    for run in (plain, shared):
        told = {"FRIEZE_PLANTED": str(planted), "SEEN": str(tmp_path / run.info().name)}
        assert train_together(run, **told) == [0, 0], run.log_path.read_text()
        held[run.info().name] = [int((tmp_path / f"{run.info().name}{rank}").read_text()) for rank in (0, 1)]
    assert sum(held["shared"]) == held["plain"][0]
    assert max(held["shared"]) < 0.7 * held["plain"][0]
    losses = [
        [event.loss for event in events_of(run) if isinstance(event, StepDone)] for run in (plain, shared)
    ]
    assert losses[0] == losses[1]
    assert_same(last(plain), last(shared))
    assert_same(states(plain), states(shared))


def test_it_is_resumed_exactly(make_run, train_together, tmp_path: Path) -> None:
    """Killed after two states; and the state is that of one process, which goes on from it without sharding."""
    whole, killed = (make_run(*SETS, SHARDED, name=name) for name in ("whole", "killed"))
    assert train_together(whole) == [0, 0], whole.log_path.read_text()
    planted = {"FRIEZE_PLANTED": str(PLANTED), "SEEN": str(tmp_path / "seen")}
    assert -9 in train_together(killed, KILL_AT="14", KILL_RANK="0", **planted)
    assert killed.status() == "crashed"
    assert list(killed.state_dir.glob("step-*"))
    assert train_together(killed) == [0, 0], killed.log_path.read_text()
    assert_same(last(whole), last(killed))
    assert_same(states(whole), states(killed))


def test_one_process_alone_is_refused(make_run, work, events_of) -> None:
    run = make_run(*SETS, SHARDED)
    assert work(run) == 3
    (failed,) = [event for event in events_of(run) if isinstance(event, RunFailed)]
    assert "precision.shard = 'optimizer' would have no effect" in failed.what


@pytest.mark.parametrize(
    ("sets", "why"),
    [
        ((), "only that of a whole model"),
        (
            ("trains=full", "optimizer.name=prodigy", "optimizer.unet_lr=1.0", "optimizer.text_lr=1.0"),
            "looks at all",
        ),
        (
            ("trains=full", "precision.fused_backward=true", "optimizer.max_grad_norm=0.0"),
            "within the backward pass",
        ),
    ],
)
def test_where_it_cannot_be_followed_it_is_refused(tmp_path: Path, sets: tuple[str, ...], why: str) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    with pytest.raises(UserError, match=why):
        load_recipe(empty, ["model.path=x", SHARDED, *sets])
