"""sd-scripts' launch lines and config files, and kohya_ss' JSON, as recipes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.fields import value_of
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import load_recipe, with_values
from curator.interop.recipes.reading import import_settings
from curator.interop.recipes.translation import ImportedRecipe

LINE = """#!/bin/bash
# accelerate launch train_network.py --network_dim=99
accelerate launch --num_cpu_threads_per_process 2 ./sd-scripts/sdxl_train_network.py \\
  --pretrained_model_name_or_path="/models/my base.safetensors" --train_data_dir='C:\\data\\flower' \\
  --max_train_epochs=10 --train_batch_size 4 --unet_lr=4e-5 --text_encoder_lr 1e-5 2e-5 \\
  --network_module=lycoris.kohya --network_dim=10000 --network_alpha=1 \\
  --network_args "algo=lokr" factor=8 full_matrix=True rank_dropout=0.1 conv_dim=1 \\
  --optimizer_type="Lion8bit" --optimizer_args "betas=(0.9, 0.95)" weight_decay=0.1 foo=2 \\
  --lr_scheduler=constant --lr_warmup_steps 100 --mixed_precision=fp16 --min_snr_gamma 5 --shuffle_caption \\
  --xformers --save_precision fp16 --save_every_n_epochs 1 --clip_skip 2 --huggingface_token=hf_secret --shiny
