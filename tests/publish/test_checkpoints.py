"""Checkpoints uploaded while a run trains: its recipe asks for it, and no failure of an upload harms the run (S080)."""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curator.contract.run.run_folder import RunFolder
from curator.publish import checkpoints
from curator.publish.__main__ import main
from curator.runs import launch
from tests.cli.conftest import Frieze
from tests.publish.trained import leave, make_run
from tests.writable_hub import WritableHub

REPO = "someone/foxes"
FAKE = Path(__file__).parents[1] / "runs" / "fake_worker.py"


@pytest.fixture
def home(frozen: Path, here: None) -> RunFolder:
    """Where the uploads of a finished run have their folder."""
    run = make_run(frozen.parents[1] / "runs", frozen, f"save.publish={REPO}", "save.publish_state=true")
    (run.path / "publish").mkdir()
    return RunFolder(run.path / "publish")


def test_every_checkpoint_is_uploaded_once(home: RunFolder, hub: WritableHub) -> None:
    assert checkpoints.follow(home) == 0
    repository = hub.repositories[REPO]
    assert repository.messages == ["foxes-step00000001.safetensors, step 1", "foxes.safetensors, step 2"]
    files = repository.branches["main"]
    assert {"foxes-step00000001.safetensors", "foxes.safetensors", "state/frieze-state.json"} < set(files)
    assert "| steps | 2 of 2 |" in files["README.md"].decode()
    leave(home)
    assert checkpoints.follow(home) == 0
    assert len(repository.messages) == 2


def test_beside_a_process_of_the_run_it_waits_for_what_comes(home: RunFolder, hub: WritableHub) -> None:
    """Of several machines, whose run begins when all have come; also when it goes on with one that was stopped."""
    events = home.path.parent / "events.jsonl"
    whole = events.read_bytes()
    events.write_bytes(b"")
    with subprocess.Popen(["sleep", "600"]) as trainer, ThreadPoolExecutor(1) as pool:
        uploads = pool.submit(checkpoints.follow, home, trainer.pid)
        deadline = time.monotonic() + 300
        while home.status() != "running":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        events.write_bytes(whole)
        while len(hub.repositories[REPO].messages if REPO in hub.repositories else ()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert not uploads.done()
        trainer.kill()
        trainer.wait()
        assert uploads.result(300) == 0


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_all_processes_the_first_starts_the_uploads(
    home: RunFolder, monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    done: list[object] = []
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(checkpoints, "begin", lambda folder, module, *_: done.append((folder.path, *module)))
    monkeypatch.setattr(os, "execv", lambda _, words: done.append(words[1:]))
    run = home.path.parent
    main(["--beside", str(run)])
    uploads = (home.path, "-m", "curator.publish", "--follow", str(os.getpid()))
    assert done == [*([uploads] if rank == "0" else []), ["-m", "train", str(run)]]


def test_a_failed_upload_is_told_and_tried_again(home: RunFolder, hub: WritableHub, frieze: Frieze) -> None:
    hub.answers = {"commit": [500] * 3}
    assert checkpoints.follow(home) == 0
    assert hub.repositories[REPO].messages == [
        "foxes.safetensors, step 2", "foxes-step00000001.safetensors, step 1",
    ]  # fmt: skip
    hub.repositories.clear()
    hub.answers = {"repos/create": [403] * 9}
    (home.path / "someone--foxes@main" / "events.jsonl").unlink()
    leave(home)
    assert checkpoints.follow(home) == 3
    assert RunFolder(home.path.parent).status() == "finished"
    told = frieze("runs", "show", "foxes")
    assert "the token may not write to someone/foxes" in told.out
    (upload,) = frieze("runs", "show", "foxes", "--json").json["uploads"]
    assert (upload["status"], upload["repo"], upload["published"]) == ("failed", REPO, [])


def test_what_cannot_be_prepared_is_told_and_the_rest_goes_on(
    home: RunFolder, hub: WritableHub, frieze: Frieze
) -> None:
    (home.path.parent / "output" / "foxes-step00000001.safetensors").write_bytes(b"damaged")
    assert checkpoints.follow(home) == 3
    assert hub.repositories[REPO].messages == ["foxes.safetensors, step 2"]
    assert "output/foxes-step00000001.safetensors was not uploaded" in frieze("runs", "show", "foxes").out


def test_training_starts_the_uploads_and_refuses_what_could_never_be_one(
    frozen: Path, hub: WritableHub, frieze: Frieze, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    begun: list[Path] = []
    monkeypatch.setattr(launch, "WORKER", (str(FAKE),))
    monkeypatch.setattr(checkpoints, "begin", lambda home, *_: begun.append(home.path))
    words = (
        "train",
        "set",
        "--recipe",
        "tiny-demo",
        "--model",
        tiny_model,
        "--set",
        "metadata.description=steps=1",
    )
    done = frieze(*words, "--set", f"save.publish={REPO}", "--name", "up")
    assert done.code == 0, done.err
    assert [path.name for path in begun] == ["publish"]
    assert frieze(*words, "--name", "plain").code == 0
    assert len(begun) == 1
    refused = frieze(*words, "--set", "save.publish=foxes")
    assert (refused.code, "'foxes' cannot name a repository" in refused.err) == (2, True)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere/token")
    refused = frieze(*words, "--set", f"save.publish={REPO}")
    assert (refused.code, "there is no token" in refused.err) == (2, True)
    assert len(list((frozen.parents[1] / "runs").iterdir())) == 2


def test_uploads_that_do_not_begin_are_told(
    home: RunFolder, monkeypatch: pytest.MonkeyPatch, frieze: Frieze
) -> None:
    def refuse(*_: object) -> int:
        raise OSError("no processes left")

    monkeypatch.setattr(checkpoints, "begin", refuse)
    checkpoints.start_following(RunFolder(home.path.parent))
    assert "checkpoints are not uploaded: no processes left" in frieze("runs", "show", "foxes").out
