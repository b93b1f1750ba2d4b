"""Freezing, recipes, training and runs from the command line."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from curator.contract.run.run_folder import RunFolder
from curator.runs import launch
from train.tiny import base as tiny_base

Frieze = Any
FAKE = Path(__file__).parents[2] / "runs" / "fake_worker.py"


@pytest.fixture
def fake_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "WORKER", (str(FAKE),))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Configuration alone, which is what is looked at before the worker starts."""
    return shutil.copytree(Path(__file__).parents[3] / "train/families/sd1_config", tmp_path / "model")


def test_freeze_tells_warnings_first_and_the_digest(collection: Path, frieze: Frieze) -> None:
    assert frieze("subset", "add", "foxes", "fox", "--repeats", 3).code == 0
    assert frieze("subset", "add", "none", "unicorn").code == 0
    done = frieze("freeze", "a", "--json")
    assert done.code == 0
    assert "warning: subset none" in done.err
    assert done.json["images"] == 1
    assert done.json["samples_per_epoch"] == 3
    assert frieze("freeze", "a").code == 2
    assert frieze("freeze", "a", "--replace").code == 0
    assert [each["name"] for each in frieze("manifest", "list", "--json").json] == ["a"]


def test_an_empty_freeze_is_refused(collection: Path, frieze: Frieze) -> None:
    assert frieze("subset", "add", "none", "unicorn").code == 0
    assert frieze("freeze", "a").code == 2
    assert not (collection / "manifests" / "a.manifest").exists()


