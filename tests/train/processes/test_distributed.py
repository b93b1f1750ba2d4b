"""Several processes with gloo train what one trains (S057, S058, B11)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.caption.captions import CaptionRules
from curator.contract.run.events import ImageQuarantined, RunStarted, StepDone
from curator.contract.run.run_folder import RunFolder

ROOT = Path(__file__).parents[3]
PLANTED = Path(__file__).with_name("planted_kill.py")
SPECIAL = CaptionRules(shuffle=True, trigger="(sls:1.3)", suffix="in a [very] long caption " * 18)
LAUNCHERS = {
    "torchrun": ("torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
    # Told of GPUs it starts two processes, which see for themselves that there is none; told of CPUs alone, but one.
    "accelerate": ("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
                   "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"),
}  # fmt: skip


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(run.output_dir / f"{run.info().name}.safetensors")


def assert_same_training(one: RunFolder, other: RunFolder, events_of, *, atol: float = 1e-4) -> None:
    """Images, losses, norms and weights, but for the order of sums."""
    steps = [[e for e in events_of(run) if isinstance(e, StepDone)] for run in (one, other)]
    assert [e.images for e in steps[0]] == [e.images for e in steps[1]]
    assert [e.loss for e in steps[0]] == pytest.approx([e.loss for e in steps[1]], rel=1e-4)
    regs = [[e.reg_loss or 0.0 for e in run] for run in steps]
    assert regs[0] == pytest.approx(regs[1], rel=1e-4)
    assert [e.grad_norm for e in steps[0]] == pytest.approx([e.grad_norm for e in steps[1]], rel=1e-3)
    alone, together = weights(one), weights(other)
    assert alone.keys() == together.keys()
    assert all(torch.allclose(alone[name], together[name], atol=atol) for name in alone)


SETS = ("length.epochs=2", "evaluate.images=2", "optimizer.epsilon=1e-4", "batch.leftovers=carry")


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_trains_what_one_process_trains(make_run, work, events_of, frozen, launcher: str) -> None:
    """The same batch of 4, shared by two: a bad image too."""
    one, two = (
        make_run(*SETS, "batch.size=2", "batch.accumulate=2", frozen=frozen(broken=(3,)), name=name)
        for name in ("one", "two")
    )
    assert work(one) == 0
    done = subprocess.run(
        [sys.executable, "-m", *LAUNCHERS[launcher], "-m", "train", str(two.path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (start,) = [event for event in events_of(two) if isinstance(event, RunStarted)]
    assert start.processes == 2
    assert_same_training(one, two, events_of)


def test_cuts_masks_regularisation_and_long_captions(
    make_run, work, events_of, frozen, train_together
) -> None:
    data = frozen(
        broken=(3,), rules=SPECIAL, crop="random", mask="alpha", clear=(0, 2, 7), regs=(1, 4), reg_weight=0.5
    )
    sets = (
        *SETS,
        *("text.weighted_captions=true", "text.max_tokens=150", "objective.mask_floor=0.1"),
        *("batch.size=2", "batch.accumulate=2"),
    )
    one, two = (make_run(*sets, frozen=data, name=name) for name in ("one", "two"))
    assert work(one) == 0
    assert train_together(two) == [0, 0], two.log_path.read_text()
    assert_same_training(one, two, events_of)
    assert any(event.reg_loss for event in events_of(two) if isinstance(event, StepDone))


FULL = (
    "trains=full",
    "optimizer.name=adamw",
    "optimizer.epsilon=1e-2",
    "optimizer.unet_lr=1e-3",
    "optimizer.text_lr=1e-3",
)


def test_a_whole_model_by_three_processes_of_unequal_shares(
    make_run, work, events_of, train_together
) -> None:
    """S058: 4 images a step, 1 + 1 + 2; and what is left over of a bucket may leave a process with none."""
    sets = (*FULL, "length.steps=3", "batch.size=4", "batch.leftovers=short")
    one, three = (make_run(*sets, name=name) for name in ("one", "three"))
    assert work(one) == 0
    assert train_together(three, 3) == [0, 0, 0], three.log_path.read_text()
    assert_same_training(one, three, events_of)


def test_more_processes_than_images_of_a_step_are_refused(make_run, events_of, train_together) -> None:
    run = make_run("batch.size=1")
    assert 3 in train_together(run)
    assert "1 image a step, and 2 processes would share them" in run.events_path.read_text()
    assert run.status() == "failed"


@pytest.mark.parametrize("broken", [(0,), (8,)])
def test_what_any_process_cannot_decode_is_told(make_run, frozen, events_of, train_together, broken) -> None:
    """Whichever process reads it, the first one tells, once."""
    data = frozen(sizes=((64, 64),) * 9, broken=broken, flip=False)
    run = make_run("batch.size=2", "length.epochs=1", "cache.latents=off", frozen=data)
    assert train_together(run) == [0, 0], run.log_path.read_text()
    told = [event.path for event in events_of(run) if isinstance(event, ImageQuarantined)]
    assert told == [f"{broken[0]:02d}.png"]


def test_every_image_its_repeats_in_a_run_of_three(make_run, frozen, train_together, tmp_path: Path) -> None:
    """S037, B11: with readers of their own and cached latents; what is left over of a bucket is fewer than three."""
    seen = tmp_path / "seen"
    run = make_run(
        *("length.epochs=1", "batch.size=4", "loader.workers=2", "cache.latents=memory"),
        frozen=frozen(repeats=2.0),
    )
    assert train_together(run, 3, FRIEZE_PLANTED=str(PLANTED), SEEN=str(seen)) == [0, 0, 0]
    names = Counter(
        name for line in seen.read_text("utf-8").splitlines() for name in json.loads(line)["names"]
    )
    assert sorted(names.items()) == [(f"{number:02d}.png", 2) for number in range(9)]
