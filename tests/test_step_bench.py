"""The measurement of a training step beside a plain loop, at its smallest: both sides run."""

from __future__ import annotations

import pytest
import torch

from bench import train_step


@pytest.mark.parametrize("trains", ["full", "lora"])
@pytest.mark.parametrize("side", ["ours", "plain"])
def test_both_sides_take_steps(side: str, trains: str) -> None:
    torch.set_num_threads(1)
    asked = train_step.parser().parse_args(
        ["--size", "tiny", "--side", "64", "--trains", trains, "--steps", "1"]
    )
    told = {"ours": train_step.ours, "plain": train_step.plain}[side](asked)
    assert told["clock"] > 0
    assert told["processor"] > 0
    assert told["peak_mb"] > 0
    if side == "ours":
        assert told["outside_ms"] > 0  # the model's own time is found and taken away
