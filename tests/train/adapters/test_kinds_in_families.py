"""Every kind of adapter on every family: it takes steps, moves what it trains alone, and resumes bit for bit.

A run that was killed leaves its last whole state, and from a copy of such a state it goes on here; a real kill is in
`tests.train.states.test_exact_resume`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from curator.contract.run.run_folder import RunFolder
from curator.contract.run.stop_signals import StopSignals
from train.adapters.kinds.table import KINDS
from train.prepare.job import prepare
from train.report import Reporter

UNUSED_RANK = (
    "adapter.rank=16",
    "adapter.alpha=8.0",
)  # the defaults: kinds that do not use them refuse others
SETS: dict[str, tuple[str, ...]] = {
    "lora": ("adapter.alpha=1.0", "adapter.norms=true"),
    "locon": ("adapter.alpha=1.0", "adapter.locon.tucker=true"),
    "dora": ("adapter.conv_rank=2", "adapter.alpha=1.0"),
    "loha": ("adapter.conv_rank=2", "adapter.alpha=1.0"),
    "lokr": ("adapter.conv_rank=2", "adapter.lokr.factor=4"),
    "ia3": UNUSED_RANK,
    "glora": ("adapter.conv_rank=2", "adapter.alpha=1.0"),
    "oft": ("adapter.rank=8", "adapter.alpha=8.0", "adapter.conv_rank=8"),
    "boft": ("adapter.rank=8", "adapter.alpha=8.0", "adapter.conv_rank=8"),
    "dylora": ("adapter.dylora.unit=1",),
}
FAMILIES = ("sd1", "sd2", "sdxl")


def test_no_kind_is_left_out() -> None:
    assert set(SETS) == set(KINDS) - {"norm"}  # norms are trained beside the others


@pytest.fixture
def run_of(make_run, tiny_of) -> Callable[..., RunFolder]:
    def make(kind: str, family: str, *sets: str, name: str = "tiny") -> RunFolder:
        model = (f"model.path={tiny_of(family)}", f"model.family={family}")
        predicts = ("model.prediction=epsilon",) if family == "sd2" else ()
        return make_run(f"adapter.kind={kind}", *model, *predicts, *SETS[kind], *sets, name=name)

    return make


def numbers(*modules: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for module in modules for weight in module.parameters()]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", sorted(SETS))
def test_only_what_is_trained_moves(run_of, kind: str, family: str) -> None:
    job = prepare(run_of(kind, family), lambda _: Reporter(None), StopSignals())
    model, adapter = job.stepper.family, job.stepper.trained
    base = (model.unet, model.vae, *model.text_encoders)
    frozen, started = numbers(*base), adapter.state()
    idle = [numbers_of(module.tensors) for module in adapter.idle]
    for batch in job.data.feed.batches(0, 2):
        job.stepper.take(batch)
    assert all(torch.equal(*pair) for pair in zip(frozen, numbers(*base), strict=True))
    assert all(
        torch.equal(*pair)
        for module, before in zip(adapter.idle, idle, strict=True)
        for pair in zip(numbers_of(module.tensors), before, strict=True)
    )
    ended = adapter.state()
    moved = {name for name in started if not torch.equal(started[name], ended[name])}
    if kind == "dylora":  # draws some of its ranks for each module and step
        moved, started = ({name.partition(".")[0] for name in names} for names in (moved, started))
    assert moved == set(started)


def numbers_of(tensors: dict[str, nn.Parameter]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors.values()]


@pytest.mark.parametrize("kind", sorted(SETS))
def test_a_resumed_run_equals_one_that_was_never_stopped(run_of, work, kind: str) -> None:
    """S079."""
    sets = ("length.steps=4", "save.state_every_steps=2")
    whole = run_of(kind, "sd1", *sets, name="whole")
    assert work(whole) == 0
    killed = run_of(kind, "sd1", *sets, name="killed")
    shutil.copytree(whole.state_dir / "step-00000002", killed.state_dir / "step-00000002")
    assert work(killed) == 0
    one, other = (saved(run.output_dir, run.info().name) for run in (whole, killed))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def saved(folder: Path, name: str) -> dict[str, Tensor]:
    return load_file(folder / f"{name}.safetensors")
