"""An argument that no optimiser takes is refused before a run."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Frieze


def test_an_argument_that_no_optimiser_takes_is_refused_by_the_check(
    frozen: Path, tiny_model: Path, frieze: Frieze
) -> None:
    """S073: by the trainer's own program, which alone knows the class."""
    knobs = (
        "optimizer.name=torch.optim.AdamW",
        "optimizer.trust_class=true",
        'optimizer.args=["weight_deacy=1"]',
    )
    sets = [word for each in knobs for word in ("--set", each)]
    done = frieze("train", "set", "--recipe", "sd15-lora", "--model", tiny_model, *sets, "--check")
    assert done.code == 2
    assert "torch.optim.AdamW takes no 'weight_deacy'" in done.err
    assert "did you mean 'weight_decay'?" in done.err
    assert "Traceback" not in done.err