def test_show_counts_batches_and_steps(frozen: Path, frieze: Frieze) -> None:
    """S037: steps are the sum over buckets of batches rounded up."""
    about = frieze("manifest", "show", "set", "--batch-size", 2, "--json").json
    assert (about["images"], about["samples_per_epoch"]) == (4, 6)
    assert about["steps_per_epoch"] == sum(-(-each["samples"] // 2) for each in about["buckets"])
    assert about["batches_per_epoch"] == about["steps_per_epoch"]
    wide = frieze(
        "manifest", "show", frozen, "--batch-size", 1, "--accumulate", 2, "--processes", 2, "--json"
    ).json
    assert wide["effective_batch"] == 4
    assert wide["batches_per_epoch"] == 6
    assert wide["steps_per_epoch"] == 4
    assert "digest" in frieze("manifest", "show", "set").out


def test_verify_finds_a_changed_picture_and_a_changed_manifest(
    frozen: Path, pictures: Path, frieze: Frieze
) -> None:
    assert frieze("manifest", "verify", "set").code == 0
    (pictures / "fox.png").write_bytes(b"x")
    done = frieze("manifest", "verify", "set", "--json")
    assert done.code == 1
    assert [Path(each["path"]).name for each in done.json["problems"]] == ["fox.png"]
    with sqlite3.connect(frozen) as manifest:
        manifest.execute("UPDATE tag SET name = name || ' forged'")
    assert "was changed" in frieze("manifest", "verify", "set").err


def test_a_misspelt_manifest_offers_the_nearest(frozen: Path, frieze: Frieze) -> None:
    done = frieze("manifest", "show", "sett")
    assert done.code == 2
    assert "did you mean 'set'" in done.err


def test_manifest_captions(frozen: Path, frieze: Frieze) -> None:
    assert len(frieze("manifest", "captions", "set", 0, "--epochs", 3, "--json").json) == 3
    assert frieze("manifest", "captions", "set", 99).code == 2


def test_a_shown_recipe_is_complete_and_can_be_read_again(tmp_path: Path, frieze: Frieze) -> None:
    """S081: export and read back."""
    text = frieze("recipe", "show", "sd15-lora", "--set", "adapter.rank=32").out
    assert tomllib.loads(text)["adapter"]["rank"] == 32
    (tmp_path / "mine.toml").write_text(text)
    assert frieze("recipe", "check", tmp_path / "mine.toml").code == 0
    said = frieze("recipe", "check", tmp_path / "mine.toml", "--set", "length.steps=99").err
    assert "length.steps = 99 is not used: length.epochs = 10 wins" in said
    changes = frieze("recipe", "show", tmp_path / "mine.toml", "--against", "sd15-lora", "--json").json
    assert changes == [{"key": "adapter.rank", "before": 16, "after": 32}]


def test_a_misspelt_key_is_refused_with_the_nearest(frieze: Frieze) -> None:
    """B12."""
    done = frieze("recipe", "check", "tiny-demo", "--set", "batch.sise=3")
    assert done.code == 2
    assert "did you mean 'batch.size'" in done.err
    assert frieze("recipe", "check", "sd16-lora").err.count("sd15-lora") == 1


def test_recipe_lists(frieze: Frieze) -> None:
    assert {each["name"] for each in frieze("recipe", "list", "--json").json} >= {"sd15-lora", "tiny-demo"}
    fields = frieze("recipe", "fields", "--json").json
    assert all(each["help"] for each in fields)
    assert {each["key"] for each in frieze("recipe", "fields", "warmup", "--json").json} == {
        "ema.power",
        "ema.warmup",
        "optimizer.adafactor.warmup_init",
        "optimizer.prodigy.safeguard_warmup",
        "schedule.warmup_steps",
    }


def test_check_says_the_steps_and_starts_nothing(frozen: Path, collection: Path, frieze: Frieze) -> None:
    """S037, S059: what is predicted is what the trainer does, by the same function."""
    done = frieze("train", "set", "--recipe", "tiny-demo", "--set", "batch.size=2", "--set", "length.epochs=5",
                  "--dry-run", "--json")  # fmt: skip
    per_epoch = frieze("manifest", "show", "set", "--batch-size", 2, "--json").json["steps_per_epoch"]
    assert done.json["steps"] == 5 * per_epoch
    assert done.json["epochs"] == 5
    assert sum(each["steps"] for each in done.json["buckets"]) == per_epoch
    assert not (collection / "runs").exists()


def test_check_says_what_is_doubtful(frozen: Path, frieze: Frieze) -> None:
    """S025, S075: tags whose own brackets would weigh are counted; the rule that mends it is doubtful where none do."""
    quiet = frieze("train", "set", "--recipe", "tiny-demo", "--dry-run", "--json")
    assert (quiet.json["doubts"], quiet.err) == ([], "")
    assert frieze("tag", "add", "fox", "fox (animal)").code == 0
    assert frieze("freeze", "named").code == 0
    knobs = (
        "--recipe",
        "tiny-demo",
        "--set",
        "length.steps=9",
        "--set",
        "length.epochs=1",
        "--set",
        "schedule.warmup_steps=0",
        "--dry-run",
    )
    weighs = ("--set", "text.weighted_captions=true")
    said = frieze("train", "named", *knobs, *weighs).err.splitlines()
    assert "length.steps = 9 is not used" in said[0]
    assert (
        "subset foxes: 1 tag weighs x 1.1 within the brackets of the name, such as 'fox (animal)' in 1"
        in said[1]
    )
    assert "brackets" not in frieze("train", "named", *knobs).err
    assert frieze("subset", "set", "foxes", "--rule", "escape_parentheses=true").code == 0
    assert frieze("freeze", "mended").code == 0
    (told,) = frieze("train", "mended", *knobs, *weighs, "--json").json["doubts"]
    assert "length.steps" in told["what"]
    assert "escape_parentheses without" in frieze("train", "mended", *knobs).err


@pytest.mark.usefixtures("fake_trainer")
def test_train_follows_in_plain_lines_to_the_end(frozen: Path, model: Path, frieze: Frieze) -> None:
    done = frieze("train", "set", "--recipe", "tiny-demo", "--model", model, "--name", "x")
    assert done.code == 0, done.err
    assert done.lines[0].startswith("begins: 5 steps")
    assert done.lines[-1] == "finished after step 5"
    (summary,) = frieze("runs", "list", "--json").json
    assert (summary["status"], summary["step"]) == ("finished", 5)
    run = RunFolder(Path(summary["path"]))
    assert tomllib.loads(run.recipe_path.read_text())["model"]["path"] == str(model)
    assert frieze("runs", "follow", "x").code == 0
    assert frieze("train", "--resume", "x").code == 2
    assert "not running" in frieze("runs", "stop", "x").err


@pytest.mark.usefixtures("fake_trainer")
def test_a_detached_run_is_listed_stopped_and_resumed(frozen: Path, model: Path, frieze: Frieze) -> None:
    """B09."""
    slow = ["--set", "metadata.description=steps=200 sleep=0.02"]
    words = ["train", "set", "--recipe", "tiny-demo", "--model", model, *slow]
    run = RunFolder(Path(frieze(*words, "--detach", "--json").json["path"]))
    assert frieze("runs", "list", "--json").json[0]["status"] == "running"
    assert frieze("runs", "stop", run.path.name[:12]).code == 0
    told = frieze("runs", "follow", run.path.name)
    assert told.code == 4
    assert "stopped after step" in told.out
    again = frieze("train", "--resume", "set", "--detach")
    assert again.out.strip() == str(run.path)
    assert again.err.splitlines() == [
        f"the run goes on; come back with: frieze runs follow {run.path.name}",
        f"stop it with: frieze runs stop {run.path.name}",
    ]
    assert frieze("train", "--resume", "set").code == 2
    os.kill(run.worker_pid() or 0, signal.SIGKILL)
    crashed = frieze("runs", "follow", "set")
    assert crashed.code == 3
    assert "crashed after step" in crashed.err
    assert f"--resume {run.path.name}" in crashed.err


@pytest.mark.usefixtures("fake_trainer")
def test_a_failed_run_is_a_mistake_in_its_own_words(frozen: Path, model: Path, frieze: Frieze) -> None:
    done = frieze("train", "set", "--recipe", "tiny-demo", "--model", model,
                  "--set", "metadata.description=fail=middle")  # fmt: skip
    assert done.code == 3
    assert "the disk is full" in done.err
    assert "hint: free space" in done.err


def test_ctrl_c_leaves_the_run_and_says_how_to_come_back(frozen: Path, model: Path, collection: Path) -> None:
    program = (
        "from curator.runs import launch; from curator.cli.main import main;"
        f"launch.WORKER = ({str(FAKE)!r},); main()"
    )
    words = ["train", str(frozen), "--recipe", "tiny-demo", "--model", str(model),
             "--set", "metadata.description=steps=200000 sleep=0.02"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=collection,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("begins")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=600)
    (run,) = [RunFolder(path) for path in (collection / "runs").iterdir()]
    try:
        assert process.returncode == 130
        assert f"frieze runs follow {run.path.name}" in err
        assert f"frieze runs stop {run.path.name}" in err
        time.sleep(0.1)
        assert run.status() == "running"
    finally:
        os.kill(run.worker_pid() or 0, signal.SIGKILL)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train"], "no manifest is given"),
        (["train", "set"], "no recipe is given"),
        (["train", "set", "--recipe", "tiny-demo"], "names no base model"),
        (["train", "set", "--recipe", "tiny-demo", "--model", "/no/such"], "there is no model at /no/such"),
        (["train", "nope", "--recipe", "tiny-demo"], "there is no manifest 'nope'"),
        (["train", "set", "--recipe", "tiny-demo", "--set", "batch.size=0"], "batch.size is 0"),
        (["train", "set", "--resume", "x"], "cannot be given with --resume"),
        (["train", "--resume", "x"], "there is no run 'x'"),
        (["runs", "follow", "x"], "there is no run 'x'"),
        (["runs", "stop", "x"], "there is no run 'x'"),
    ],
)
def test_bad_input_makes_no_run(
    frozen: Path, collection: Path, frieze: Frieze, words: list[str], told: str
) -> None:
    done = frieze(*words)
    assert done.code == 2
    assert told in done.err
    assert not (collection / "runs").exists()


