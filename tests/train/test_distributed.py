"""Two processes with gloo train what one trains (S057, S058, B11)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.caption.captions import CaptionRules
from curator.contract.run.events import RunStarted, StepDone

ROOT = Path(__file__).parents[2]


SPECIAL = CaptionRules(shuffle=True, trigger="(sls:1.3)", suffix="in a [very] long caption " * 18)


@pytest.mark.parametrize("is_special", [False, True], ids=["plain", "cuts, masks, regs, weights, 150 tokens"])
def test_two_processes_train_what_one_trains(make_run, work, events_of, frozen, is_special) -> None:
    """The same effective batch of 4: losses and weights agree but for the order of sums; a bad image too."""
    sets = ("length.epochs=2", "evaluate.images=2", "optimizer.epsilon=1e-4", "batch.leftovers=carry")
    data = frozen(broken=(3,))
    if is_special:
        data = frozen(
            broken=(3,),
            rules=SPECIAL,
            crop="random",
            mask="alpha",
            clear=(0, 2, 7),
            regs=(1, 4),
            reg_weight=0.5,
        )
        sets = (*sets, "text.weighted_captions=true", "text.max_tokens=150", "objective.mask_floor=0.1")
    one = make_run(*sets, "batch.size=2", "batch.accumulate=2", frozen=data, name="one")
    two = make_run(*sets, "batch.size=2", "batch.accumulate=1", frozen=data, name="two")
    assert work(one) == 0
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "-m",
        "train",
    ]
    done = subprocess.run(
        [*command, str(two.path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (start,) = [event for event in events_of(two) if isinstance(event, RunStarted)]
    assert start.processes == 2
    steps = [[e for e in events_of(run) if isinstance(e, StepDone)] for run in (one, two)]
    assert [e.images for e in steps[0]] == [e.images for e in steps[1]]
    assert [e.loss for e in steps[0]] == pytest.approx([e.loss for e in steps[1]], rel=1e-4)
    regs = [[e.reg_loss or 0.0 for e in run] for run in steps]
    assert regs[0] == pytest.approx(regs[1], rel=1e-4)
    assert any(regs[0]) == is_special
    assert [e.grad_norm for e in steps[0]] == pytest.approx([e.grad_norm for e in steps[1]], rel=1e-3)
    alone, together = (load_file(run.output_dir / f"{run.info().name}.safetensors") for run in (one, two))
    assert all(torch.allclose(alone[name], together[name], atol=1e-4) for name in alone)
