"""A run from its folder to its end (S037, S054, S059, S076, S077, S078, S090, S091, S094)."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from curator.contract.base_model.file_hashes import hashes_of
from curator.contract.errors import UserError
from curator.contract.files.picture_file import file_sha256
from curator.contract.recipe.toml_file import read_recipe
from curator.contract.run.events import (
    CheckpointSaved,
    Evaluated,
    Paused,
    RequestTaken,
    Resumed,
    RunEnded,
    RunFailed,
    RunStarted,
    SampleMade,
    StateSaved,
    StepDone,
    Warned,
)
from curator.contract.run.origin import origin_of
from train.weights.lora_file import read_lora

PICTURES = ("sample.prompts=['a red thing','']", "sample.steps=2", "sample.width=64", "sample.height=64")


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def how_it_ended(run) -> dict:
    return json.loads((run.path / "exit.json").read_text())


def test_a_run_from_start_to_end(make_run, work, events_of) -> None:
    """S037: as many steps as predicted; S077, S078: samples and weights where the recipe wants them."""
    run = make_run(
        "length.epochs=2", "length.steps=99", "save.every_epochs=1", "evaluate.images=2", *PICTURES
    )
    assert work(run) == 0
    events = events_of(run)
    (start,) = of_kind(events, RunStarted)
    steps = of_kind(events, StepDone)
    assert [event.step for event in steps] == list(range(1, start.total_steps + 1))
    assert (start.step, start.resumed, start.total_epochs, start.processes) == (0, False, 2, 1)
    assert sum(event.images for event in steps) == 2 * 9  # every image once an epoch, short batches and all
    assert all(
        math.isfinite(event.loss) and event.grad_norm > 0 and event.memory_bytes > 2**20 for event in steps
    )
    assert [event.step for event in of_kind(events, Evaluated)] == [0, start.total_steps]
    assert [event.step for event in of_kind(events, SampleMade)] == [
        0,
        0,
        start.total_steps,
        start.total_steps,
    ]
    assert events[-1] == RunEnded(events[-1].at, "finished", start.total_steps)
    assert how_it_ended(run) == {"how": "finished", "step": start.total_steps}
    names = sorted(path.name for path in run.output_dir.iterdir())
    assert names == ["tiny-000001.safetensors", "tiny-000002.safetensors", "tiny.safetensors"]
    for saved in of_kind(events, CheckpointSaved):
        assert file_sha256(run.path / saved.path) == saved.sha256
    assert [path.name for path in run.state_dir.iterdir()] == [f"step-{start.total_steps:08d}"]


def test_sample_pictures_say_how_they_were_made(make_run, work, events_of) -> None:
    """S077: size, name and text of the images; each prompt has its own seed."""
    run = make_run(
        "length.steps=1", "sample.at_start=false", "sample.seed=7", "sample.sampler=ddim", *PICTURES
    )
    assert work(run) == 0
    made = of_kind(events_of(run), SampleMade)
    assert [(event.path, event.seed) for event in made] == [
        ("samples/step-00000001-00.png", 7),
        ("samples/step-00000001-01.png", 8),
    ]
    with Image.open(run.path / made[0].path) as picture:
        assert picture.size == (64, 64)
        assert picture.text["parameters"].startswith(
            "a red thing\nNegative prompt: \nSteps: 2, Sampler: ddim"
        )


def test_the_file_says_what_it_is(make_run, work) -> None:
    """S090, S091: modelspec's MUST keys, kohya's keys, all strings; the hash is of the tensors."""
    run = make_run(
        "length.steps=1", "metadata.author=me", "metadata.license=CC0", "metadata.tags=['one','two']",
        "metadata.title=My thing", "metadata.description=What it is", "adapter.conv_rank=1", "adapter.conv_alpha=2.0",
    )  # fmt: skip
    assert work(run) == 0
    file = run.output_dir / "tiny.safetensors"
    _, metadata = read_lora(file)
    must = {"sai_model_spec": "1.0.1", "architecture": "stable-diffusion-v1/lora", "title": "My thing"}
    assert {name: metadata[f"modelspec.{name}"] for name in must} == must
    assert metadata["modelspec.implementation"] == "diffusers"
    assert metadata["modelspec.tags"] == "one, two"
    assert (metadata["modelspec.author"], metadata["modelspec.license"]) == ("me", "CC0")
    assert metadata["modelspec.hash_sha256"] == "0x" + hashes_of(file).tensors
    assert metadata["ss_network_dim"] == "2"
    assert json.loads(metadata["ss_network_args"]) == {"conv_dim": "1", "conv_alpha": "2.0"}
    assert json.loads(metadata["ss_tag_frequency"])["all"]["red"] == 9
    assert (metadata["ss_steps"], metadata["ss_epoch"], metadata["ss_num_train_images"]) == ("1", "1", "9")
    assert metadata["frieze.manifest_digest"] == run.info().manifest_digest
    origin = origin_of(metadata)
    assert origin is not None
    assert (origin.run, origin.digest, origin.subsets[0].images) == ("tiny", run.info().manifest_digest, 9)
    assert read_recipe(metadata["frieze.recipe"], "it").metadata.author == "me"
    assert str(run.path.parents[1]) not in metadata["frieze.recipe"] + metadata["frieze.origin"]
    assert all(isinstance(value, str) for value in metadata.values())


@pytest.mark.parametrize(("stored", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16)])
def test_bf16_arithmetic_and_the_precision_of_the_file(make_run, work, events_of, stored, dtype) -> None:
    """S056, S078: bf16 runs on a CPU; weights are stored as asked."""
    run = make_run(
        "precision.mixed=bf16", f"save.dtype={stored}", "length.steps=2", "evaluate.images=1", *PICTURES
    )
    assert work(run) == 0
    assert all(math.isfinite(event.loss) for event in of_kind(events_of(run), StepDone))
    with safe_open(run.output_dir / "tiny.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {dtype}  # noqa: SIM118


def test_old_checkpoints_go_and_asked_or_chosen_ones_stay(make_run, work, frozen) -> None:
    """S067: the last one, every fourth step, every second epoch, and what nobody's rhythm made."""
    epochs = ("save.every_epochs=1", "save.keep_every_epochs=2")
    run = make_run(
        "save.every_steps=2",
        "save.keep_last=1",
        "save.keep_every_steps=4",
        "length.steps=7",
        *epochs,
        frozen=frozen(sizes=((64, 64),) * 2),
    )
    (run.output_dir / "tiny-step00000003.safetensors").write_bytes(b"")
    assert work(run) == 0
    names = sorted(path.stem.removeprefix("tiny") for path in run.output_dir.iterdir())
    assert names == ["", "-000002", "-000004", "-000006", "-000007", "-step00000003", "-step00000004"]


