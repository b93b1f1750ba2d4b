"""Metadata of a weights file: kohya's ss_ keys and modelspec 1.0.1, from the record of the run.

Only what is known to be true is written; every value is a string, as readers of both formats expect (S090).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from curator.contract.recipe.schedule import steps_of
from curator.contract.run.origin import origin_metadata, origin_of_run, trigger_words
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.contract.manifest.header import ManifestHeader
    from curator.contract.recipe.adapter import Adapter
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunInfo
    from curator.contract.run.run_length import TrainingPlan
    from train.data.survey import Survey
    from train.families.family import BaseFacts


@dataclass(frozen=True)
class Record:
    """All that the metadata is made from."""

    info: RunInfo
    recipe: Recipe
    header: ManifestHeader
    survey: Survey
    plan: TrainingPlan
    base: BaseFacts
    started_at: float
    hashes: Callable[[], Mapping[str, str]] = (
        dict  # of the base model's files; asked for when a file is written
    )


_WHAT = {"adapter": "/lora", "full": "", "embeddings": "/textual-inversion"}


def weights_metadata(record: Record, step: int, now: float) -> dict[str, str]:
    """The metadata of the weights after `step` steps."""
    return {
        **_modelspec(record, now),
        **_of_network(record),
        **_of_length(record, step, now),
        **_of_training(record),
        **_of_data(record),
        **record.hashes(),
    }


def _modelspec(record: Record, now: float) -> dict[str, str]:
    about, base, rule = record.recipe.metadata, record.base, record.header.rule
    spec = {
        "sai_model_spec": "1.0.1",
        "architecture": base.architecture + _WHAT[record.recipe.trains],
        "implementation": base.implementation,
        "title": about.title or record.info.name,
        "resolution": f"{rule.width}x{rule.height}",
        "date": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "prediction_type": "v" if base.prediction == "v_prediction" else "epsilon",
        "encoder_layer": str(base.encoder_layer),
        "author": about.author,
        "description": about.description,
        "license": about.license,
        "trigger_phrase": _trigger(record),
        "tags": ", ".join(about.tags),
    }
    return {f"modelspec.{name}": value for name, value in spec.items() if value}


def _trigger(record: Record) -> str:
    if record.recipe.trains == "embeddings":
        return record.recipe.embeddings.word
    return ", ".join(trigger_words(record.header.subsets))


def _of_network(record: Record) -> dict[str, str]:
    base, recipe = record.base, record.recipe
    return {
        "ss_v2": str(base.is_v2),
        "ss_base_model_version": base.kohya_version,
        **(network_metadata(recipe.adapter) if recipe.trains == "adapter" else {}),
        "ss_sd_model_name": visible(PurePath(base.source).name),
        "ss_clip_skip": str(base.clip_skip),
        "ss_max_token_length": str(recipe.text.max_tokens) if recipe.text.max_tokens > 75 else "None",
        **({"ss_vae_name": visible(PurePath(recipe.model.vae).name)} if recipe.model.vae else {}),
    }


# What lycoris calls the kinds that kohya's own program has not.
_ALGORITHMS = {"dora": "locon", "oft": "diag-oft"}
_ARGUMENTS = {"factor": "factor", "full_matrix": "full_matrix", "decompose_both": "decompose_both"}
_ARGUMENTS |= {
    "tucker": "use_tucker",
    "constraint": "constraint",
    "rescaled": "rescaled",
    "unit": "block_size",
}


def network_metadata(adapter: Adapter) -> dict[str, str]:
    """A LoRA as kohya's program names it, the other kinds as lycoris does, with what they were made from."""
    is_plain = adapter.kind == "lora" and not adapter.rank_stabilized and not adapter.norms
    extra: dict[str, object] = {}
    if adapter.conv_rank:
        extra |= {"conv_dim": str(adapter.conv_rank), "conv_alpha": str(adapter.conv_alpha)}
    if not is_plain:
        kind = adapter.kind
        section = asdict(getattr(adapter, kind))
        extra |= {"algo": _ALGORITHMS.get(kind, "locon" if kind == "lora" else kind)}
        extra |= {_ARGUMENTS[name]: str(value) for name, value in section.items()}
        extra |= {"dora_wd": "True"} if kind == "dora" else {}
        extra |= {"rs_lora": "True"} if adapter.rank_stabilized else {}
        extra |= {"train_norm": "True"} if adapter.norms else {}
    return {
        "ss_network_module": "networks.lora" if is_plain else "lycoris.kohya",
        "ss_network_dim": str(adapter.rank),
        "ss_network_alpha": str(adapter.alpha),
        "ss_network_dropout": str(adapter.dropout),
        "ss_network_args": json.dumps(extra),
        **({"frieze.adapter_rules": json.dumps(adapter.rules)} if adapter.rules else {}),
    }