"""


def of(folder: Path, text: str, name: str = "train.sh", script: str = "") -> ImportedRecipe:
    (folder / name).write_text(text)
    return import_settings(folder / name, script)


def launched(folder: Path, options: str, script: str = "train_network") -> ImportedRecipe:
    return of(folder, f"accelerate launch {script}.py {options}\n")


def outcomes(made: ImportedRecipe) -> dict[str, str]:
    return {line.setting: line.outcome for line in made.lines}


def test_a_launch_line_becomes_a_recipe_that_can_be_followed(tmp_path: Path) -> None:
    """B12."""
    made = of(tmp_path, LINE.replace("10000", "512"))
    assert made.values == {
        "model.path": "/models/my base.safetensors",
        "model.family": "sdxl",
        "adapter.kind": "lokr",
        "adapter.rank": 512,
        "adapter.alpha": 1.0,
        "adapter.conv_rank": 1,
        "adapter.lokr.factor": 8,
        "adapter.lokr.full_matrix": True,
        "optimizer.name": "lion8bit",
        "optimizer.unet_lr": 4e-5,
        "optimizer.text_lr": 1e-5,
        "optimizer.text_2_lr": 2e-5,
        "optimizer.weight_decay": 0.1,
        "optimizer.lion.beta2": 0.95,
        "schedule.name": "constant",
        "schedule.warmup_steps": 100,
        "batch.size": 4,
        "objective.min_snr_gamma": 5.0,
        "precision.mixed": "fp16",
        "precision.vae": "fp16",
        "save.every_epochs": 1,
    }
    told = outcomes(made)
    assert told["shuffle_caption"] == told["train_data_dir"] == "elsewhere"
    assert told["clip_skip"] == told["network_args.rank_dropout"] == told["optimizer_args.foo"] == "left out"
    assert told["shiny"] == "unknown"
    assert told["no_half_vae"] == "default"
    assert "xformers" not in told
    (tmp_path / "made.toml").write_text(made.toml())
    assert load_recipe(tmp_path / "made.toml").adapter.lokr.factor == 8
    assert made.hindrance == ""


def test_what_is_out_of_range_is_left_out_and_told(tmp_path: Path) -> None:
    line = next(each for each in of(tmp_path, LINE).lines if each.setting == "network_dim")
    assert line.outcome == "left out"
    assert line.why == "network_dim: adapter.rank is 10000; the most is 1024"


def test_a_secret_is_written_nowhere(tmp_path: Path) -> None:
    made = of(tmp_path, LINE)
    assert "hf_secret" not in made.toml() + repr(made.lines)
    assert outcomes(made)["huggingface_token"] == "elsewhere"


def test_words_about_tokens_are_no_secrets(tmp_path: Path) -> None:
    made = launched(tmp_path, "--keep_tokens=2 --huggingface_token=hf_secret", "fine_tune")
    assert {line.setting: line.value for line in made.lines if "token" in line.setting} == {
        "keep_tokens": "2",
        "huggingface_token": "(kept back)",
    }


def test_a_class_of_torch_by_its_bare_name_is_named_whole(tmp_path: Path) -> None:
    """S073, B12."""
    made = launched(tmp_path, "--optimizer_type=RMSprop --learning_rate=1e-4")
    assert made.values["optimizer.name"] == "torch.optim.RMSprop"
    assert "optimizer.args" not in made.values
    assert "trust_class" in made.hindrance
    assert outcomes(launched(tmp_path, "--optimizer_type=RMSprob"))["optimizer_type"] == "left out"


def test_what_the_script_does_unasked_is_written(tmp_path: Path) -> None:
    made = launched(tmp_path, "--pretrained_model_name_or_path base")
    assert made.values == {
        "model.path": "base",
        "model.family": "sd1",
        "adapter.rank": 4,
        "adapter.alpha": 1.0,
        "optimizer.unet_lr": 2e-6,
        "optimizer.text_lr": 2e-6,
        "schedule.name": "constant",
        "length.epochs": 0,
        "length.steps": 1600,
        "precision.mixed": "fp32",
        "save.dtype": "fp32",
    }


@pytest.mark.parametrize(
    ("script", "options", "key", "value"),
    [
        ("train_network", "--network_train_unet_only", "optimizer.text_lr", 0.0),
        ("train_network", "--network_train_text_encoder_only", "optimizer.unet_lr", 0.0),
        ("train_network", "--learning_rate 1e-3 --unet_lr 0", "optimizer.unet_lr", 0.0),
        ("train_network", "--learning_rate 1e-3", "optimizer.text_lr", 1e-3),
        ("train_network", "--v2 --v_parameterization", "model.prediction", "v_prediction"),
        ("train_network", "--v2", "model.prediction", "epsilon"),
        ("train_network", "--clip_skip=2", "model.clip_skip", 2),
        ("train_network", "--network_args conv_dim=8 conv_alpha=4", "adapter.kind", "locon"),
        ("train_network", "--network_args conv_dim=8 conv_alpha=4", "adapter.conv_alpha", 4.0),
        (
            "train_network",
            "--network_module=networks.dylora --network_dim=8 --network_args unit=2",
            "adapter.dylora.unit",
            2,
        ),
        ("train_network", "--network_module=lycoris.kohya --network_args algo=loha", "adapter.conv_rank", 4),
        (
            "train_network",
            "--network_module=lycoris.kohya --network_args dora_wd=True",
            "adapter.kind",
            "dora",
        ),
        (
            "train_network",
            "--network_module=lycoris.kohya --network_args algo=diag-oft",
            "adapter.kind",
            "oft",
        ),
        (
            "train_network",
            "--network_module=lycoris.kohya --network_args train_norm=True",
            "adapter.norms",
            True,
        ),
        ("train_network", "--network_dim=8 --network_alpha=0", "adapter.alpha", 8.0),
        ("train_network", "--use_8bit_adam", "optimizer.name", "adamw8bit"),
        ("train_network", "--optimizer_type=Lion", "optimizer.weight_decay", 0.0),
        (
            "train_network",
            "--optimizer_type=Prodigy --optimizer_args d_coef=2 decouple=False",
            "optimizer.prodigy.d_coef",
            2.0,
        ),
        (
            "train_network",
            "--optimizer_type=Prodigy --optimizer_args d_coef=2 decouple=False",
            "optimizer.prodigy.decouple",
            False,
        ),
        ("train_network", "--optimizer_type=AdaFactor", "optimizer.adafactor.relative_step", True),
        ("train_network", "--optimizer_type=AdaFactor", "optimizer.unet_lr", 1.0),
        (
            "train_network",
            "--optimizer_type=AdaFactor --optimizer_args relative_step=False --unet_lr 1e-5",
            "optimizer.unet_lr",
            1e-5,
        ),
        (
            "train_network",
            "--optimizer_type=torch.optim.NAdam --optimizer_args eps=1e-6",
            "optimizer.args",
            ("eps=1e-6",),
        ),
        ("train_network", "--lr_scheduler cosine --lr_warmup_steps 0.05", "schedule.warmup_steps", 0.05),
        ("train_network", "--lr_scheduler cosine --lr_warmup_steps 5%", "schedule.warmup_steps", 0.05),
        (
            "train_network",
            "--lr_scheduler cosine_with_restarts --lr_scheduler_num_cycles 3",
            "schedule.cycles",
            3,
        ),
        ("train_network", "--lr_scheduler polynomial --lr_scheduler_power 2", "schedule.power", 2.0),
        ("train_network", "--max_train_steps 500", "length.steps", 500),
        ("train_network", "--max_train_epochs 8 --save_n_epoch_ratio 4", "save.every_epochs", 2),
        ("train_network", "--save_every_n_steps 100 --save_last_n_steps 300", "save.keep_last", 4),
        ("train_network", "--loss_type huber --huber_c 0.2", "objective.huber.c", 0.2),
        ("train_network", "--log_with all --logging_dir logs", "log.trackers", ("tensorboard", "wandb")),
        ("train_network", "--metadata_tags 'a b, c'", "metadata.tags", ("a b", "c")),
        ("train_network", "--full_bf16 --mixed_precision bf16", "precision.weights", "bf16"),
        (
            "train_network",
            "--noise_offset 0.1 --noise_offset_random_strength",
            "objective.noise_offset_random",
            True,
        ),
        ("train_db", "", "trains", "full"),
        ("train_db", "--learning_rate 1e-5", "optimizer.text_lr", 1e-5),
        ("fine_tune", "--learning_rate 1e-5", "optimizer.text_lr", 0.0),
        ("fine_tune", "--train_text_encoder --learning_rate_te 3e-6", "optimizer.text_lr", 3e-6),
        ("sdxl_train", "--train_text_encoder --learning_rate_te2 1e-6", "optimizer.text_2_lr", 1e-6),
        ("sdxl_train", "--save_model_as diffusers", "full.format", "folder"),
        ("train_textual_inversion", "--token_string mew --learning_rate 1e-3", "embeddings.lr", 1e-3),
        ("train_textual_inversion", "--token_string mew", "embeddings.vectors", 1),
        ("train_textual_inversion_XTI", "--token_string mew", "embeddings.extended", True),
    ],
)
def test_an_option_means_this_key(tmp_path: Path, script: str, options: str, key: str, value: object) -> None:
    made = launched(tmp_path, options, script)
    assert value_of(with_values(Recipe(), made.values), key) == value
    assert made.hindrance == "" or "trust" in made.hindrance


def test_samples_have_the_numbers_of_sd_scripts(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("a fox\n")
    made = launched(tmp_path, f"--sample_prompts {tmp_path / 'p.txt'} --sample_every_n_epochs 2")
    assert made.values["sample.every_epochs"] == 2
    assert made.values["sample.cfg"] == 7.5
    assert made.values["sample.steps"] == 30
    assert made.values["sample.at_start"] is False
    assert made.values["sample.sampler"] == "ddim"


def test_samples_without_prompts_are_told(tmp_path: Path) -> None:
    assert outcomes(launched(tmp_path, "--sample_every_n_epochs 2"))["sample_every_n_epochs"] == "left out"


def test_a_config_file_lies_below_the_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        '[a]\nnetwork_dim = 8\n[b]\nnetwork_alpha = 2\noptimizer_args = ["eps=1e-7"]\n'
    )
    made = launched(tmp_path, "--config_file settings.toml --network_dim=16")
    assert made.values.get("adapter.rank", 16) == 16
    assert made.values["adapter.alpha"] == 2.0
    assert made.values["optimizer.epsilon"] == 1e-7


def test_a_config_file_alone_needs_no_script(tmp_path: Path) -> None:
    text = "[all]\nnetwork_dim = 8\nlearning_rate = 1e-3\n"
    made = of(tmp_path, text, "settings.toml")
    assert made.values["adapter.rank"] == 8
    assert "model.family" not in made.values
    assert of(tmp_path, text, "settings.toml", "sdxl_train_network").values["model.family"] == "sdxl"


WINDOW = {
    "LoRA_type": "LyCORIS/LoHa",
    "conv_dim": 4,
    "conv_alpha": 1,
    "factor": -1,
    "network_dim": 8,
    "network_alpha": 4,
    "epoch": 20,
    "max_train_epochs": "",
    "optimizer": "Prodigy",
    "optimizer_args": "d_coef=0.8",
    "learning_rate": 1.0,
    "unet_lr": 1.0,
    "text_encoder_lr": 0,
    "lr_scheduler": "cosine",
    "lr_warmup": 10,
    "noise_offset_type": "Multires",
    "noise_offset": 0.05,
    "multires_noise_iterations": 6,
    "multires_noise_discount": 0.2,
    "sdxl": True,
    "sdxl_no_half_vae": True,
    "mixed_precision": "bf16",
    "train_on_input": True,
    "max_resolution": "1024,1024",
    "seed": "12345",
    "additional_parameters": "--debiased_estimation_loss",
    "save_precision": "fp16",
    "xformers": "xformers",
    "rank_dropout": 0.1,
}


def test_json_of_the_window_is_what_it_would_start(tmp_path: Path) -> None:
    made = of(tmp_path, json.dumps(WINDOW), "window.json")
    assert made.tool == "kohya_ss"
    assert made.values == {
        "seed": 12345,
        "model.family": "sdxl",
        "adapter.kind": "loha",
        "adapter.rank": 8,
        "adapter.alpha": 4.0,
        "adapter.conv_rank": 4,
        "optimizer.name": "prodigy",
        "optimizer.unet_lr": 1.0,
        "optimizer.text_lr": 0.0,
        "optimizer.weight_decay": 0.0,
        "optimizer.prodigy.d_coef": 0.8,
        "schedule.warmup_steps": 0.1,
        "length.epochs": 20,
        "objective.debiased": True,
        "objective.multires_noise_levels": 6,
        "objective.multires_noise_discount": 0.2,
    }
    told = outcomes(made)
    assert "unknown" not in told.values()
    assert "noise_offset" not in told


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("a.sh", "echo hello\n", "starts no training script"),
        ("a.sh", "python train_db.py\npython train_network.py\n", "starts several trainings"),
        ("a.sh", 'python train_db.py --x "a\n', "a quote does not end"),
        ("a.sh", "python train_controlnet.py\n", "trains something that Frieze does not"),
        ("a.sh", "python train_network.py --config_file none.toml\n", "which are not there"),
        ("a.json", "[]", "holds no settings"),
        ("a.json", "{", "is no JSON"),
        ("a.json", '{"x": 1}', "is of no trainer that Frieze knows"),
        ("a.toml", "[[datasets]]\nresolution = 512\n", "is a file of data"),
        ("a.toml", "x = ", "Invalid"),
        ("a.toml", "", "holds no settings"),
    ],
)
def test_what_is_no_settings_file_is_a_sentence(tmp_path: Path, name: str, text: str, what: str) -> None:
    with pytest.raises(UserError, match=what):
        of(tmp_path, text, name)


def test_numbers_that_are_none_are_told_once_and_left_out(tmp_path: Path) -> None:
    options = (
        "--learning_rate abc --unet_lr nan --max_train_steps inf --text_encoder_lr a b --lr_warmup_steps -5 "
        "--network_dim -3 --network_alpha inf"
    )
    made = launched(tmp_path, options)
    told = [line.setting for line in made.lines if line.outcome == "left out"]
    assert sorted(told) == sorted(
        word.removeprefix("--") for word in options.split() if word.startswith("--")
    )


def test_settings_of_the_wrong_shape_are_left_out(tmp_path: Path) -> None:
    text = "network_dim = [1, 2]\noptimizer_args = 5\ntext_encoder_lr = {a = 1}\nlr_warmup_steps = [1]\n"
    told = outcomes(of(tmp_path, text, "odd.toml"))
    assert told["network_dim"] == told["lr_warmup_steps"] == "left out"
    assert told["a"] == "unknown"  # a table is a section, whatever its name


def test_how_the_rest_of_a_script_quotes_is_not_judged(tmp_path: Path) -> None:
    made = of(tmp_path, 'echo "several\nlines"\npython train_network.py --network_dim 8\n')
    assert made.values["adapter.rank"] == 8