def test_rates_of_the_two_parts_and_the_schedule_reach_the_optimiser(make_run, work, events_of) -> None:
    """S051, S054."""
    run = make_run(
        "optimizer.unet_lr=4e-3",
        "optimizer.text_lr=1e-3",
        "schedule.name=constant",
        "schedule.warmup_steps=2",
    )
    assert work(run) == 0
    rates = [event.lr for event in of_kind(events_of(run), StepDone)]
    assert [rate["unet"] for rate in rates] == pytest.approx([2e-3, 4e-3, 4e-3, 4e-3])
    assert [rate["text"] for rate in rates] == pytest.approx([5e-4, 1e-3, 1e-3, 1e-3])


@pytest.mark.parametrize(("frozen_part", "prefix"), [("text_lr", "lora_te"), ("unet_lr", "lora_unet")])
def test_a_rate_of_zero_leaves_a_part_alone(make_run, work, frozen_part, prefix) -> None:
    """S051: no modules, no tensors."""
    run = make_run(f"optimizer.{frozen_part}=0.0", "length.steps=1")
    assert work(run) == 0
    tensors, _ = read_lora(run.output_dir / "tiny.safetensors")
    assert tensors
    assert not any(name.startswith(prefix) for name in tensors)


def test_pause_save_sample_stop_and_go_on(make_run, work, start_worker, events_of) -> None:
    """B09: requests are obeyed between steps; a pause stays in memory and hears more requests."""
    import time

    never = ("sample.at_start=false", "sample.at_end=false", "sample.every_steps=1000")
    run = make_run("length.steps=400", *PICTURES, *never)
    worker = start_worker(run)

    def wait_for(kind, count=1):
        for _ in range(6000):
            found = of_kind(events_of(run), kind)
            if len(found) >= count:
                return found
            assert worker.poll() is None, run.log_path.read_text()
            time.sleep(0.02)
        raise AssertionError(f"no {kind}")

    wait_for(StepDone)
    run.request("pause")
    (paused,) = wait_for(Paused)
    for action in ("save", "sample"):
        run.request(action)
    wait_for(SampleMade, 2)
    (saved,) = wait_for(CheckpointSaved)
    assert saved.step == wait_for(StateSaved)[0].step == paused.step
    assert of_kind(events_of(run), StepDone)[-1].step == paused.step
    run.request("resume")
    assert wait_for(Resumed)[0].step == paused.step
    wait_for(StepDone, paused.step + 1)
    run.request("stop")
    assert worker.wait() == 4
    events = events_of(run)
    assert [event.action for event in of_kind(events, RequestTaken)] == [
        "pause",
        "save",
        "sample",
        "resume",
        "stop",
    ]
    assert run.status() == "stopped"
    assert of_kind(events, StateSaved)[-1].step == of_kind(events, StepDone)[-1].step < 400