def _device_batches(record: Record) -> int:
    """Batches of one device in the first epoch: a step holds `accumulate` of them on each."""
    accumulate = record.recipe.batch.accumulate
    epochs = max(record.plan.total_epochs, 1)
    return round(record.plan.plan.steps(epochs) / epochs * accumulate)


def _of_length(record: Record, step: int, now: float) -> dict[str, str]:
    plan = record.plan
    epoch = plan.plan.locate(max(0, step - 1))[0] + 1
    return {
        "ss_output_name": record.info.name,
        "ss_training_started_at": str(record.started_at),
        "ss_training_finished_at": str(now),
        "ss_num_train_images": str(plan.plan.samples_per_epoch - _reg_samples(record)),
        "ss_num_reg_images": str(_reg_samples(record)),
        "ss_num_batches_per_epoch": str(_device_batches(record)),
        "ss_num_epochs": str(plan.total_epochs),
        "ss_max_train_steps": str(plan.total_steps),
        "ss_epoch": str(epoch),
        "ss_steps": str(step),
    }


def _reg_samples(record: Record) -> int:
    """Samples of regularisation images in an epoch, as kohya counts images: repeats included."""
    subsets = record.header.subsets
    return round(
        sum(count for count, subset in zip(record.survey.samples, subsets, strict=True) if subset.is_reg)
    )


def _of_training(record: Record) -> dict[str, str]:
    recipe = record.recipe
    rates, schedule, objective = recipe.optimizer, recipe.schedule, recipe.objective
    return {
        "ss_learning_rate": str(rates.unet_lr),
        "ss_unet_lr": str(rates.unet_lr),
        "ss_text_encoder_lr": str(rates.text_lr),
        "ss_optimizer": f"{rates.name}(betas=({rates.beta1}, {rates.beta2}),weight_decay={rates.weight_decay})",
        "ss_max_grad_norm": str(rates.max_grad_norm),
        "ss_lr_scheduler": schedule.name,
        "ss_lr_warmup_steps": str(steps_of(schedule.warmup_steps, record.plan.total_steps)),
        "ss_gradient_checkpointing": str(recipe.precision.gradient_checkpointing),
        "ss_gradient_accumulation_steps": str(recipe.batch.accumulate),
        "ss_batch_size_per_device": str(recipe.batch.size),
        "ss_total_batch_size": str(record.plan.effective_batch),
        "ss_mixed_precision": {"fp32": "no"}.get(recipe.precision.mixed, recipe.precision.mixed),
        "ss_cache_latents": str(recipe.cache.latents != "off"),
        "ss_seed": str(recipe.seed),
        "ss_zero_terminal_snr": str(record.base.zero_terminal_snr),
        "ss_min_snr_gamma": str(objective.min_snr_gamma or None),
        "ss_noise_offset": str(objective.noise_offset or None),
        "ss_adaptive_noise_scale": str(objective.adaptive_noise_scale or None),
        "ss_multires_noise_iterations": str(objective.multires_noise_levels or None),
        "ss_multires_noise_discount": str(objective.multires_noise_discount),
        "ss_noise_offset_random_strength": str(objective.noise_offset_random),
        "ss_ip_noise_gamma": str(objective.ip_noise_gamma or None),
        "ss_ip_noise_gamma_random_strength": str(objective.ip_noise_random),
        "ss_debiased_estimation": str(objective.debiased),
        "ss_prior_loss_weight": str(objective.prior_weight),
        "ss_loss_type": objective.loss,
        "ss_huber_schedule": objective.huber.schedule,
        "ss_huber_c": str(objective.huber.c),
        "ss_huber_scale": str(objective.huber.scale),
    }


def _of_data(record: Record) -> dict[str, str]:
    header, survey = record.header, record.survey
    rule = header.rule
    folders = {
        subset.name: {"n_repeats": subset.repeats, "img_count": survey.images[index]}
        for index, subset in enumerate(header.subsets)
    }
    tags = {subset.name: dict(survey.tags[index]) for index, subset in enumerate(header.subsets)}
    buckets = {
        str(index): {"resolution": list(size), "count": survey.bucket_images[index]}
        for index, size in enumerate(header.buckets)
    }
    return {
        "ss_resolution": f"({rule.width}, {rule.height})",
        "ss_enable_bucket": "True",
        "ss_random_crop": str(any(subset.crop == "random" for subset in header.subsets)),
        "ss_bucket_no_upscale": str(not rule.upscale),
        "ss_min_bucket_reso": str(rule.min_side),
        "ss_max_bucket_reso": str(rule.max_side),
        "ss_bucket_info": json.dumps({"buckets": buckets}),
        "ss_dataset_dirs": json.dumps(folders),
        "ss_tag_frequency": json.dumps(tags),
        **origin_metadata(origin_of_run(record.info, header, survey.images), record.recipe),
    }
