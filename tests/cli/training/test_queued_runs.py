"""Runs queued, suspended, compared, renamed and deleted from scripts (rows B07, B09, B18)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.image_losses import RECORD, losses_file
from curator.contract.run.run_folder import RunFolder
from curator.runs.follow import Follower
from curator.runs.queue import keeper
from tests.cli.conftest import Frieze
from tests.cli.training.test_runs_commands import FAKE, runs

__all__ = ["runs"]  # the fixture

PROGRAM = (
    "import sys; from curator.runs import launch; from curator.runs.queue import keeper;"
    "from curator.session.training import queue_keeper;"
    f"launch.WORKER = ({str(FAKE)!r},); sys.exit(keeper.main(sys.argv[1:], queue_keeper.begin))"
)


@pytest.fixture
def queued(runs: Any, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunFolder]:
    """Queues a run of the stand-in trainer, with a keeper that begins such ones."""
    monkeypatch.setattr(keeper, "PROGRAM", ("-c", PROGRAM))

    def put(name: str, how: str, *more: str) -> RunFolder:
        words = ("--recipe", "tiny-demo", "--model", "model", "--name", name, "--queue", "--json")
        done = frieze("train", "set", *words, "--set", f"metadata.description={how}", *more)
        assert done.code == 0, done.err
        return RunFolder(Path(done.json["path"]))

    return put


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_queued_runs_begin_one_after_the_other(queued: Any, frieze: Frieze) -> None:
    first = queued("first", "steps=100000 sleep=0.01")
    second = queued("second", "steps=3", "--retry", "2")
    until(lambda: Follower(first).poll().step > 0)
    states = {each["name"][11:]: each["status"] for each in frieze("runs", "list", "--json").json}
    assert states == {"first": "running", "second": "queued"}
    until(lambda: frieze("runs", "queue", "--json").json[0]["state"] == "working")
    rows = frieze("runs", "queue", "--json").json
    assert [(each["run"][11:], each["state"], each["tries"], each["retries"]) for each in rows] == [
        ("first", "working", 1, 0),
        ("second", "waiting", 0, 2),
    ]
    refused = frieze("runs", "delete", "second", "--yes")
    assert refused.code == 2
    assert "is in the queue" in refused.err
    assert frieze("runs", "queue", "first", "--remove").code == 2
    refused = frieze("runs", "stop", "second")
    assert (refused.code, "is in the queue, and not at work" in refused.err) == (2, True)
    assert frieze("runs", "wait", "second", "--timeout", "0.1").code == 1  # its turn has not come
    first.request("stop")
    assert frieze("runs", "follow", "second").code == 0
    assert second.status() == "finished"
    assert frieze("runs", "wait", "second").code == 0
    assert frieze("runs", "queue", "--json").json == []
    assert "is empty" in frieze("runs", "queue").err
    done = frieze("train", "--resume", "first", "--queue")
    assert done.code == 0, done.err
    until(lambda: Follower(first).poll().status == "running")
    assert frieze("runs", "stop", "first", "--wait").code == 0


def test_a_held_run_waits_and_follows_its_name(queued: Any, frieze: Frieze) -> None:
    first = queued("first", "steps=100000 sleep=0.01")
    second = queued("second", "steps=3")
    until(lambda: Follower(first).poll().step > 0)
    assert frieze("runs", "queue", "second", "--hold").code == 0
    done = frieze("runs", "rename", "second", "owl", "--json")
    assert done.code == 0, done.err
    assert frieze("runs", "stop", "first", "--wait").code == 0
    owl = RunFolder(Path(done.json["path"]))
    assert (second.path.exists(), owl.status()) == (False, "new")
    assert frieze("runs", "queue", "owl", "--release").code == 0
    until(lambda: owl.status() == "finished")


def test_pausing_frees_the_device_and_resuming_goes_on(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=400 sleep=0.01")
    until(lambda: Follower(run).poll().step > 1)
    assert frieze("runs", "pause", "fox", "--free").code == 0
    done = frieze("runs", "wait", "fox")
    assert done.code == 4
    assert "suspended" in done.err
    assert "frieze runs resume" in done.err
    assert frieze("runs", "list", "--status", "suspended", "--json").json[0]["pid"] is None
    assert frieze("runs", "resume", "fox").code == 0
    until(lambda: run.status() == "finished")
    assert Follower(run).poll().step == 400


def test_a_request_that_nobody_heard_is_told(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=8 wait_at=3")
    until(lambda: Follower(run).poll().step == 3)
    assert frieze("runs", "save", "fox").code == 0
    pid = run.worker_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: run.status() == "crashed")
    assert frieze("train", "--resume", "fox").code == 0
    assert "asked too late to save" in frieze("runs", "follow", "fox").out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("runs", "queue", "--first"), "no run is named"),
        (("runs", "queue", "fox", "--first", "--last"), "one change at a time"),
        (("runs", "queue", "fox"), "nothing is asked of it"),
        (("runs", "queue", "fox", "--hold"), "is not in the queue"),
        (
            ("train", "set", "--recipe", "tiny-demo", "--model", "model", "--device", "cpu"),
            "for a run in the queue",
        ),
        (("train", "--resume", "fox", "--queue"), "is finished"),
    ],
)
def test_what_cannot_be_done_with_the_queue_is_a_sentence(
    runs: Any, frieze: Frieze, words: tuple[str, ...], hint: str
) -> None:
    run = runs("fox", "steps=2")
    until(lambda: run.status() == "finished")
    done = frieze(*words)
    assert done.code == 2
    assert hint in done.err


def test_weights_are_copied_to_a_name_without_a_date(runs: Any, frieze: Frieze, tmp_path: Path) -> None:
    run = runs("fox", "steps=2")
    assert frieze("runs", "wait", "fox").code == 0
    none = frieze("runs", "export", "fox", "--out", tmp_path / "f.safetensors")
    assert none.code == 2
    assert "has no weights yet" in none.err
    (run.output_dir / "fox-000001.safetensors").write_bytes(b"first")
    (run.output_dir / "fox.safetensors").write_bytes(b"last")
    assert frieze("runs", "export", "fox", "--out", tmp_path / "f.safetensors").code == 0
    assert (tmp_path / "f.safetensors").read_bytes() == b"last"
    again = (
        "runs",
        "export",
        "fox",
        "--out",
        tmp_path / "f.safetensors",
        "--checkpoint",
        "fox-000001.safetensors",
    )
    taken = frieze(*again)
    assert taken.code == 2
    assert "--replace" in taken.err
    told = frieze(*again, "--replace", "--json").json
    assert (tmp_path / "f.safetensors").read_bytes() == b"first"
    assert (told["run"], told["weights"], told["bytes"]) == (
        run.path.name,
        str(run.output_dir / "fox-000001.safetensors"),
        5,
    )
    (run.output_dir / "whole" / "unet").mkdir(parents=True)
    (run.output_dir / "whole" / "model_index.json").write_text("{}")
    (run.output_dir / "whole" / "unet" / "weights").write_bytes(b"1234")
    folder = frieze(
        "runs", "export", "fox", "--out", tmp_path / "model", "--checkpoint", "whole", "--json"
    ).json
    assert (tmp_path / "model" / "unet" / "weights").read_bytes() == b"1234"
    assert folder["bytes"] == 6
    unknown = frieze("runs", "export", "fox", "--out", tmp_path / "g.safetensors", "--checkpoint", "7")
    assert unknown.code == 2
    assert "fox-000001.safetensors" in unknown.err
    assert not (tmp_path / "g.safetensors").exists()


def test_a_run_is_deleted_after_a_question(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=2")
    assert frieze("runs", "wait", "fox").code == 0
    (run.output_dir / "fox.safetensors").write_bytes(b"w" * 2048)
    done = frieze("runs", "delete", "fox")
    assert done.code == 2  # nobody can be asked here
    assert "1 file of weights, 0 saved states, 0 samples" in done.err
    assert "--yes" in done.err
    assert "would lose" in frieze("runs", "delete", "fox", "--dry-run").out
    assert run.info().name == "fox"
    assert frieze("runs", "delete", "fox", "--keep-weights", "--yes").code == 0
    assert frieze("runs", "list", "--json").json == []
    assert (run.output_dir / "fox.safetensors").stat().st_size == 2048


def test_a_living_run_is_not_deleted(runs: Any, frieze: Frieze) -> None:
    run = runs("fox", "steps=100000 sleep=0.01")
    done = frieze("runs", "delete", "fox", "--yes")
    assert done.code == 2
    assert "lives" in done.err
    assert run.status() == "running"


def test_two_runs_are_compared(runs: Any, frieze: Frieze) -> None:
    """B07: knobs by key, the data, and losses at the same steps."""
    for name, how in (("fox", "steps=3"), ("owl", "steps=4")):
        run = runs(name, how)
        assert frieze("runs", "wait", name).code == 0
        EventLog(run.events_path).write(ev.Evaluated(0, 3, 0.5, 2))
    about = frieze("runs", "compare", "fox", "owl", "--json").json
    assert [each["name"][11:] for each in about["sides"]] == ["fox", "owl"]
    assert about["knobs"] == [{"key": "metadata.description", "before": "steps=3", "after": "steps=4"}]
    assert (about["same_data"], about["data"]) == (True, None)
    assert about["noise_losses"] == [{"step": 3, "first": 0.5, "second": 0.5}]
    assert about["training_losses"][-1]["step"] == 4
    assert about["training_losses"][-1]["first"] is None
    text = frieze("runs", "compare", "fox", "owl").out
    assert "metadata.description\tsteps=3\tsteps=4" in text
    assert "the data is the same" in text


def test_losses_of_images_are_listed_and_filtered_by(runs: Any, frieze: Frieze) -> None:
    """B18."""
    run = runs("fox", "steps=2")
    assert frieze("runs", "wait", "fox").code == 0
    refused = frieze("runs", "losses", "fox")
    assert refused.code == 2
    assert "no losses of single images" in refused.err
    (run.path / "losses").mkdir()
    data = b"".join(RECORD.pack(s, row, 0.1 * (row + 1), 500, 0) for s in (1, 2) for row in range(3))
    losses_file(run.path / "losses", 0).write_bytes(data)
    about = frieze("runs", "losses", "fox", "--limit", 1, "--json").json
    (highest,), (lowest,) = about["highest"], about["lowest"]
    assert highest["loss"] > lowest["loss"]
    listed = frieze("ls", "loss(fox)!=none sort:-loss(fox)", "--json").json
    assert listed[0]["path"] == os.path.relpath(highest["path"], listed[0]["root"])
    text = frieze("runs", "losses", "fox").out
    assert "never fits" in text
    assert "memorised?" in text
