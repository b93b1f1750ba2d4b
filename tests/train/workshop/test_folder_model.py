"""Diffusers folders read as the single files they would be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from curator.contract.errors import UserError
from curator.contract.merging.adapters import ModelConversion
from curator.contract.merging.recipe import MergeRecipe
from tests.train.original_layout import original_layout
from train.workshop.converting import convert_model
from train.workshop.merging import carry_out
from train.workshop.open_model import open_model


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_every_tensor_under_its_original_name(request: pytest.FixtureRequest, family: str) -> None:
    """Whole and by rows, against the tests' own table of names."""
    folder = request.getfixturevalue({"sd1": "tiny_model"}.get(family, f"tiny_{family}"))
    wanted = original_layout(DiffusionPipeline.from_pretrained(str(folder)), family)
    wanted.pop("cond_stage_model.model.text_projection", None)  # SD2's, which no folder holds
    found = open_model(folder)
    assert found.tensors.keys() == wanted.keys()
    for name, value in wanted.items():
        if ".resblocks.4." in name:
            continue  # SD2's layer that nothing reads is the one before it again
        assert torch.equal(found.whole(name), value), name
        if value.shape[0] > 5:
            assert torch.equal(found.rows(name, 3, 5), value[3:5]), name


def test_what_the_scheduler_says_is_marked(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "v")
    scheduler = tmp_path / "v" / "scheduler" / "scheduler_config.json"
    about = json.loads(scheduler.read_text())
    scheduler.write_text(
        json.dumps(about | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True})
    )
    found = open_model(tmp_path / "v")
    assert {"v_pred", "ztsnr"} <= found.tensors.keys()
    assert found.whole("v_pred").shape == (0,)
    assert found.metadata["modelspec.prediction_type"] == "v"


def test_folders_are_merged_as_the_files_they_would_be(tiny_sdxl: Path, tmp_path: Path) -> None:
    whole = open_model(tiny_sdxl)
    other = {name: whole.whole(name) + 1 for name in whole.tensors}
    save_file(other, tmp_path / "other.safetensors")
    out = tmp_path / "o.safetensors"
    recipe = MergeRecipe(models=(str(tiny_sdxl), str(tmp_path / "other.safetensors")), ratio=0.5)
    report = carry_out(recipe, out, lambda done, total: None)
    assert (report.family, report.only_in_first, report.only_in_others) == ("sdxl", (), {})
    made = load_file(out)
    assert all(torch.allclose(made[name], whole.whole(name) + 0.5, atol=1e-5) for name in made)


def test_shards_and_attention_of_old_names(tiny_model: Path, tmp_path: Path) -> None:
    """A UNet in two files, and a VAE that an old diffusers wrote."""
    folder = tmp_path / "old"
    shutil.copytree(tiny_model, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    weights.unlink()
    shards = {
        f"diffusion_pytorch_model-0000{n}-of-00002.safetensors": sorted(tensors)[n - 1 :: 2] for n in (1, 2)
    }
    for file, names in shards.items():
        save_file({name: tensors[name] for name in names}, weights.with_name(file))
    places = {name: file for file, names in shards.items() for name in names}
    weights.with_name(f"{weights.name}.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": places})
    )
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    words = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
    old = {}
    for name, value in load_file(vae).items():
        renamed = name
        for new, word in words.items():
            renamed = renamed.replace(f"attentions.0.{new}", f"attentions.0.{word}")
        old[renamed] = value
    assert old.keys() != load_file(vae).keys()
    save_file(old, vae)
    new, found = open_model(tiny_model), open_model(folder)
    assert new.tensors == found.tensors
    assert all(torch.equal(new.whole(name), found.whole(name)) for name in new.tensors)


def test_what_is_no_tensor_of_the_family_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(tiny_model, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    save_file(load_file(weights) | {"controlnet.weight": torch.ones(2)}, weights)
    with pytest.raises(UserError, match=r"holds 'controlnet\.weight', which is no tensor of sd1"):
        open_model(folder)
    shutil.rmtree(folder / "unet")
    with pytest.raises(UserError, match="is missing"):
        open_model(folder)


def test_a_file_made_of_a_folder_says_how_it_was_made(tiny_model: Path, tmp_path: Path) -> None:
    """B06: the run's recipe and origin go along; hashes and layout are the file's own."""
    shutil.copytree(tiny_model, tmp_path / "made")
    unet = tmp_path / "made" / "unet" / "diffusion_pytorch_model.safetensors"
    said = {"frieze.recipe": "seed = 3", "sshs_model_hash": "f" * 64, "modelspec.implementation": "diffusers"}
    save_file(load_file(unet), unet, said)
    convert_model(
        tmp_path / "made", tmp_path / "o.safetensors", ModelConversion(), lambda *_: None, replaces=False
    )
    with safe_open(tmp_path / "o.safetensors", "pt") as file:
        about = file.metadata()
    assert about["frieze.recipe"] == "seed = 3"
    assert about["sshs_model_hash"] != "f" * 64
    assert about["modelspec.implementation"] != "diffusers"
