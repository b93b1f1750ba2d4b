"""What a device cannot do is told with what to set instead."""

from __future__ import annotations

import pytest
import torch

from curator.contract.errors import UserError
from curator.contract.recipe.precision import Precision
from curator.contract.run.events import RunFailed
from train.precision.capabilities import Capabilities, capabilities_of, check_device

TURING = Capabilities("NVIDIA T4", is_gpu=True, compute=(7, 5), has_bf16=False)
HOPPER = Capabilities("NVIDIA H200", is_gpu=True, compute=(9, 0))


@pytest.mark.parametrize(
    ("precision", "what", "hint"),
    [
        (Precision(), "precision.mixed", "precision.mixed = 'fp16'"),
        (
            Precision(weights="bf16"),
            "precision.mixed",
            "precision.mixed = 'fp16' and precision.weights = 'fp32'",
        ),
        (Precision(mixed="fp16", vae="bf16"), "precision.vae", "precision.vae = 'fp16'"),
    ],
)
def test_a_card_without_bf16_is_told_what_to_set(precision: Precision, what: str, hint: str) -> None:
    """S056."""
    with pytest.raises(UserError) as caught:
        check_device(precision, TURING)
    assert caught.value.what.startswith("NVIDIA T4 has no bf16")
    assert what in caught.value.what
    assert hint in caught.value.hint
    check_device(precision, HOPPER)


def test_what_it_was_told_to_set_is_taken() -> None:
    check_device(Precision(mixed="fp16", vae="fp16"), TURING)
    check_device(Precision(mixed="fp32"), TURING)


def test_a_fused_backward_pass_is_for_one_process() -> None:
    check_device(Precision(fused_backward=True), HOPPER)
    with pytest.raises(UserError, match="for one process, and there are 2"):
        check_device(Precision(fused_backward=True), HOPPER, processes=2)


def test_a_run_on_a_card_without_bf16_ends_before_the_model_is_loaded(make_run, work, events_of, monkeypatch):
    """S056: with the sentence, as any mistake in a recipe."""
    monkeypatch.setattr("train.prepare.stages.capabilities_of", lambda _device: TURING)
    run = make_run("precision.mixed=bf16")
    assert work(run) == 3
    (failed,) = [event for event in events_of(run) if isinstance(event, RunFailed)]
    assert failed.what.startswith("NVIDIA T4 has no bf16")


def test_the_cpu_has_bf16() -> None:
    assert capabilities_of(torch.device("cpu")).has_bf16
