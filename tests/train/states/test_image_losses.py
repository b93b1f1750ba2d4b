"""Losses of single images: cheap records that a kill and a resume leave as an unbroken run has them (row B18)."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from curator.contract.epoch_plan import Sample
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.events import StepDone, Warned
from curator.contract.run.image_losses import RECORD, losses_file, losses_files
from curator.contract.run.run_length import plan_training
from train.states.image_losses import ImageLosses, forget_ranks

ROOT = Path(__file__).parents[3]


def records(run) -> list[tuple[int, int, float, int]]:
    files = losses_files(run.path / "losses").values()
    return [record[:4] for file in files for record in RECORD.iter_unpack(file.read_bytes())]


def test_a_killed_and_resumed_run_has_the_bytes_of_an_unbroken_one(
    make_run, frozen, work, kill_after, start_worker
) -> None:
    """B18, S079."""
    data = frozen(broken=(3,), repeats=1.5)
    sets = ("length.steps=7", "save.state_every_steps=2")
    whole = make_run(*sets, frozen=data, name="whole")
    assert work(whole) == 0
    killed = make_run(*sets, frozen=data, name="killed")
    kill_after(killed, 5)
    with losses_file(killed.path / "losses", 0).open("ab") as file:
        file.write(b"\0" * 37)  # what a machine that went down may leave
    assert start_worker(killed).wait() == 0, killed.log_path.read_text()
    assert (
        losses_file(killed.path / "losses", 0).read_bytes()
        == losses_file(whole.path / "losses", 0).read_bytes()
    )


def test_every_sample_of_the_plan_is_on_record_without_weights(make_run, frozen, work, events_of) -> None:
    """B18: the rows that the plan shows; their mean is the loss of a step that weighs nothing; weights change none."""
    plain = make_run(frozen=frozen(), name="plain")
    with open_manifest(Path(plain.info().manifest)) as manifest:
        plan = plan_training(manifest.spans, load_recipe(plain.recipe_path), 1).plan
    assert work(plain) == 0
    weighted = make_run(frozen=frozen(loss_weight=0.25), name="weighted")
    assert work(weighted) == 0
    told = records(plain)
    steps = [event for event in events_of(plain) if isinstance(event, StepDone)]
    for event in steps:
        mine = [record for record in told if record[0] == event.step]
        samples: tuple[Sample, ...] = plan.batch(*plan.locate(event.step - 1)).samples
        assert [record[1] for record in mine] == [sample.row for sample in samples]
        assert sum(record[2] for record in mine) / len(mine) == pytest.approx(event.loss, rel=1e-5)
        assert all(0 <= record[3] < 1000 for record in mine)
    assert [record[2] for record in records(weighted)][:2] == [record[2] for record in told][:2]


def test_two_processes_have_a_file_each_and_together_what_one_has(make_run, work) -> None:
    """B18, B11."""
    sets = ("length.steps=3", "optimizer.epsilon=1e-4", "batch.leftovers=carry")
    one = make_run(*sets, "batch.size=2", "batch.accumulate=2", name="one")
    two = make_run(*sets, "batch.size=2", "batch.accumulate=2", name="two")  # shared by both
    assert work(one) == 0
    spread = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "train")
    done = subprocess.run(
        [sys.executable, *spread, str(two.path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(losses_files(two.path / "losses")) == [0, 1]
    assert Counter((r[0], r[1], r[3]) for r in records(one)) == Counter(
        (r[0], r[1], r[3]) for r in records(two)
    )


def test_files_of_processes_that_are_gone_are_cut_as_well(tmp_path: Path) -> None:
    for rank in (0, 1):
        writer = ImageLosses(tmp_path, rank, 0, pytest.fail)
        for step in (1, 2, 3):
            writer.add(step, (rank, 7), (5, 6), (0.5, 0.25))
    forget_ranks(tmp_path, 2, 1)
    ImageLosses(tmp_path, 0, 1, pytest.fail)
    assert [file.stat().st_size for file in losses_files(tmp_path).values()] == [32, 64]


def test_a_disk_that_is_full_is_told_once_and_the_run_goes_on(
    make_run, work, events_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def write(file: int, data: bytes) -> int:
        if Path(f"/proc/self/fd/{file}").readlink().suffix == ".bin":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data)

    run = make_run()
    monkeypatch.setattr("train.states.image_losses.os.write", write)
    assert work(run) == 0
    told = [event.what for event in events_of(run) if isinstance(event, Warned)]
    assert [what for what in told if "losses of single images" in what] == [
        "the losses of single images are kept no further: No space left on device"
    ]
