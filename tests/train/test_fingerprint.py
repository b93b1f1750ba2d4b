"""A run goes on with the base model it was started on, and no other (S079)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from train.families.fingerprint import fingerprint_of


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    return folder


def change(weights: Path, name: str, by: float = 1e-3) -> None:
    tensors = load_file(weights)
    tensors[name] = tensors[name] + by
    save_file(tensors, weights, {"format": "pt"})


def test_a_copy_of_a_model_is_the_same_model(model: Path, tmp_path: Path) -> None:
    """Wherever it lies, and whenever it was written."""
    shutil.copytree(model, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "notes.txt").write_text("mine")
    assert fingerprint_of(str(model)) == fingerprint_of(str(tmp_path / "elsewhere"))
    single = model / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copy(single, tmp_path / "renamed.safetensors")
    assert fingerprint_of(str(single)) == fingerprint_of(str(tmp_path / "renamed.safetensors"))


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_one_changed_tensor_makes_another_model(model: Path, part: str) -> None:
    before = fingerprint_of(str(model))
    weights = model / part / "diffusion_pytorch_model.safetensors"
    for name in list(load_file(weights))[::40]:
        change(weights, name)
        after = fingerprint_of(str(model))
        assert after != before
        before = after


def test_settings_sizes_and_places_count(model: Path, tmp_path: Path) -> None:
    seen = {fingerprint_of(str(model))}
    config = model / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("epsilon", "v_prediction"))
    seen.add(fingerprint_of(str(model)))
    pickled = tmp_path / "model.ckpt"
    torch.save({"x": torch.arange(100_000.0)}, pickled)
    seen.add(fingerprint_of(str(pickled)))
    torch.save({"x": torch.arange(100_000.0) + 1}, pickled)
    seen |= {fingerprint_of(str(pickled)), fingerprint_of("", str(pickled)), fingerprint_of(str(pickled), "")}
    assert len(seen) == 6


def test_what_makes_no_sense_is_left_to_who_loads_it(tmp_path: Path, monkeypatch) -> None:
    """Damaged headers, and hub names that are not on this machine."""
    for data in (b"", b"\xff" * 40, (9).to_bytes(8, "little") + b'{"a": []}'):
        (tmp_path / "x.safetensors").write_bytes(data)
        assert len(fingerprint_of(str(tmp_path / "x.safetensors"))) == 64

    def nobody(*_: object, **__: object) -> None:
        raise OSError("no connection")

    monkeypatch.setattr("train.families.fingerprint.snapshot_download", nobody)
    assert fingerprint_of("someone/some-model") == fingerprint_of("someone/another")


def test_a_hub_model_is_known_by_its_files(model: Path, monkeypatch) -> None:
    monkeypatch.setattr("train.families.fingerprint.snapshot_download", lambda *_, **__: str(model))
    assert fingerprint_of("someone/some-model") == fingerprint_of(str(model))


@pytest.mark.parametrize("what", ["model.path", "model.vae"])
def test_weights_altered_before_a_resume_are_refused(make_run, work, model, what, capsys) -> None:
    place = model / "vae" if what == "model.vae" else model
    run = make_run("length.steps=2", f"{what}={place}")
    assert work(run) == 0
    (run.path / "exit.json").unlink()
    weights = model / "vae" / "diffusion_pytorch_model.safetensors"
    change(weights, next(iter(load_file(weights))))
    assert work(run) == 3
    said = capsys.readouterr().err
    assert "the base model is not what the run was started with" in said
    assert "put back what was there, or go on with this one as a new run" in said
