"""What has undone resumes elsewhere, each once: torn swaps, damaged files, orders, pruning (S079)."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from curator.contract.run.events import RunStarted, StateSaved, StepDone, Warned
from train.states.resume import Identity, State, newest_state, order_of, save_state

SETS = ("length.steps=5", "save.state_every_steps=1", "ema.decay=0.9")
IDENTITY = Identity("manifest", "recipe", {})


def state(step: int) -> State:
    return State(step, {"a": torch.full((4,), float(step))}, {"state": {0: torch.ones(3)}})


def newest(folder: Path) -> tuple[int | None, list[str]]:
    passed: list[str] = []
    found = newest_state(folder, IDENTITY, lambda name, _: passed.append(name))
    return (found.step if found else None), passed


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))


def test_a_state_is_never_pruned_by_a_damaged_one_after_it(tmp_path: Path) -> None:
    """The newest by name is not the newest that can be read."""
    for step in (6, 8):
        save_state(tmp_path, state(step), IDENTITY, 2)
    (tmp_path / "step-00000008" / "optimizer.pt").write_bytes(b"half")
    assert newest(tmp_path) == (6, ["step-00000008"])
    save_state(tmp_path, state(7), IDENTITY, 1)
    assert newest(tmp_path) == (7, ["step-00000008"])
    save_state(tmp_path, state(8), IDENTITY, 1)
    assert newest(tmp_path) == (8, [])
    assert names(tmp_path) == ["step-00000008"]


@pytest.mark.parametrize("file", ["adapter.safetensors", "optimizer.pt"])
def test_a_number_that_changed_on_the_disk_is_no_number(tmp_path: Path, file: str) -> None:
    """The files' own readers take it: nothing in them is summed up."""
    for step in (1, 2):
        save_state(tmp_path, state(step), IDENTITY, 2)
    hurt = tmp_path / "step-00000002" / file
    data = bytearray(hurt.read_bytes())
    wanted = torch.full((4,), 2.0) if file.startswith("adapter") else torch.ones(3)
    at = data.index(wanted.numpy().tobytes())
    data[at + 2] ^= 1
    hurt.write_bytes(data)
    if file == "optimizer.pt":
        assert zipfile.is_zipfile(hurt)
        torch.load(hurt, weights_only=True)
    assert newest(tmp_path) == (1, ["step-00000002"])


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_truncated_file_falls_back(tmp_path: Path, kept: float) -> None:
    for step in (1, 2):
        save_state(tmp_path, state(step), IDENTITY, 2)
    hurt = tmp_path / "step-00000002" / "optimizer.pt"
    data = hurt.read_bytes()
    hurt.write_bytes(data[: int(len(data) * kept)])
    assert newest(tmp_path) == (1, ["step-00000002"])


def test_an_average_that_is_partly_there_falls_back(make_run, work, events_of) -> None:
    whole, hurt = make_run(*SETS, name="whole"), make_run(*SETS, name="hurt")
    assert work(whole) == 0
    assert work(hurt) == 0
    file = hurt.state_dir / "step-00000005" / "adapter.safetensors"
    tensors = load_file(file)
    del tensors[next(name for name in sorted(tensors) if name.startswith("average."))]
    save_file(tensors, file)
    (hurt.output_dir / "hurt.safetensors").unlink()
    (hurt.path / "exit.json").unlink()
    assert work(hurt) == 0
    assert "step-00000005 cannot be read" in next(e.what for e in events_of(hurt) if isinstance(e, Warned))
    one, other = (load_file(run.output_dir / f"{run.info().name}.safetensors") for run in (whole, hurt))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_another_order_of_parameters_is_refused(make_run, work, monkeypatch, capsys) -> None:
    """An optimiser keeps its memory by place: taken over in another order it would be that of other weights."""
    run = make_run(*SETS, "length.steps=2")
    assert work(run) == 0
    (run.path / "exit.json").unlink()
    shuffled = order_of
    monkeypatch.setattr("train.prepare.stages.order_of", lambda weights: shuffled(list(reversed(weights))))
    assert work(run) == 3
    assert "in another order" in capsys.readouterr().err


def test_order_tells_weights_of_one_shape_apart() -> None:
    one, other = torch.randn(4, 4), torch.randn(4, 4)
    assert order_of([one, other]) != order_of([other, one])
    assert order_of([one, other]) == order_of([one.clone(), other.clone()])
    assert order_of([torch.zeros(2, 3)]) != order_of([torch.zeros(3, 2)])


def test_a_stop_right_after_a_resume_rewrites_nothing(make_run, work, events_of) -> None:
    """To be replaced, a state is moved away first: killed in between, the only one would be gone."""
    run = make_run(*SETS, "save.states_kept=1")
    run.requests_dir.joinpath("0-stop").touch()
    assert work(run) == 0  # what was asked of nobody is not obeyed
    place = run.state_dir / "step-00000005"
    saved = place.stat().st_ino, (place / "state.json").stat().st_mtime_ns
    (run.path / "exit.json").unlink()
    assert work(run) == 0
    assert (place.stat().st_ino, (place / "state.json").stat().st_mtime_ns) == saved
    assert [event.step for event in events_of(run) if isinstance(event, StateSaved)] == [1, 2, 3, 4, 5]


def test_a_run_at_its_end_writes_nothing_again(make_run, start_worker, events_of) -> None:
    run = make_run(*SETS, "length.steps=1")
    assert start_worker(run).wait() == 0
    file = run.output_dir / "tiny.safetensors"
    before = file.stat().st_mtime_ns, len(events_of(run))
    assert start_worker(run).wait() == 0
    assert "is finished" in run.log_path.read_text()
    assert (file.stat().st_mtime_ns, len(events_of(run))) == before


def test_a_state_that_was_moved_is_not_that_of_its_name(tmp_path: Path) -> None:
    save_state(tmp_path, state(3), IDENTITY, 2)
    (tmp_path / "step-00000003").rename(tmp_path / "step-00000009")
    assert newest(tmp_path) == (None, ["step-00000009"])


def test_a_half_removed_state_is_passed_over(tmp_path: Path) -> None:
    for step in (1, 2):
        save_state(tmp_path, state(step), IDENTITY, 2)
    (tmp_path / "step-00000002" / "adapter.safetensors").unlink()
    assert newest(tmp_path) == (1, ["step-00000002"])


def test_a_third_resume_counts_on(make_run, work, events_of) -> None:
    """Steps, epochs and rates come from one count: none begins anew."""
    whole, run = (make_run(*SETS, "schedule.name=cosine", name=name) for name in ("whole", "thrice"))
    assert work(whole) == 0
    for _ in range(3):
        assert work(run) == 0
        (run.path / "exit.json").unlink()
        newest_first = sorted(run.state_dir.glob("step-*"), reverse=True)
        (newest_first[0] / "state.json").write_text(json.dumps({}))
    told = [
        {
            event.step: (event.epoch, event.loss, event.lr)
            for event in events_of(each)
            if isinstance(event, StepDone)
        }
        for each in (whole, run)
    ]
    assert told[0] == told[1]
    assert [event.step for event in events_of(run) if isinstance(event, RunStarted)] == [0, 4, 4]
