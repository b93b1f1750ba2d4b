"""Whole runs in each precision: they resume bit-equal, and weights move and are written."""

from __future__ import annotations

import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from curator.contract.run.events import StepDone, Warned
from curator.contract.run.run_folder import RunFolder

FULL = ("trains=full", "optimizer.unet_lr=1e-3", "optimizer.text_lr=0.0")
FUSED = ("precision.fused_backward=true", "optimizer.max_grad_norm=0.0")
LAID = ("precision.channels_last=true", "precision.attention=math", "precision.gradient_checkpointing=true")
BF16 = ("precision.mixed=bf16", "precision.weights=bf16")


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def cut_back(run: RunFolder) -> None:
    """As if it had been killed after the state in the middle."""
    first, *later = sorted(run.state_dir.glob("step-*"))
    assert first.name == "step-00000002"
    for each in later:
        shutil.rmtree(each)
    (run.output_dir / f"{run.info().name}.safetensors").unlink()
    (run.path / "exit.json").unlink()


@pytest.mark.parametrize(
    "sets",
    [
        pytest.param(("precision.mixed=fp16", "precision.vae=fp16"), id="fp16"),
        pytest.param(BF16, id="bf16 adapter"),
        pytest.param((*FULL, *BF16), id="bf16 model"),
        pytest.param((*FULL, *FUSED, *LAID), id="fused, channels last, twice by one kernel"),
        pytest.param((*FULL, *FUSED, *BF16, "optimizer.name=adafactor"), id="fused bf16 model"),
    ],
)
def test_a_run_resumes_bit_equal(make_run, work, events_of, sets: tuple[str, ...]) -> None:
    """S056, S079."""
    run = make_run("length.steps=3", "save.state_every_steps=2", *sets)
    assert work(run) == 0, events_of(run)[-1]
    whole, losses = weights(run), [e.loss for e in events_of(run) if isinstance(e, StepDone)]
    (state,) = run.state_dir.glob("step-*2")
    with safe_open(state / "adapter.safetensors", "pt") as file:
        held = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert held == {torch.bfloat16 if BF16[1] in sets else torch.float32}
    cut_back(run)
    assert work(run) == 0
    again = weights(run)
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())
    assert [e.loss for e in events_of(run) if isinstance(e, StepDone)] == [*losses, losses[-1]]


def test_every_kind_of_adapter_is_trained_in_bf16(make_run, work, events_of) -> None:
    """S056: whatever a kind computes of its tensors, it can from bf16; weights move, and are finite."""
    kinds = (
        "adapter.norms=true",
        "adapter.rank=4",
        "adapter.dylora.unit=2",
        "adapter.lokr.factor=4",
        "adapter.rules=["
        "'*attn1_to_q kind=loha', '*attn1_to_k kind=lokr', '*attn1_to_v kind=dora', '*attn2_to_k kind=ia3',"
        "'*attn2_to_q kind=glora', '*attn2_to_v kind=oft', '*ff_net_0_proj kind=boft', '*ff_net_2 kind=dylora lr=1e-3',"
        "'*conv1 kind=locon rank=2 tucker=true', '*conv2 kind=lokr rank=2 full_matrix=true']",
    )
    run = make_run(*kinds, *BF16, "length.steps=2", "save.every_steps=1")
    assert work(run) == 0, events_of(run)[-1]
    first = load_file(run.output_dir / "tiny-step00000001.safetensors")
    last = weights(run)
    assert all(bool(tensor.isfinite().all()) for tensor in last.values())
    leaves = {name.split(".", 1)[1] for name in last}
    moved = {name.split(".", 1)[1] for name in last if not torch.equal(first[name], last[name])}
    assert leaves - moved <= {"alpha", "on_input"}


def test_an_overflow_in_fp16_is_told_and_moves_nothing(make_run, work, events_of, monkeypatch) -> None:
    """S056: a loss scale that is too high; the step counts, and the run goes on."""
    made = torch.amp.GradScaler
    monkeypatch.setattr(torch.amp, "GradScaler", lambda device: made(device, init_scale=1e38))
    run = make_run("precision.mixed=fp16", "length.steps=1", "save.state_every_steps=1")
    assert work(run) == 0
    told = [event.what for event in events_of(run) if isinstance(event, Warned)]
    assert any(what.startswith("step 1 moved nothing: its gradients overflow fp16") for what in told)
    assert not any(tensor.any() for name, tensor in weights(run).items() if "lora_up" in name)
