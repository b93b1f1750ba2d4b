"""Hashes in the metadata of what a run saves, as kohya defines them: of the base model and of itself (S090)."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import save, save_file

from tests.train.original_layout import original_layout
from train.families.rows import FAMILIES
from train.tiny.base import build
from train.weights import model_hashes
from train.weights.lora_file import read_lora
from train.weights.model_hashes import hashes_beside


def short(data: bytes) -> str:
    return hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]


def test_of_files_alone_and_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder has none; a file is read again only where its size or its time is another."""
    model, folder, cache = tmp_path / "m.ckpt", tmp_path / "vae", tmp_path / "hashes.json"
    model.write_bytes(os.urandom(0x120000))
    folder.mkdir()
    data = model.read_bytes()
    expected = {"ss_sd_model_hash": short(data), "ss_new_sd_model_hash": hashlib.sha256(data).hexdigest()}
    assert hashes_beside(cache, str(model), str(folder))() == expected
    read: list[Path] = []
    hashed = model_hashes._hashed
    monkeypatch.setattr(model_hashes, "_hashed", lambda path: (read.append(path), hashed(path))[1])
    assert hashes_beside(cache, str(model), "")() == expected
    assert read == []
    cache.write_text("{half")
    assert hashes_beside(cache, str(model), "owner/name")() == expected
    model.write_bytes(b"another")
    changed = hashes_beside(cache, str(model), str(model))()
    whole = hashlib.sha256(b"another").hexdigest()
    assert changed["ss_new_sd_model_hash"] == changed["ss_new_vae_hash"] == whole
    assert changed["ss_vae_hash"] == short(b"another")


def test_every_checkpoint_has_them(make_run, work, tiny_model: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(FAMILIES, "sd1", replace(FAMILIES["sd1"], config=tiny_model))
    model = tmp_path / "model.safetensors"
    save_file(original_layout(build(seed=0, family="sd1"), "sd1"), model)
    run = make_run(
        f"model.path={model}", "length.steps=2", "save.every_steps=1", "adapter.rank=16", name="hashed"
    )
    assert work(run) == 0
    data = model.read_bytes()
    files = sorted(run.output_dir.iterdir())
    assert len(files) == 3
    for file in files:
        tensors, metadata = read_lora(file)
        assert metadata["ss_sd_model_hash"] == short(data)
        assert metadata["ss_new_sd_model_hash"] == hashlib.sha256(data).hexdigest()
        kohyas = save(tensors, {name: value for name, value in metadata.items() if name.startswith("ss_")})
        start = 8 + int.from_bytes(kohyas[:8], "little")
        assert metadata["sshs_model_hash"] == hashlib.sha256(kohyas[start:]).hexdigest()
        assert metadata["sshs_legacy_hash"] == short(kohyas)
    assert set(json.loads((run.path / "model-hashes.json").read_text())) == {"sd_model"}
