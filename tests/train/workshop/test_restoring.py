"""Token and position embeddings put back from a base: those bit-equal, all others untouched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from tests.train.original_layout import original_layout
from train.tiny.base import build, save
from train.workshop.restoring import RestoreReport, restore

WHICH = ("token", "position")
CLIP = "transformer.text_model.embeddings.{}_embedding.weight"
EXPECTED = {
    "sd1": {f"cond_stage_model.{CLIP.format(which)}" for which in WHICH},
    "sd2": {"cond_stage_model.model.token_embedding.weight", "cond_stage_model.model.positional_embedding"},
    "sdxl": {
        *(f"conditioner.embedders.0.{CLIP.format(which)}" for which in WHICH),
        "conditioner.embedders.1.model.token_embedding.weight",
        "conditioner.embedders.1.model.positional_embedding",
    },
}


def restored(model: Path, base: Path, out: Path, *, replaces: bool = False) -> RestoreReport:
    return restore(model, base, out, lambda done, total: None, replaces=replaces)


def equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


@pytest.mark.parametrize("family", sorted(EXPECTED))
def test_a_single_file(family: str, tmp_path: Path) -> None:
    """S082: by the key lists of each family; a base in another type gives its own bits."""
    models = {}
    for seed, name in enumerate(("model", "base")):
        tensors = original_layout(build(seed=seed, family=family), family)
        dtype = torch.float16 if name == "model" else torch.float32
        models[name] = {key: value.to(dtype).contiguous() for key, value in tensors.items()}
        save_file(models[name], tmp_path / f"{name}.safetensors", {"modelspec.title": name})
    out = tmp_path / "out.safetensors"
    report = restored(tmp_path / "model.safetensors", tmp_path / "base.safetensors", out)
    made = load_file(out)
    assert set(report.restored) == EXPECTED[family]
    assert set(made) == set(models["model"])
    for name, value in made.items():
        assert equal(value, models["base" if name in EXPECTED[family] else "model"][name]), name


def test_a_folder_from_a_file_and_a_file_from_a_folder(tmp_path: Path) -> None:
    """S082: SDXL's two text encoders, in both layouts."""
    pipelines = {name: build(seed=seed, family="sdxl") for seed, name in enumerate(("model", "base"))}
    for name, pipeline in pipelines.items():
        save(pipeline, tmp_path / name)
        save_file(
            {key: value.contiguous() for key, value in original_layout(pipeline, "sdxl").items()},
            tmp_path / f"{name}.safetensors",
        )
    restored(tmp_path / "model", tmp_path / "base.safetensors", tmp_path / "out")
    for before in sorted((tmp_path / "model").rglob("*")):
        after = tmp_path / "out" / before.relative_to(tmp_path / "model")
        if before.suffix != ".safetensors" or "text_encoder" not in before.parent.name:
            assert before.is_dir() or before.read_bytes() == after.read_bytes()
            continue
        base = load_file(tmp_path / "base" / before.relative_to(tmp_path / "model"))
        made, model = load_file(after), load_file(before)
        ours = {name for name in made if "token_embedding" in name or "position_embedding" in name}
        assert len(ours) == 2
        assert all(equal(made[name], (base if name in ours else model)[name]) for name in model)
    restored(tmp_path / "model.safetensors", tmp_path / "base", tmp_path / "out.safetensors")
    made, base = load_file(tmp_path / "out.safetensors"), load_file(tmp_path / "base.safetensors")
    assert all(equal(made[name], base[name]) for name in EXPECTED["sdxl"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("files")
    for family in ("sd1", "sdxl"):
        tensors = original_layout(build(seed=1, family=family), family)
        save_file({key: value.contiguous() for key, value in tensors.items()}, home / f"{family}.safetensors")
    tensors = load_file(home / "sd1.safetensors")
    name = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    save_file(tensors | {name: tensors[name][:-1]}, home / "short.safetensors")
    save_file({"model.diffusion_model.out.2.weight": torch.ones(2)}, home / "unet.safetensors")
    (home / "empty").mkdir()
    return home


@pytest.mark.parametrize(
    ("model", "base", "words"),
    [
        ("sdxl.safetensors", "sd1.safetensors", "embedding of the second text encoder"),
        ("sd1.safetensors", "short.safetensors", "the token embedding of the text encoder is"),
        ("sd1.safetensors", "unet.safetensors", "unet.safetensors holds no text encoder"),
        ("unet.safetensors", "sd1.safetensors", "unet.safetensors holds no text encoder"),
        ("sd1.safetensors", "empty", "holds no text encoder in safetensors files"),
        ("empty", "sd1.safetensors", "holds no text encoder in safetensors files"),
        ("gone.safetensors", "sd1.safetensors", "there is no model file"),
    ],
)
def test_what_does_not_go_together_is_refused(
    files: Path, tmp_path: Path, model: str, base: str, words: str
) -> None:
    out = tmp_path / "out.safetensors"
    with pytest.raises(UserError) as refused:
        restored(files / model, files / base, out)
    assert words in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_taken_stays(files: Path, tmp_path: Path) -> None:
    shutil.copy(files / "sd1.safetensors", tmp_path / "out.safetensors")
    with pytest.raises(UserError, match="is there already"):
        restored(files / "sd1.safetensors", files / "sd1.safetensors", tmp_path / "out.safetensors")
    with pytest.raises(UserError, match="is one of the files"):
        restored(
            files / "sd1.safetensors", files / "sd1.safetensors", files / "sd1.safetensors", replaces=True
        )
