"""A batch that does not fit: said in a sentence with what to set, and what was saved before is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from curator.contract.errors import ExitCode
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.events import RunFailed
from train.out_of_memory import does_not_fit, is_out_of_memory
from train.step import Stepper

_NO_ROOM = {
    "a GPU": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "the CPU": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 12 bytes"),
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    "Python": MemoryError(),
}


@pytest.mark.parametrize("of", sorted(_NO_ROOM))
def test_libraries_say_it_in_their_ways(of: str) -> None:
    assert is_out_of_memory(_NO_ROOM[of])
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_run_whose_batch_does_not_fit_says_what_to_set(
    make_run, work, frozen, events_of, monkeypatch, capsys
) -> None:
    """The state before is there, and with more memory the same run goes on from it."""
    data = frozen(sizes=((64, 64),) * 4)
    run = make_run("batch.accumulate=2", "save.state_every_steps=1", "length.steps=2", frozen=data)
    take = Stepper.take

    def short(stepper: Stepper, batch) -> object:
        if batch.step == 1:
            raise _NO_ROOM["a GPU"]
        return take(stepper, batch)

    monkeypatch.setattr(Stepper, "take", short)
    assert work(run) == ExitCode.RUN_FAILED
    (failed,) = [event for event in events_of(run) if isinstance(event, RunFailed)]
    assert failed.what == "step 2, with 2 images of 64 x 64 pixels at once, does not fit in the memory"
    for way in (
        "batch.size = 1 and batch.accumulate = 4",
        "precision.gradient_checkpointing = true",
        "optimizer.name = 'adamw8bit'",
        "precision.offload = 'vae'",
    ):
        assert way in failed.hint
    assert failed.hint.endswith("the states saved so far are kept")
    assert "Traceback" not in capsys.readouterr().err
    assert [each.name for each in run.state_dir.glob("step-*")] == ["step-00000001"]
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert work(run) == 0


def test_what_is_set_is_not_advised(tmp_path: Path) -> None:
    base = tmp_path / "r.toml"
    base.write_text("")
    sets = ["precision.gradient_checkpointing=true", "optimizer.name=adamw8bit", "precision.offload=vae"]
    spare = load_recipe(base, sets)
    assert does_not_fit("the run", spare).hint.startswith("freeze with smaller buckets, or take a GPU")
    halved = load_recipe(base, [*sets, "batch.size=5"])
    assert does_not_fit("the run", halved).hint.startswith("set batch.size = 2 and batch.accumulate = 2, in")
    full = load_recipe(base, [*sets, "trains=full", "batch.size=2"])
    assert "precision.weights = 'bf16'" in does_not_fit("the run", full).hint
