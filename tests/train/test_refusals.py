"""What is refused before or while training: one sentence, one hint, exit code 3 (S070, S079)."""

from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from curator.contract.errors import UserError
from curator.contract.run.event_log import EventLog
from curator.contract.run.events import RunEnded, RunFailed, StepDone, Warned
from train.families.load import load_family
from train.families.sd1 import Sd1


def failure(run, events_of) -> RunFailed:
    """The one failure of a run that also left its exit record."""
    events = events_of(run)
    (failed,) = [event for event in events if isinstance(event, RunFailed)]
    assert isinstance(events[-1], RunEnded)
    assert events[-1].how == json.loads((run.path / "exit.json").read_text())["how"] == "failed"
    assert failed.hint
    return failed


def refused(run, work, events_of, capsys) -> str:
    assert work(run) == 3
    failed = failure(run, events_of)
    assert capsys.readouterr().err.strip().splitlines()[-2:] == [failed.what, failed.hint]
    return failed.what


@pytest.mark.parametrize("path", ["/nowhere/model", "no model"])
def test_a_missing_model(make_run, work, events_of, capsys, path) -> None:
    assert refused(make_run(f"model.path={path}"), work, events_of, capsys) == f"there is no model at {path}"


@pytest.mark.parametrize(
    ("prediction", "knob", "said"),
    [("epsilon", "scale_v_like_noise=true", "noise"), ("v_prediction", "v_like_loss=0.1", "v")],
)
def test_a_weight_for_the_other_kind_of_prediction(
    make_run, work, events_of, capsys, tiny_model, tmp_path: Path, prediction, knob, said
) -> None:
    """S069: where the recipe leaves it to the model what is predicted, the model's word is waited for."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prediction_type": prediction}))
    what = refused(make_run(f"model.path={folder}", f"objective.{knob}"), work, events_of, capsys)
    key = f"objective.{knob.partition('=')[0]}"
    assert what == f"{key} would have no effect: the model predicts {said}"


def test_no_model_named(make_run, work, events_of, capsys) -> None:
    assert "names no base model" in refused(make_run("model.path="), work, events_of, capsys)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"model_index.json": {"unet": None, "_class_name": "FluxPipeline"}}, "FluxPipeline"),
        ({"unet/config.json": {"addition_embed_type": "text_time"}}, "StableDiffusionPipeline"),
        ({"unet/config.json": {"in_channels": 9}}, "an inpainting model"),
        (
            {"model_index.json": {"text_encoder": [None, None], "text_encoder_2": ["a", "b"]}},
            "the SDXL refiner",
        ),
    ],
)
def test_a_family_that_is_not_trained_is_named(tiny_model, tmp_path: Path, change, found) -> None:
    """Folders of inpainting, of the refiner, of something foreign."""
    folder = tmp_path / "other"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    for name, values in change.items():
        about = json.loads((folder / name).read_text()) | values
        (folder / name).write_text(
            json.dumps({key: value for key, value in about.items() if value is not None})
        )
    with pytest.raises(UserError, match=f"is {found}"):
        load_family(str(folder))


def test_what_a_hub_name_holds_is_known_before_it_is_fetched(monkeypatch, tiny_sdxl) -> None:
    asked = []
    monkeypatch.setattr(
        "train.models.hub.snapshot_download", lambda name, **_: asked.append(name) or str(tiny_sdxl)
    )
    with pytest.raises(UserError, match="someone/some-xl is sdxl, and the recipe trains sd1"):
        load_family("someone/some-xl", family="sd1")
    assert asked == ["someone/some-xl"]


def test_a_hub_that_is_out_of_reach(monkeypatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise OSError("no connection")

    monkeypatch.setattr("train.models.hub.snapshot_download", nobody)
    with pytest.raises(UserError, match="someone/some-xl cannot be read: no connection") as refused:
        load_family("someone/some-xl")
    assert "connection" in refused.value.hint


def test_a_stop_while_latents_are_kept(make_run) -> None:
    """Nothing was trained, so there is nothing to save."""
    from curator.contract.run.stop_signals import StopSignals
    from train.control import StopRequestedError
    from train.prepare.job import prepare
    from train.report import Reporter

    run = make_run()
    signals = StopSignals()
    signals.count = 1
    log = EventLog(run.events_path)
    with pytest.raises(StopRequestedError):
        prepare(run, lambda _: Reporter(log), signals)


@pytest.mark.parametrize(
    ("tensor", "found"),
    [
        ("conditioner.embedders.0.model.ln_final.weight", "is the SDXL refiner"),
        ("lora_unet_mid_block.alpha", "is a LoRA"),
        ("something.else", "is no Stable Diffusion checkpoint"),
    ],
)
def test_a_single_file_that_is_not_trained_is_named(tmp_path: Path, tensor, found) -> None:
    path = tmp_path / "model.safetensors"
    save_file({tensor: torch.zeros(1)}, path)
    with pytest.raises(UserError, match=found):
        load_family(str(path))


class Hostile:
    """Pickled as a call of the shell."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("is_hostile", [False, True])
