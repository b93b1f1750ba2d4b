"""Which files of a model are read, on a disk and on the hub: each part once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curator.contract.base_model.folder_files import weight_file
from train.models import hub

BASE = "diffusion_pytorch_model"


@pytest.mark.parametrize(
    ("names", "read", "variant"),
    [
        ([f"{BASE}.bin", f"{BASE}.fp16.safetensors", f"{BASE}.safetensors"], f"{BASE}.safetensors", ""),
        ([f"{BASE}.fp16.bin", f"{BASE}.fp16.safetensors"], f"{BASE}.fp16.safetensors", "fp16"),
        ([f"{BASE}.bin", f"{BASE}.fp16.safetensors"], f"{BASE}.bin", ""),
        ([f"{BASE}.non_ema.safetensors", f"{BASE}.fp16.safetensors"], f"{BASE}.fp16.safetensors", "fp16"),
        (["model.ema_only.safetensors"], "model.ema_only.safetensors", "ema_only"),
        (["pytorch_model.bin", "config.json"], "pytorch_model.bin", ""),
        (
            [f"{BASE}-00001-of-00002.safetensors", f"{BASE}.safetensors.index.json"],
            f"{BASE}.safetensors.index.json",
            "",
        ),
        (
            [f"{BASE}.fp16-00001-of-00002.safetensors", f"{BASE}.safetensors.index.fp16.json"],
            f"{BASE}.safetensors.index.fp16.json",
            "fp16",
        ),
    ],
)
def test_the_file_of_a_part(names, read, variant) -> None:
    assert weight_file(names) == (read, variant)


@pytest.mark.parametrize("names", [[], ["config.json"], ["openvino_model.bin"], ["flax_model.msgpack"]])
def test_a_part_without_weights(names) -> None:
    assert weight_file(names) is None


def test_the_hub_sends_each_part_once(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the single file beside the folders, nor a second variant, nor a safety checker."""
    asked: list[list[str]] = []
    held = [
        "v1-5-pruned.safetensors",
        "safety_checker/model.safetensors",
        *(f"unet/{BASE}{end}" for end in (".bin", ".fp16.safetensors", ".safetensors")),
        f"vae/{BASE}.fp16.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder/pytorch_model.bin",
    ]
    monkeypatch.setattr(hub, "list_repo_files", lambda _: held)
    monkeypatch.setattr(
        hub, "snapshot_download", lambda _, allow_patterns: asked.append(allow_patterns) or str(tiny_model)
    )
    assert hub.fetch_weights("someone/model", hub.parts_of(tiny_model), tiny_model) == tiny_model
    assert asked[0][-3:] == [
        f"unet/{BASE}.safetensors",
        f"vae/{BASE}.fp16.safetensors",
        "text_encoder/model.safetensors",
    ]


def test_without_the_hub_what_was_fetched_is_read(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.families.load import load_family

    def away(*_: object) -> None:
        raise OSError("no connection")

    monkeypatch.setattr(hub, "list_repo_files", away)
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: str(tiny_model))
    index = json.loads((tiny_model / "model_index.json").read_text())
    assert load_family("someone/model").name == "sd1"
    assert index["_class_name"] == "StableDiffusionPipeline"