def test_a_second_worker_is_refused_and_a_finished_run_says_so(make_run, work, capsys) -> None:
    run = make_run("length.steps=1")
    with run.hold():
        assert work(run) == 2
    assert "living worker" in capsys.readouterr().err
    assert work(run) == 0


def test_a_finished_run_says_so(make_run, start_worker) -> None:
    run = make_run("length.steps=1")
    assert start_worker(run).wait() == 0
    before = run.events_path.read_bytes()
    assert start_worker(run).wait() == 0
    assert "is finished" in run.log_path.read_text()
    assert run.events_path.read_bytes() == before


def test_two_signals_end_at_once(make_run, start_worker, events_of) -> None:
    import signal
    import time

    run = make_run("length.steps=400")
    worker = start_worker(run)
    while run.status() != "running":
        time.sleep(0.01)
    time.sleep(0.3)  # in the imports or soon after; at any moment the second signal ends it
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    if worker.poll() is None:
        worker.send_signal(signal.SIGINT)
    assert worker.wait() in (4, 130)
    assert run.status() == "stopped"


def test_two_signals_in_an_import_raise_nothing_there(make_run, start_worker, tmp_path) -> None:
    """A compiled library aborts the process when an exception crosses it: the module here does the same."""
    run = make_run("length.steps=1")
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Compiled:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            try:\n"
        "                os.kill(os.getpid(), signal.SIGTERM)\n"
        "                os.kill(os.getpid(), signal.SIGINT)\n"
        "            except BaseException:\n"
        "                os.abort()\n"
        "sys.meta_path.insert(0, Compiled())\n"
    )
    assert start_worker(run, PYTHONPATH=str(tmp_path)).wait() == 130
    assert run.status() == "stopped"