def test_pickles_with_code_are_not_obeyed(tmp_path: Path, is_hostile: bool) -> None:
    """S070: `weights_only` alone; said of what torch does not know, and of modules that it blocks."""
    path, trace = tmp_path / "model.ckpt", tmp_path / "trace"
    stranger = Hostile(trace) if is_hostile else Path("/")
    torch.save({"state_dict": {"cond_stage_model.transformer.x": stranger}}, path)
    with pytest.raises(UserError, match="would run code when it is opened") as refused:
        load_family(str(path))
    assert "weights_only" not in str(refused.value)
    assert not trace.exists()
    path.write_bytes(b"no pickle at all")
    with pytest.raises(UserError, match="neither safetensors nor a PyTorch checkpoint"):
        load_family(str(path))


def test_a_damaged_model_folder(tiny_model, tmp_path: Path) -> None:
    folder = tmp_path / "hurt"
    shutil.copytree(tiny_model, folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"half")
    with pytest.raises(UserError, match="neither safetensors nor"):
        load_family(str(folder))
    with pytest.raises(UserError, match="2 layers"):
        load_family(str(tiny_model), clip_skip=9)
    with pytest.raises(UserError, match="no VAE at"):
        load_family(str(tiny_model), vae=str(tmp_path / "none"))


def test_another_vae_is_read_and_used(tiny_model, tmp_path: Path) -> None:
    """S041."""
    folder = tmp_path / "vae"
    shutil.copytree(tiny_model / "vae", folder)
    weights = folder / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor * 0 for name, tensor in load_file(weights).items()}, weights)
    moments = load_family(str(tiny_model), vae=str(folder)).encode_pictures(torch.ones(1, 3, 32, 32))
    assert float(moments.mean.abs().max()) == 0.0


def test_a_run_with_another_vae(make_run, work, events_of, tiny_model, tmp_path: Path) -> None:
    """S041: other latents are trained on, kept or not, and the file names the VAE."""
    from train.weights.lora_file import read_lora

    folder = tmp_path / "other-vae"
    shutil.copytree(tiny_model / "vae", folder)
    weights = folder / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor * 0.9 for name, tensor in load_file(weights).items()}, weights, {"format": "pt"})
    losses, names = [], []
    for sets in ((), (f"model.vae={folder}",), (f"model.vae={folder}", "cache.latents=off")):
        run = make_run("length.steps=1", *sets, name=f"r{len(sets)}")
        assert work(run) == 0
        losses += [event.loss for event in events_of(run) if isinstance(event, StepDone)]
        _, metadata = read_lora(run.output_dir / f"{run.info().name}.safetensors")
        names.append(metadata.get("ss_vae_name"))
    assert losses[0] != losses[1] == losses[2]
    assert names == [None, "other-vae", "other-vae"]


def test_prediction_is_asked_of_the_model_and_can_be_set(tiny_model) -> None:
    """S069."""
    assert load_family(str(tiny_model)).facts.prediction == "epsilon"
    assert load_family(str(tiny_model), prediction="v_prediction").facts.prediction == "v_prediction"


def test_clip_skip_takes_an_earlier_layer_and_the_final_norm(tiny_model) -> None:
    """S027, S020: hidden_states[-k] + final norm; an empty caption is encoder("")."""
    family = load_family(str(tiny_model), clip_skip=2)
    assert isinstance(family, Sd1)
    states = family.condition(["a cat", ""], []).states
    encoder = family.text_encoders[0]
    ids = family.tokenizers[0](
        ["a cat", ""], padding="max_length", max_length=77, return_tensors="pt"
    ).input_ids
    wanted = encoder.final_layer_norm(encoder(ids, output_hidden_states=True).hidden_states[-2])
    assert torch.equal(states, wanted)
    whole = load_family(str(tiny_model))
    assert torch.allclose(
        whole.condition(["a cat", ""], []).states, whole.text_encoders[0](ids).last_hidden_state, atol=1e-6
    )
    assert torch.allclose(states[1:], family.condition([""], []).states, atol=1e-6)


