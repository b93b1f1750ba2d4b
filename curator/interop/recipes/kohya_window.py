"""Settings files of the window kohya_ss as options of sd-scripts (B12)."""

from __future__ import annotations

from collections.abc import Mapping

from curator.interop.recipes.launch_line import read_options, split_words
from curator.interop.recipes.translation import Foreign, Settings, is_off, is_on

_NAMES = {
    "optimizer": "optimizer_type",
    "max_resolution": "resolution",
    "lora_network_weights": "network_weights",
    "dataset_config_file": "dataset_config",
    "sdxl_no_half_vae": "no_half_vae",
    "sdxl_cache_text_encoder_outputs": "cache_text_encoder_outputs",
    "train_text_encoder_lr": "learning_rate_te",
}
_NETWORK_ARGUMENTS = {
    "conv_dim": "conv_dim", "conv_alpha": "conv_alpha", "factor": "factor", "unit": "unit",
    "decompose_both": "decompose_both", "full_matrix": "full_matrix", "use_cp": "use_cp",
    "use_tucker": "use_tucker", "use_scalar": "use_scalar", "rank_dropout": "rank_dropout",
    "rank_dropout_scale": "rank_dropout_scale", "module_dropout": "module_dropout", "dora_wd": "dora_wd",
    "train_norm": "train_norm", "constrain": "constraint", "rescaled": "rescaled", "bypass_mode": "bypass_mode",
    "LyCORIS_preset": "preset", "block_dims": "block_dims", "block_alphas": "block_alphas",
    "conv_dims": "conv_block_dims", "conv_block_dims": "conv_block_dims", "conv_alphas": "conv_block_alphas",
    "conv_block_alphas": "conv_block_alphas", "down_lr_weight": "down_lr_weight",
    "mid_lr_weight": "mid_lr_weight", "up_lr_weight": "up_lr_weight",
    "block_lr_zero_threshold": "block_lr_zero_threshold",
    "loraplus_lr_ratio": "loraplus_lr_ratio", "loraplus_unet_lr_ratio": "loraplus_unet_lr_ratio",
    "loraplus_text_encoder_lr_ratio": "loraplus_text_encoder_lr_ratio",
    "unbalanced_factorization": "unbalanced_factorization",
}  # fmt: skip
_TYPES = {
    "standard": ("networks.lora", ""), "kohya locon": ("networks.lora", ""), "kohya dylora": ("networks.dylora", ""),
    "lora-fa": ("networks.lora_fa", ""), "lycoris/locon": ("lycoris.kohya", "locon"),
    "lycoris/loha": ("lycoris.kohya", "loha"), "lycoris/lokr": ("lycoris.kohya", "lokr"),
    "lycoris/ia3": ("lycoris.kohya", "ia3"), "lycoris/dylora": ("lycoris.kohya", "dylora"),
    "lycoris/glora": ("lycoris.kohya", "glora"), "lycoris/diag-oft": ("lycoris.kohya", "diag-oft"),
    "lycoris/boft": ("lycoris.kohya", "boft"),
}  # fmt: skip
_OF_LYCORIS = frozenset(
    {
        "factor", "unit", "decompose_both", "full_matrix", "use_cp", "use_tucker", "use_scalar", "dora_wd",
        "train_norm", "constrain", "rescaled", "bypass_mode", "LyCORIS_preset", "unbalanced_factorization",
    }
)  # fmt: skip
# What only the window knows.
_OF_THE_WINDOW = (
    "train_on_input", "model_list", "save_as_bool", "no_token_padding", "gpu_ids", "multi_gpu",
    "num_processes", "extra_accelerate_launch_args", "dynamo_mode", "dynamo_use_dynamic", "dynamo_use_fullgraph",
    "main_process_port", "sdxl", "LoRA_type", "noise_offset_type", "lr_warmup", "epoch", "additional_parameters",
)  # fmt: skip


def is_of_window(settings: Settings) -> bool:
    """Whether a JSON file is of the window."""
    return any(
        name in settings for name in ("LoRA_type", "train_on_input", "sdxl_no_half_vae", "LyCORIS_preset")
    ) or ("epoch" in settings and "pretrained_model_name_or_path" in settings)


def options_of_window(settings: Settings, shown: str) -> tuple[str, dict[str, Foreign]]:
    """The script that the window starts, and its options.

    Raises:
        UserError: additional parameters with a quote that does not end.
    """
    options: dict[str, Foreign] = {
        _NAMES.get(name, name): value
        for name, value in settings.items()
        if name not in _OF_THE_WINDOW and name not in _NETWORK_ARGUMENTS and value not in ("", None)
    }
    is_network = "LoRA_type" in settings or "network_dim" in settings
    if is_network:
        options |= _network(settings)
    if is_off(options.get("max_train_epochs")):
        options["max_train_epochs"] = settings.get("epoch")
    if is_off(options.get("lr_warmup_steps")) and not is_off(settings.get("lr_warmup")):
        options["lr_warmup_steps"] = f"{settings['lr_warmup']}%"
    _keep_chosen_noise(settings, options)
    if more := settings.get("additional_parameters"):
        options |= read_options(split_words(str(more), shown))
    prefix = "sdxl_" if is_on(settings.get("sdxl")) else ""
    return (f"{prefix}train_network" if is_network else "sdxl_train" if prefix else "fine_tune"), options


def _network(settings: Settings) -> dict[str, Foreign]:
    """The module and its arguments; the window keeps numbers of all types and gives those of the chosen one."""
    kind = str(settings.get("LoRA_type") or "Standard").lower()
    module, algo = _TYPES.get(kind, (kind, ""))
    of_others = {"networks.lora": _OF_LYCORIS, "networks.dylora": _OF_LYCORIS - {"unit"}}.get(
        module, frozenset()
    )
    if kind == "standard":
        of_others |= {"conv_dim", "conv_alpha"}
    words: list[Foreign] = [f"algo={algo}"] if algo else []
    words += [
        f"{argument}={settings[name]}"
        for name, argument in _NETWORK_ARGUMENTS.items()
        if name not in of_others and not is_off(settings.get(name))
    ]
    return {"network_module": module, "network_args": words, **_rates(settings)}


def _rates(settings: Settings) -> dict[str, Foreign]:
    """The window trains the UNet alone where only its rate is there, and the other way round."""
    unet, text = (not is_off(settings.get(name)) for name in ("unet_lr", "text_encoder_lr"))
    if unet == text:
        return {}
    return {"network_train_unet_only": True} if unet else {"network_train_text_encoder_only": True}


def _keep_chosen_noise(settings: Mapping[str, Foreign], options: dict[str, Foreign]) -> None:
    """Of the two sorts of noise the window has numbers for both, and gives those of the chosen one."""
    chosen = str(settings.get("noise_offset_type") or "")
    left = {
        "Original": ("multires_noise_iterations", "multires_noise_discount"),
        "Multires": ("noise_offset", "adaptive_noise_scale", "noise_offset_random_strength"),
    }
    for name in left.get(chosen, ()):
        options.pop(name, None)