@pytest.mark.parametrize(
    ("family", "recipe", "setting", "told"),
    [
        ("sd1", "tiny-demo", "model.family=sdxl", "is sd1, and the recipe trains sdxl"),
        ("sd1", "tiny-demo", "model.clip_skip=13", "this model's text encoder has 12 layers"),
        ("sdxl", "sdxl-lora", "model.clip_skip=2", "model.clip_skip = 2 would have no effect"),
    ],
)
def test_a_recipe_that_does_not_fit_the_model_is_refused_by_the_check(
    frozen: Path, frieze: Frieze, family: str, recipe: str, setting: str, told: str
) -> None:
    """Once, in a sentence, before a trainer is started."""
    model = Path(__file__).parents[3] / f"train/families/{family}_config"
    done = frieze("train", "set", "--recipe", recipe, "--model", model, "--set", setting, "--dry-run")
    assert done.code == 2
    assert done.err.count(told) == 1


def test_the_check_tells_where_model_and_recipe_differ(
    frozen: Path, tiny_model: Path, frieze: Frieze
) -> None:
    words = ("--recipe", "tiny-demo", "--model", tiny_model, "--set", "model.prediction=v_prediction")
    (doubt,) = frieze("train", "set", *words, "--dry-run", "--json").json["doubts"]
    assert "says that it predicts epsilon (its scheduler), and the recipe says v_prediction" in doubt["what"]


def test_a_pickle_is_opened_by_the_check(frozen: Path, tmp_path: Path, frieze: Frieze) -> None:
    """As the trainer opens it: what it would refuse is refused here."""
    model = tmp_path / "m.ckpt"
    model.write_bytes(b"\x80\x02 and no more")
    done = frieze("train", "set", "--recipe", "tiny-demo", "--model", model, "--dry-run")
    assert done.code == 2
    assert done.err.count("is a damaged pickle") == 1