def test_tensorboard_gets_the_numbers(make_run, work, frozen, monkeypatch) -> None:
    """S076: as TensorBoard itself reads them, losses by band and subset too; a secret reaches no file."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef-a-secret")
    data = frozen(held_out=(0, 4))
    run = make_run("log.trackers=['tensorboard']", "length.steps=2", "evaluate.images=1", frozen=data)
    assert work(run) == 0
    (file,) = (run.path / "trackers" / "frieze").glob("events.out.tfevents*")
    read = EventAccumulator(str(file))
    read.Reload()
    steps = {name: [scalar.step for scalar in read.Scalars(name)] for name in read.Tags()["scalars"]}
    assert steps["loss"] == steps["grad_norm"] == steps["lr/unet"] == [1, 2]
    bands = {f"validation_loss/band {n}" for n in range(1, 5)}
    for name in ("evaluation_loss", "validation_loss", "validation_loss/all", *bands):
        assert steps[name] == [0, 2]
    files = [file.read_bytes() for file in run.path.rglob("*") if file.is_file()]
    assert not any(b"a-secret" in content for content in files)


def test_long_captions_are_warned_of(make_run, work, events_of, frozen) -> None:
    """S026: what is cut off is not cut off in silence."""
    from curator.contract.caption.captions import CaptionRules

    run = make_run("length.steps=1", frozen=frozen(rules=CaptionRules(trigger="word " * 90)))
    assert work(run) == 0
    (warned,) = of_kind(events_of(run), Warned)
    assert "cut off" in warned.what


def test_a_bug_has_a_sentence_and_a_traceback(make_run, work, events_of, monkeypatch, capsys) -> None:
    run = make_run("length.steps=1")
    monkeypatch.setattr("train.loop.set_rates", lambda *_: 1 / 0)
    assert work(run) == 3
    (failed,) = of_kind(events_of(run), RunFailed)
    assert "ZeroDivisionError" in failed.what
    assert "log.txt" in failed.hint
    assert "Traceback" in capsys.readouterr().err
    assert how_it_ended(run)["how"] == "failed"


def test_a_run_that_cannot_go_on_stands_where_its_newest_state_is(make_run, work, events_of) -> None:
    run = make_run("length.steps=3")
    assert work(run) == 0
    (run.path / "exit.json").unlink()  # as after a kill
    manifest = Path(run.info().manifest)
    manifest.rename(manifest.with_name("away"))
    assert work(run) == 3
    assert events_of(run)[-1].step == 3
    assert how_it_ended(run) == {"how": "failed", "step": 3}


class _Watching:
    """The other processes, whose watch finds one dead while this one is about to say so itself."""

    def watch(self, lost) -> None:
        self.lost = lost

    def cause(self, **_) -> UserError:
        return UserError("process 2 of 2 died without a word", "resume the run")

    def tell(self, error: UserError) -> None:
        watch = threading.Thread(target=self.lost, args=(error,))
        watch.start()
        watch.join()

    def leave(self) -> None:
        pass


def test_an_end_that_two_threads_hear_of_is_told_once(make_run, work, events_of, monkeypatch) -> None:
    run = make_run("length.steps=1")
    lost = ConnectionError("connection reset by peer")
    monkeypatch.setattr("train.loop.set_rates", lambda *_: (_ for _ in ()).throw(lost))
    monkeypatch.setattr("train.worker.Peers.joined", _Watching)
    monkeypatch.setattr("train.worker.os._exit", lambda _: None)
    assert work(run) == 3
    assert len(of_kind(events_of(run), RunFailed)) == len(of_kind(events_of(run), RunEnded)) == 1


def test_samples_come_after_epochs_and_after_the_last_step_once(make_run, work, events_of) -> None:
    """S077: every so many epochs; at the end too where that is due, though at_end is off."""
    only = (
        "sample.at_start=false",
        "sample.at_end=false",
        "sample.every_epochs=1",
        "sample.prompts=['a --d 4']",
    )
    run = make_run("length.epochs=2", *PICTURES[1:], *only)
    assert work(run) == 0
    events = events_of(run)
    (start,) = of_kind(events, RunStarted)
    made = of_kind(events, SampleMade)
    assert [(event.step, event.seed) for event in made] == [
        (start.total_steps // 2, 4),
        (start.total_steps, 4),
    ]
