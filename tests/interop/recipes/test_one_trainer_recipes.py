"""OneTrainer's JSON as recipes, of the newer files with parts and the older flat ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.fields import value_of
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import load_recipe, with_values
from curator.interop.recipes.reading import import_settings
from curator.interop.recipes.translation import ImportedRecipe

BASE = {"training_method": "LORA", "model_type": "STABLE_DIFFUSION_15", "learning_rate_warmup_steps": 0}


def of(folder: Path, **settings: Any) -> ImportedRecipe:
    (folder / "one.json").write_text(json.dumps(BASE | settings))
    return import_settings(folder / "one.json")


def test_an_older_file_becomes_a_recipe_that_can_be_followed(tmp_path: Path) -> None:
    """B12."""
    made = of(
        tmp_path,
        base_model_name="base",
        output_dtype="FLOAT_32",
        train_dtype="FLOAT_16",
        optimizer="ADAMW",
        weight_decay=0.02,
        learning_rate=3e-4,
        learning_rate_warmup_steps=200,
        learning_rate_scheduler="CONSTANT",
        epochs=100,
        batch_size=4,
        train_text_encoder=False,
        train_text_encoder_epochs=30,
        text_encoder_learning_rate=3e-4,
        unet_learning_rate=2e-4,
        train_unet_epochs=100000,
        offset_noise_weight=0.05,
        lora_rank=16,
        lora_alpha=1.0,
        resolution=512,
        latent_caching=True,
        ema="OFF",
        ema_decay=0.999,
        sample_after=10,
        sample_after_unit="MINUTE",
        backup_after=30,
        backup_after_unit="MINUTE",
        attention_mechanism="XFORMERS",
        tensorboard=True,
        masked_training=False,
        unmasked_weight=0.1,
        max_noising_strength=1.0,
        gradient_checkpointing=False,
    )
    assert made.values == {
        "model.path": "base",
        "model.family": "sd1",
        "adapter.kind": "locon",
        "adapter.alpha": 1.0,
        "adapter.conv_rank": 16,
        "optimizer.unet_lr": 2e-4,
        "optimizer.text_lr": 0.0,
        "optimizer.weight_decay": 0.02,
        "schedule.name": "constant",
        "schedule.warmup_steps": 200,
        "length.epochs": 100,
        "batch.size": 4,
        "objective.noise_offset": 0.05,
        "precision.mixed": "fp16",
        "save.dtype": "fp32",
        "log.trackers": ("tensorboard",),
    }
    told = {line.setting: line.outcome for line in made.lines}
    assert told["backup_after"] == "left out"
    assert told["resolution"] == told["latent_caching"] == "elsewhere"
    assert "unknown" not in told.values()
    (tmp_path / "made.toml").write_text(made.toml())
    assert load_recipe(tmp_path / "made.toml").adapter.conv_rank == 16
    assert made.hindrance == ""


@pytest.mark.parametrize(
    ("settings", "key", "value"),
    [
        ({"training_method": "FINE_TUNE"}, "trains", "full"),
        (
            {
                "training_method": "FINE_TUNE",
                "unet": {"weight_dtype": "BFLOAT_16"},
                "train_dtype": "BFLOAT_16",
            },
            "precision.weights",
            "bf16",
        ),
        ({"training_method": "FINE_TUNE", "output_model_format": "DIFFUSERS"}, "full.format", "folder"),
        ({"model_type": "STABLE_DIFFUSION_21"}, "model.prediction", "v_prediction"),
        (
            {"model_type": "STABLE_DIFFUSION_XL_10_BASE", "text_encoder_2": {"train": False}},
            "optimizer.text_2_lr",
            0.0,
        ),
        ({"text_encoder_layer_skip": 1}, "model.clip_skip", 2),
        ({"learning_rate": 1e-3}, "optimizer.text_lr", 1e-3),
        ({"learning_rate": 1e-3, "unet": {"learning_rate": 2e-3}}, "optimizer.unet_lr", 2e-3),
        ({}, "optimizer.unet_lr", 3e-6),
        (
            {"optimizer": {"optimizer": "PRODIGY", "d_coef": 0.5, "beta3": None}},
            "optimizer.prodigy.d_coef",
            0.5,
        ),
        ({"optimizer": {"optimizer": "LION_8BIT", "beta2": 0.95}}, "optimizer.lion.beta2", 0.95),
        (
            {"optimizer": {"optimizer": "ADAFACTOR", "eps": 1e-20, "eps2": 2e-3, "scale_parameter": True}},
            "optimizer.adafactor.epsilon_scale",
            2e-3,
        ),
        ({"clip_grad_norm": None}, "optimizer.max_grad_norm", 0.0),
        (
            {"learning_rate_scheduler": "COSINE_WITH_RESTARTS", "learning_rate_cycles": 2},
            "schedule.cycles",
            4,
        ),
        (
            {"learning_rate_scheduler": "COSINE_WITH_HARD_RESTARTS", "learning_rate_cycles": 2},
            "schedule.name",
            "cosine_with_restarts",
        ),
        (
            {"learning_rate_scheduler": "LINEAR", "learning_rate_min_factor": 0.1},
            "schedule.min_lr_ratio",
            0.1,
        ),
        ({"learning_rate_warmup_steps": 0.1}, "schedule.warmup_steps", 0.1),
        ({"ema": "CPU", "ema_decay": 0.99}, "ema.device", "cpu"),
        ({"loss_weight_fn": "MIN_SNR_GAMMA", "loss_weight_strength": 3}, "objective.min_snr_gamma", 3.0),
        ({"loss_weight_fn": "DEBIASED_ESTIMATION"}, "objective.debiased", True),
        ({"mse_strength": 0, "huber_strength": 1, "huber_delta": 0.5}, "objective.huber.c", 0.5),
        ({"min_noising_strength": 0.2}, "objective.timesteps.start", 200),
        (
            {"timestep_distribution": "LOGIT_NORMAL", "noising_weight": 0.5},
            "objective.timesteps.logit_normal.deviation",
            1.5,
        ),
        ({"masked_training": True, "unmasked_weight": 0.3}, "objective.mask_floor", 0.3),
        ({"lora_decompose": True}, "adapter.kind", "dora"),
        ({"layer_filter_preset": "attn-mlp"}, "adapter.kind", "lora"),
        ({"peft_type": "LOKR", "lokr_dim": 32, "lokr_decompose_factor": 4}, "adapter.lokr.factor", 4),
        ({"save_every": 2, "save_every_unit": "EPOCH"}, "save.every_epochs", 2),
        ({"backup_after": 50, "backup_after_unit": "STEP"}, "save.state_every_steps", 50),
        (
            {"training_method": "EMBEDDING", "embedding": {"placeholder": "mew", "token_count": 3}},
            "embeddings.vectors",
            3,
        ),
        (
            {
                "training_method": "EMBEDDING",
                "embedding": {"placeholder": "mew"},
                "embedding_learning_rate": 1e-2,
            },
            "embeddings.lr",
            1e-2,
        ),
    ],
)
def test_a_setting_means_this_key(tmp_path: Path, settings: dict[str, Any], key: str, value: object) -> None:
    made = of(tmp_path, **settings)
    assert value_of(with_values(Recipe(), made.values), key) == value
    assert made.hindrance == ""


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"optimizer": {"optimizer": "MUON"}}, "optimizer.optimizer"),
        ({"learning_rate_scheduler": "REX"}, "learning_rate_scheduler"),
        ({"mse_strength": 0.5, "mae_strength": 0.5}, "mse_strength"),
        ({"loss_weight_fn": "P2"}, "loss_weight_fn"),
        (
            {"text_encoder": {"stop_training_after": 3, "stop_training_after_unit": "EPOCH"}},
            "text_encoder.stop_training_after",
        ),
        ({"save_every": 10, "save_every_unit": "MINUTE"}, "save_every"),
        ({"cep_gamma": 0.1}, "cep_gamma"),
        ({"train_dtype": "FLOAT_8"}, "train_dtype"),
    ],
)
def test_what_has_no_counterpart_is_told(tmp_path: Path, settings: dict[str, Any], setting: str) -> None:
    told = {line.setting for line in of(tmp_path, **settings).lines if line.outcome == "left out"}
    assert setting in told


def test_a_setting_that_nobody_knows_is_unknown(tmp_path: Path) -> None:
    told = {line.setting: line.outcome for line in of(tmp_path, brand_new=True).lines}
    assert told["brand_new"] == "unknown"


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"model_type": "FLUX_DEV_1"}, "of the type FLUX_DEV_1"),
        ({"training_method": "FINE_TUNE_VAE"}, "training method is FINE_TUNE_VAE"),
    ],
)
def test_what_frieze_does_not_train_is_refused(tmp_path: Path, settings: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        of(tmp_path, **settings)
