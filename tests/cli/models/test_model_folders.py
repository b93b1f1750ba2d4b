"""`frieze model info` and `hash` of a diffusers folder: its components, and hashes of files and tensors."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Frieze
from tests.runs.test_model_info import write

UNET = VAE = "diffusion_pytorch_model"


def put_json(path: Path, **said: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SD 1.x with a UNet in two shards, a VAE of two variants, and what has no weights."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "m"
    home.mkdir()
    put_json(
        home / "model_index.json",
        _class_name="StableDiffusionPipeline", scheduler=["diffusers", "DDIMScheduler"],
        unet=["diffusers", "UNet2DConditionModel"], vae=["diffusers", "AutoencoderKL"],
        text_encoder=["transformers", "CLIPTextModel"], safety_checker=[None, None],
    )  # fmt: skip
    put_json(home / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    put_json(home / "unet" / "config.json", in_channels=4, cross_attention_dim=768)
    put_json(
        home / "unet" / f"{UNET}.safetensors.index.json",
        weight_map={"a": "2.safetensors", "b": "1.safetensors"},
    )
    write(
        home / "unet" / "1.safetensors", {"b": (2, 3)}, {"modelspec.title": "\x1b[31mmine", "frieze.x": "y"}
    )
    write(home / "unet" / "2.safetensors", {"a": (4,)})
    put_json(home / "vae" / "config.json")
    write(home / "vae" / f"{VAE}.safetensors", {"v": (5,)})
    write(home / "vae" / f"{VAE}.fp16.safetensors", {"v": (5,)})
    put_json(home / "text_encoder" / "config.json", num_hidden_layers=12)
    write(home / "text_encoder" / "model.safetensors", {"t": (7,)})
    return home


def test_a_folder_is_told_by_its_components(folder: Path, frieze: Frieze) -> None:
    done = frieze("model", "info", "m", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert (found["kind"], found["prediction"], found["has_vae"]) == ("sd1", "v_prediction", True)
    assert (found["tensors"], found["numbers"], found["dtypes"]) == (4, 22, {"F16": 4})
    assert found["modelspec"] == {"title": "\x1b[31mmine"}
    parts = {each["name"]: each for each in found["components"]}
    assert list(parts) == ["scheduler", "text_encoder", "unet", "vae"]
    assert parts["unet"]["files"] == ["unet/1.safetensors", "unet/2.safetensors"]
    assert parts["vae"]["files"] == [f"vae/{VAE}.safetensors"]
    assert (parts["unet"]["tensors"], parts["unet"]["numbers"], parts["scheduler"]["tensors"]) == (2, 10, 0)
    assert found["bytes"] == sum(each["bytes"] for each in parts.values()) > 0
    shown = frieze("model", "info", "m")
    assert (shown.code, "\x1b" in shown.out) == (0, False)
    assert "UNet2DConditionModel" in shown.out
    assert "sd1" in shown.lines[0]
    (folder / "unet" / "2.safetensors").unlink()
    for command in ("info", "hash"):
        refused = frieze("model", command, "m")
        assert (refused.code, "2.safetensors, one of its 2 shards" in refused.err) == (2, True), refused.err


def test_a_folder_has_a_hash_for_each_file_and_one_of_all_tensors(folder: Path, frieze: Frieze) -> None:
    found = frieze("model", "hash", "m", "--json").json
    listed = subprocess.run(
        "find . -type f | sed 's:^./::' | LC_ALL=C sort | xargs sha256sum",
        shell=True, cwd=folder, capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert found["sha256"] == hashlib.sha256(listed).hexdigest()
    assert "".join(f"{value}  {name}\n" for name, value in found["files"].items()).encode() == listed
    assert (found["autov2"], found["autov3"], found["legacy"]) == (None, None, None)
    whole = hashlib.sha256()
    for name in ("text_encoder/model", "unet/1", "unet/2", f"vae/{VAE}"):
        data = (folder / f"{name}.safetensors").read_bytes()
        whole.update(data[8 + int.from_bytes(data[:8], "little") :])
    assert found["tensors_sha256"] == whole.hexdigest()
    shown = frieze("model", "hash", "m")
    assert shown.lines[:2] == [f"sha256   {found['sha256']}", f"tensors  {found['tensors_sha256']}"]
    assert set(shown.lines[2:]) == set(listed.decode().splitlines())
    write(folder / "unet" / "1.safetensors", {"b": (2, 3)}, {"modelspec.title": "other"})  # the same tensors
    again = frieze("model", "hash", "m", "--json").json
    assert again["tensors_sha256"] == found["tensors_sha256"]
    assert again["sha256"] != found["sha256"]
    (folder / "vae" / f"{VAE}.bin").write_bytes(b"no model")
    for name in (f"{VAE}.safetensors", f"{VAE}.fp16.safetensors"):
        (folder / "vae" / name).unlink()
    pickled = frieze("model", "hash", "m", "--json").json
    assert (pickled["tensors_sha256"], f"vae/{VAE}.bin" in pickled["files"]) == (None, True)
    (folder / "unet" / "1.safetensors").write_bytes(b"cut")
    refused = frieze("model", "hash", "m")
    assert (refused.code, "1.safetensors" in refused.err) == (2, True), refused.err