@pytest.mark.parametrize("cache", ["memory", "off"])
def test_a_picture_changed_in_its_bytes(make_run, work, events_of, capsys, cache) -> None:
    """The size is the same: found when the bytes are read."""
    run = make_run(f"cache.latents={cache}")
    picture = run.path.parents[1] / "pictures" / "03.png"
    data = bytearray(picture.read_bytes())
    data[-20] ^= 1
    picture.write_bytes(bytes(data))
    what = refused(run, work, events_of, capsys)
    assert what.endswith("03.png has changed since the freeze")


def test_pictures_gone_or_grown(make_run, work, events_of, capsys) -> None:
    """Found before the model is loaded; the first is named, the rest counted."""
    run = make_run()
    folder = run.path.parents[1] / "pictures"
    (folder / "03.png").unlink()
    (folder / "04.png").write_bytes(b"another")
    what = refused(run, work, events_of, capsys)
    assert ", and 1 more is gone or changed" in what
    assert not any(isinstance(event, StepDone) for event in events_of(run))


def test_another_manifest_than_the_runs(make_run, work, events_of, capsys, freeze, frozen) -> None:
    run = make_run()
    freeze(frozen(repeats=2.0))
    digest = run.info().manifest_digest[:16]
    what = refused(run, work, events_of, capsys)
    assert "is not the one this run was started on" in what
    assert what.endswith(f"that of the run's with {digest}")


def test_a_manifest_with_a_changed_byte(make_run, work, events_of, capsys) -> None:
    run = make_run()
    path = Path(run.info().manifest)
    data = path.read_bytes()
    assert data.count(b"number 3") >= 1
    path.write_bytes(data.replace(b"number 3", b"number X"))
    refused(run, work, events_of, capsys)


def test_a_full_disk_is_told_before_the_first_step(make_run, work, events_of, capsys, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10, 10, 1000))
    assert "the disk has 0 MiB free" in refused(make_run(), work, events_of, capsys)


def test_a_disk_that_fills_up(make_run, work, events_of, monkeypatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run = make_run()
    monkeypatch.setattr("curator.contract.files.whole_files.flush_to_disk", no_space)
    assert work(run) == 3
    assert failure(run, events_of).what == "the disk is full"
    assert not list(run.state_dir.glob("step-*"))


def test_numbers_that_are_none_stop_the_run(make_run, work, events_of, capsys, monkeypatch) -> None:
    """A bad number is never hidden."""
    from train.families.sd1 import Sd1

    honest = Sd1.predict
    monkeypatch.setattr(Sd1, "predict", lambda *args: honest(*args) * float("nan"))
    what = refused(make_run(), work, events_of, capsys)
    assert what.startswith("the loss is NaN at step 3, with 0")
    assert ".png" in what


def test_a_recipe_changed_between_start_and_resume(make_run, work, events_of, capsys) -> None:
    """S079: a state is resumed by the run it belongs to, and no other."""
    run = make_run("length.steps=2")
    assert work(run) == 0
    run.recipe_path.write_text(run.recipe_path.read_text().replace("beta1 = 0.9", "beta1 = 0.8"))
    (run.path / "exit.json").unlink()
    assert "another recipe: optimizer.beta1 was 0.9 and is 0.8" in refused(run, work, events_of, capsys)


def test_a_folder_that_is_no_run(tmp_path: Path, capsys) -> None:
    from train.__main__ import main

    assert main([str(tmp_path)]) == 2
    assert "is no run" in capsys.readouterr().err
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_weights_that_are_no_numbers_stop_a_run_before_its_first_step(
    make_run, work, events_of, capsys, tiny_model, tmp_path: Path
) -> None:
    """Blamed on the file and not on a learning rate; attention hides NaN queries from the loss."""
    folder = tmp_path / "nan"
    shutil.copytree(tiny_model, folder)
    path = folder / "text_encoder" / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in tensors if name.endswith("layers.1.self_attn.q_proj.weight"))
    save_file({**tensors, name: tensors[name] * float("nan")}, path, {"format": "pt"})
    run = make_run(f"model.path={folder}")
    what = refused(run, work, events_of, capsys)
    assert f"'{name}' of its text encoder holds NaN" in what
    assert not any(isinstance(event, StepDone) for event in events_of(run))


def test_what_is_doubtful_in_a_model_is_told_in_the_run(
    make_run, work, events_of, tiny_model, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("tokenizer"))
    run = make_run(f"model.path={folder}", "length.steps=1")
    assert work(run) == 0
    assert any("no whole tokenizer" in event.what for event in events_of(run) if isinstance(event, Warned))
