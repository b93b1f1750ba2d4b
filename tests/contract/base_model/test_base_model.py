"""What a base model's headers and configuration say, without a library of models (S069, S070)."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest

from curator.contract.base_model.check import check_base_model
from curator.contract.base_model.facts import facts_at
from curator.contract.base_model.prediction import Said, choose
from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Model

CONFIGS = Path(__file__).parents[3] / "train" / "families"
UNET = "model.diffusion_model.input_blocks.0.0.weight"
VAE = "first_stage_model.encoder.conv_in.weight"
SD1 = [
    f"cond_stage_model.transformer.text_model.encoder.layers.{layer}.mlp.fc1.weight" for layer in range(12)
]
SD2 = [f"cond_stage_model.model.transformer.resblocks.{layer}.ln_1.weight" for layer in range(24)]
SDXL = ["conditioner.embedders.0.transformer.x", "conditioner.embedders.1.model.ln_final.weight"]


def header_of(
    path: Path, names: list[str], metadata: dict[str, str] | None = None, channels: int = 4
) -> Path:
    """A safetensors file of tensors without numbers: only names, shapes and metadata."""
    about: dict[str, object] = {"__metadata__": metadata or {}}
    for name in names:
        shape = [0, channels, 3, 3] if name == UNET else [0]
        about[name] = {"dtype": "F16", "shape": shape, "data_offsets": [0, 0]}
    text = json.dumps(about).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    return path


@pytest.mark.parametrize(
    ("names", "kind", "layers"),
    [
        ([UNET, VAE, *SD1], "sd1", 12),
        ([UNET, VAE, *[name.replace(".text_model.", ".") for name in SD1]], "sd1", 12),
        ([UNET, VAE, *SD2], "sd2", 23),  # of 24, the last is never read
        ([UNET, VAE, *SDXL], "sdxl", None),
        ([UNET], "a UNet without a text encoder", None),
        ([VAE], "a VAE", None),
        (["conditioner.embedders.0.model.ln_final.weight"], "the SDXL refiner", None),
        (["lora_unet_mid_block.alpha"], "a LoRA", None),
        ([UNET, VAE, *SDXL, "edm_mean"], "a model of EDM-style noise", None),
        (["x"], "no Stable Diffusion checkpoint", None),
    ],
)
def test_a_files_family(tmp_path: Path, names, kind, layers) -> None:
    facts = facts_at(header_of(tmp_path / "m.SAFETENSORS", names))
    assert facts is not None
    assert (facts.kind, facts.text_layers, facts.has_vae) == (kind, layers, VAE in names)


@pytest.mark.parametrize(
    ("channels", "kind"), [(9, "an inpainting"), (8, "an image-editing"), (5, "a depth")]
)
def test_models_that_take_more_than_latents_are_named(tmp_path: Path, channels, kind) -> None:
    path = header_of(tmp_path / "m.safetensors", [UNET, VAE, *SD1], channels=channels)
    with pytest.raises(UserError, match=kind):
        check_base_model(Model(path=str(path)))


@pytest.mark.parametrize(
    ("said", "family", "prediction", "zero", "chosen", "warned"),
    [
        (Said(None), "sd1", "auto", "auto", ("epsilon", False), 0),
        (Said("v_prediction", True, "x"), "sdxl", "auto", "auto", ("v_prediction", True), 0),
        (Said("v_prediction", True, "x"), "sdxl", "auto", "off", ("v_prediction", False), 0),
        (Said("v_prediction", True, "x"), "sdxl", "epsilon", "auto", ("epsilon", False), 2),
        (Said("epsilon", False, "x"), "sd1", "v_prediction", "on", ("v_prediction", True), 1),
        (Said(None, True), "sdxl", "auto", "auto", ("epsilon", False), 1),
        (Said(None, True), "sdxl", "v_prediction", "auto", ("v_prediction", True), 0),
        (Said(None), "sd2", "epsilon", "auto", ("epsilon", False), 0),
        (Said("sample", False, "x"), "sd1", "epsilon", "auto", ("epsilon", False), 1),
    ],
)
def test_what_is_trained_is_what_model_and_recipe_say(said, family, prediction, zero, chosen, warned) -> None:
    found = choose(said, "the model", family, prediction, zero)
    assert (found.prediction, found.zero_terminal_snr) == chosen
    assert len(found.warnings) == warned


@pytest.mark.parametrize(
    ("said", "family", "prediction", "zero", "why"),
    [
        (Said(None), "sd2", "auto", "auto", "does not say what it predicts"),
        (
            Said("v_prediction", False, "its tensor v_pred", "epsilon"),
            "sdxl",
            "auto",
            "auto",
            "contradicts itself",
        ),
        (Said("sample", False, "x"), "sd1", "auto", "auto", "predicts 'sample'"),
        (Said(None), "sd1", "auto", "on", "zero terminal SNR needs a model of v-prediction"),
    ],
)
def test_what_cannot_be_decided_is_asked(said, family, prediction, zero, why) -> None:
    with pytest.raises(UserError, match=why) as refused:
        choose(said, "the model", family, prediction, zero)
    assert "model." in refused.value.hint or "trained" in refused.value.hint


@pytest.mark.parametrize(
    ("metadata", "prediction"),
    [
        ({"modelspec.prediction_type": "v"}, "v_prediction"),
        ({"modelspec.prediction_type": "V_Prediction"}, "v_prediction"),
        ({"modelspec.prediction_type": "epsilon"}, "epsilon"),
        ({"modelspec.architecture": "stable-diffusion-v2-768-v"}, "v_prediction"),
        ({"modelspec.architecture": "stable-diffusion-v2-512"}, "epsilon"),
        ({}, None),
    ],
)
def test_metadata_say_what_a_file_predicts(tmp_path: Path, metadata, prediction) -> None:
    facts = facts_at(header_of(tmp_path / "m.safetensors", [UNET, VAE, *SD2], metadata))
    assert facts is not None
    assert facts.said.prediction == prediction


@pytest.mark.parametrize(
    ("family", "settings", "why"),
    [
        ("sd1", {"family": "sdxl"}, "is sd1, and the recipe trains sdxl"),
        ("sdxl", {"family": "sd1"}, "is sdxl, and the recipe trains sd1"),
        ("sd1", {"clip_skip": 13}, "text encoder has 12 layers"),
        ("sdxl", {"clip_skip": 2}, "would have no effect"),
        ("sd1", {"zero_terminal_snr": "on"}, "zero terminal SNR needs"),
    ],
)
def test_a_recipe_that_does_not_fit_its_model(family, settings, why) -> None:
    with pytest.raises(UserError, match=why):
        check_base_model(Model(path=str(CONFIGS / f"{family}_config"), **settings))


@pytest.mark.parametrize(
    ("family", "settings"),
    [("sd1", {"clip_skip": 12}), ("sd2", {"clip_skip": 23}), ("sdxl", {"family": "sdxl"})],
)
def test_a_recipe_that_fits(family, settings) -> None:
    assert check_base_model(Model(path=str(CONFIGS / f"{family}_config"), **settings)) == []


@pytest.mark.parametrize(
    ("scheduler", "kind"), [("EDMEulerScheduler", "EDM-style"), ("FlowMatchX", "flow-match")]
)
def test_folders_of_another_noise_are_named(tmp_path: Path, scheduler, kind) -> None:
    folder = Path(shutil.copytree(CONFIGS / "sdxl_config", tmp_path / "m"))
    index = json.loads((folder / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", scheduler]
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=kind):
        check_base_model(Model(path=str(folder)))


def test_a_file_without_a_vae_needs_one(tmp_path: Path) -> None:
    path = str(header_of(tmp_path / "m.safetensors", [UNET, *SD1]))
    with pytest.raises(UserError, match="has no VAE") as refused:
        check_base_model(Model(path=path))
    assert "model.vae" in refused.value.hint
    assert check_base_model(Model(path=path, vae="vae.safetensors")) == []
