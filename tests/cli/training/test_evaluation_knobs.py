"""Evaluation asked for where there is nothing to measure is refused before a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Frieze


@pytest.mark.parametrize("knob", ["every_steps", "every_epochs"])
def test_measuring_nothing_every_so_often_is_refused(frozen: Path, frieze: Frieze, knob: str) -> None:
    """B10: a knob without effect."""
    words = ("train", frozen, "--recipe", "sd15-lora", "--dry-run", "--set", f"evaluate.{knob}=2")
    done = frieze(*words)
    assert done.code == 2
    assert f"evaluate.{knob} would have no effect" in done.err
    assert frieze(*words, "--set", "evaluate.images=1").code == 0
    idle = frieze(*words, "--set", "evaluate.validation_images=0")
    assert (idle.code, "would have no effect" in idle.err) == (2, True)