def test_a_whole_look_finds_what_a_header_does_not_tell(frozen: Path, tmp_path: Path, frieze: Frieze) -> None:
    """A weight that is no finite number, in a file whose header is sound."""
    sound, broken = tmp_path / "sound", tmp_path / "broken"
    tiny_base.save(tiny_base.build(seed=0), sound)
    shutil.copytree(sound, broken)
    (file,) = (broken / "unet").glob("*.safetensors")
    tensors = load_file(file)
    name = max(tensors)
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, file)
    words = ("train", "set", "--recipe", "tiny-demo", "--model", broken)
    assert frieze(*words, "--dry-run").code == 0
    done = frieze(*words, "--dry-run", "--whole")
    assert done.code == 2
    assert (done.err.count("holds NaN or infinity"), name in done.err) == (1, True)
    assert frieze("train", "set", "--recipe", "tiny-demo", "--model", sound, "--dry-run", "--whole").code == 0
    assert "reads the base model for --dry-run" in frieze(*words, "--whole").err


def test_a_manifest_is_trained_outside_of_any_collection(
    frozen: Path, tmp_path: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert frieze("train", frozen, "--recipe", "tiny-demo", "--dry-run").code == 0
    assert frieze("manifest", "show", frozen).code == 0
    assert frieze("runs", "list", "--json").json == []


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (("schedule.warmup_steps=99",), "the warm-up of 99 steps is longer than the run of 4"),
        (
            ("schedule.name=cosine_with_restarts", "schedule.cycles=9", "schedule.warmup_steps=0"),
            "schedule.cycles = 9 is more than the 4 steps after the warm-up",
        ),
    ],
)
def test_a_schedule_that_the_run_cannot_follow_is_refused(
    frozen: Path, collection: Path, model: Path, frieze: Frieze, sets: tuple[str, ...], told: str
) -> None:
    """S054, S074: alike by the check of a recipe, by that of a training, and where one is started."""
    knobs = [word for each in ("length.epochs=0", "length.steps=4", *sets) for word in ("--set", each)]
    for words in (
        ("recipe", "check", "tiny-demo"),
        ("train", "set", "--recipe", "tiny-demo", "--dry-run"),
        ("train", "set", "--recipe", "tiny-demo", "--model", model),
    ):
        done = frieze(*words, *knobs)
        assert (done.code, told in done.err) == (2, True), done.err
    assert not (collection / "runs").exists()


def test_a_check_tries_the_run_out(frozen: Path, collection: Path, tiny_model: Path, frieze: Frieze) -> None:
    """B02: measured, told, and nothing of it is left."""
    words = ("train", "set", "--recipe", "tiny-demo", "--model", tiny_model, "--check")
    report = frieze(*words, "--json").json
    assert report["outlook"]["fits"]
    assert report["outlook"]["images_per_second"] > 0
    assert report["steps"] == report["outlook"]["steps"]
    assert not (collection / "runs").exists()
    assert not list(collection.glob(".frieze-preflight*"))
    done = frieze(*words)
    assert done.code == 0
    assert "images/s" in done.out


def test_a_check_of_what_does_not_fit_ends_with_1(
    frozen: Path, tiny_model: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curator.runs.programs import preflight

    outlook = {
        "fits": False, "obstacles": ["4 images do not fit, 2 do"], "device": "cuda", "bucket": [64, 64],
        "proposals": [{"values": {"batch.size": 2, "optimizer.name": "adamw8bit"}, "saves_bytes": 2**20,
                       "cost": "time"}],
        "images_at_once": 4, "max_batch": 2, "step_seconds": None, "images_per_second": None, "steps": 9,
        "total_seconds": None, "caching_seconds": 0.0, "training_seconds": None, "sampling_seconds": 0.0,
        "saving_seconds": 0.0, "weights_bytes": 0, "state_bytes": 0, "cache_bytes": 0, "cache_disk_bytes": 0,
        "evaluating_seconds": 0.0, "disk_bytes": 0,
        "disk_free_bytes": 0, "free_bytes": 0,
        "device_peaks": {"train_bytes": 2**20, "sample_bytes": 0, "save_bytes": 0},
        "host_peaks": {"train_bytes": 0, "sample_bytes": 0, "save_bytes": 0},
    }  # fmt: skip
    monkeypatch.setattr(preflight, "report_of", lambda *_: outlook)
    words = ("train", "set", "--recipe", "tiny-demo", "--model", tiny_model, "--check")
    done = frieze(*words)
    assert done.code == 1
    assert "refused: 4 images do not fit, 2 do" in done.out
    assert "--set batch.size=2 --set optimizer.name=adamw8bit: time, spares 1.0 MiB" in done.out
    assert frieze(*words, "--json").code == 1
