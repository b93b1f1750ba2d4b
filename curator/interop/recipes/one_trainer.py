"""OneTrainer's settings as a recipe (B12); files of older versions are read by the names of the newer."""

from __future__ import annotations

from collections.abc import Iterator

from curator.contract.errors import UserError
from curator.interop.recipes.one_trainer_adapter import translate_adapter
from curator.interop.recipes.one_trainer_tables import (
    ELSEWHERE,
    LEFT_OUT,
    MODEL_TYPES,
    NO_MATTER,
    OLD_NAMES,
    OPTIMIZER_ARGUMENTS,
    OPTIMIZERS,
    SAME,
    SCHEDULES,
)
from curator.interop.recipes.translation import Foreign, ImportedRecipe, Settings, Translation, is_off, is_on

_TOOL = "OneTrainer"
_DTYPES = {"FLOAT_32": "fp32", "TFLOAT_32": "fp32", "FLOAT_16": "fp16", "BFLOAT_16": "bf16"}
_TIMESTEPS = 1000
# Defaults of OneTrainer's that a file may leave out.
_EPOCHS, _RATE, _WARMUP_STEPS = 100, 3e-6, 200


def is_one_trainer(settings: Settings) -> bool:
    """Whether a JSON file is of OneTrainer."""
    return "training_method" in settings and "model_type" in settings


def translate_one_trainer(settings: Settings) -> ImportedRecipe:
    """The recipe that trains as OneTrainer would with these settings.

    Raises:
        UserError: it trains something that Frieze does not.
    """
    into = Translation(_TOOL, dict(_flat(settings)))
    method = into.text("training_method", "FINE_TUNE")
    _translate_model(method, into)
    into.carry(SAME)
    _translate_rates(method, into)
    _translate_optimizer(into)
    _translate_schedule(into)
    _translate_precision(method, into)
    _translate_objective(into)
    if method == "LORA":
        translate_adapter(into)
    if method == "EMBEDDING":
        _translate_embedding(into)
    _translate_saving(method, into)
    into.send_elsewhere(ELSEWHERE)
    into.leave_out_all(LEFT_OUT)
    into.pass_over(NO_MATTER)
    into.pass_over(
        name for name in into.settings if name.startswith(("optimizer_defaults", "cloud.", "secrets."))
    )
    into.pass_over(name for name in into.settings if _is_of_another_model(name))
    return into.finish()


def _flat(settings: Settings, prefix: str = "") -> Iterator[tuple[str, Foreign]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif not prefix and name == "optimizer":
            yield "optimizer.optimizer", value
        elif not prefix and name.startswith("optimizer_") and not name.startswith("optimizer_defaults"):
            yield f"optimizer.{name.removeprefix('optimizer_')}", value
        else:
            yield OLD_NAMES.get(prefix + name, prefix + name), value


def _is_of_another_model(name: str) -> bool:
    part = name.partition(".")[0]
    return part in (
        "prior",
        "transformer",
        "unconditional_transformer",
        "effnet_encoder",
        "quantization",
    ) or (part.startswith(("decoder", "text_encoder_3", "text_encoder_4")))


def _translate_model(method: str, into: Translation) -> None:
    model = into.text("model_type", "STABLE_DIFFUSION_15")
    if model not in MODEL_TYPES:
        raise UserError(
            f"it trains a model of the type {model}, which Frieze does not", "known: SD 1.x, 2.x and XL"
        )
    if method not in ("LORA", "FINE_TUNE", "EMBEDDING"):
        raise UserError(
            f"its training method is {method}, which Frieze has not", "known: LORA, FINE_TUNE, EMBEDDING"
        )
    family, prediction = MODEL_TYPES[model]
    into.set("model_type", "model.family", family)
    trains = {"LORA": "adapter", "FINE_TUNE": "full", "EMBEDDING": "embeddings"}[method]
    into.set("training_method", "trains", trains)
    if into.switch("force_v_prediction"):
        into.set("force_v_prediction", "model.prediction", "v_prediction")
    elif into.switch("force_epsilon_prediction"):
        into.set("force_epsilon_prediction", "model.prediction", "epsilon")
    elif prediction:
        into.set("model_type", "model.prediction", prediction, "what that type predicts")
    if into.switch("rescale_noise_scheduler_to_zero_terminal_snr"):
        into.set("rescale_noise_scheduler_to_zero_terminal_snr", "model.zero_terminal_snr", "on")
    skipped = int(into.number("text_encoder_layer_skip") or 0)
    if skipped and family == "sdxl":
        into.leave_out("text_encoder_layer_skip", "SDXL always takes the second last layer")
    elif skipped:
        into.set("text_encoder_layer_skip", "model.clip_skip", skipped + 1, "counted from 1 here")
    if not is_off(into.raw("text_encoder_2_layer_skip")):
        into.leave_out("text_encoder_2_layer_skip", "SDXL always takes the second last layer")


def _translate_rates(method: str, into: Translation) -> None:
    base = into.number("learning_rate")
    base = _RATE if base is None else base
    if method == "EMBEDDING":
        rate = into.number("embedding_learning_rate")
        name = "learning_rate" if rate is None else "embedding_learning_rate"
        into.set(name, "embeddings.lr", base if rate is None else rate)
        return
    is_xl = into.values.get("model.family") == "sdxl"
    parts = [
        ("unet", "unet_lr"),
        ("text_encoder", "text_lr"),
        *([("text_encoder_2", "text_2_lr")] if is_xl else []),
    ]
    for part, key in parts:
        trains, own = into.raw(f"{part}.train"), into.number(f"{part}.learning_rate")
        rate = base if own is None else own
        if trains is not None and not is_on(trains):
            into.set(f"{part}.train", f"optimizer.{key}", 0.0, "it rests")
        else:
            into.set("learning_rate" if own is None else f"{part}.learning_rate", f"optimizer.{key}", rate)
            _tell_stop(part, into)
    if not is_xl:
        into.pass_over(name for name in into.settings if name.startswith("text_encoder_2"))


def _tell_stop(part: str, into: Translation) -> None:
    """A part that rests from some epoch on is told, where the run is longer."""
    name, epochs = f"{part}.stop_training_after", into.number("epochs") or _EPOCHS
    after, unit = into.number(name), into.text(f"{name}_unit", "EPOCH")
    if after and unit != "NEVER" and not (unit == "EPOCH" and after >= epochs):
        into.leave_out(
            name, "what is trained is trained to the end; frieze train --fork goes on with other rates"
        )


def _translate_optimizer(into: Translation) -> None:
    word = into.text("optimizer.optimizer", "ADAMW")
    name = OPTIMIZERS.get(word)
    if name is None:
        into.leave_out("optimizer.optimizer", "no such optimiser is known; AdamW stands in its place")
        name = "adamw"
    else:
        into.set("optimizer.optimizer", "optimizer.name", name)
    for argument, keys in OPTIMIZER_ARGUMENTS.items():
        setting = f"optimizer.{argument}"
        value = into.raw(setting)
        if value is None:
            continue
        own = [key for key in keys if key.startswith(f"optimizer.{name}.")]
        families = [
            key
            for key in keys
            if ("dadapt_" in name and ".dadapt." in key) or ("lion" in name and ".lion." in key)
        ]
        plain = [key for key in keys if key.count(".") == 1]
        if chosen := [*own, *families, *plain]:
            into.set(setting, chosen[0], value)
    if into.switch("optimizer.fused_back_pass"):
        into.set("optimizer.fused_back_pass", "precision.fused_backward", True)
    into.pass_over(name for name in into.settings if name.startswith("optimizer."))
    clip = into.raw("clip_grad_norm")
    if "clip_grad_norm" in into.settings:
        into.set("clip_grad_norm", "optimizer.max_grad_norm", 0.0 if clip is None else clip)


def _translate_schedule(into: Translation) -> None:
    word = into.text("learning_rate_scheduler", "CONSTANT")
    if into.text("learning_rate_scaler", "NONE") != "NONE":
        into.leave_out("learning_rate_scaler", "rates are as they are written, whatever the batch")
    shape = SCHEDULES.get(word)
    if shape is None:
        into.leave_out(
            "learning_rate_scheduler", "there is no schedule like it; a constant rate stands in its place"
        )
        into.assume("learning_rate_scheduler", "schedule.name", "constant", "in its place")
    elif into.gives("learning_rate_scheduler"):
        into.set("learning_rate_scheduler", "schedule.name", shape)
    else:
        into.assume("learning_rate_scheduler", "schedule.name", shape, "constant, where nothing is said")
    cycles = int(into.number("learning_rate_cycles") or 1)
    if word == "COSINE_WITH_RESTARTS":
        into.set("learning_rate_cycles", "schedule.cycles", 2 * cycles, "half waves, down and up")
    elif word == "COSINE_WITH_HARD_RESTARTS":
        into.set("learning_rate_cycles", "schedule.cycles", cycles)
    least = into.number("learning_rate_min_factor")
    if least:
        into.set("learning_rate_min_factor", "schedule.min_lr_ratio", least)
    warmup = into.number("learning_rate_warmup_steps")
    if warmup is None:
        into.assume(
            "learning_rate_warmup_steps", "schedule.warmup_steps", _WARMUP_STEPS, "200, where nothing is said"
        )
    elif warmup > 1:
        into.set("learning_rate_warmup_steps", "schedule.warmup_steps", int(warmup))
    elif warmup:
        into.set("learning_rate_warmup_steps", "schedule.warmup_steps", warmup, "a share of the run")


def _translate_precision(method: str, into: Translation) -> None:
    keys = {
        "train_dtype": "precision.mixed",
        "vae.weight_dtype": "precision.vae",
        "output_dtype": "save.dtype",
    }
    for name, key in keys.items():
        word = into.text(name, "NONE")
        if word in _DTYPES:
            into.set(name, key, _DTYPES[word])
        elif word.upper() != "NONE":
            into.leave_out(name, "there are fp32, fp16 and bf16")
    unet = into.text("unet.weight_dtype")
    if unet == "BFLOAT_16" and method == "FINE_TUNE":
        into.set("unet.weight_dtype", "precision.weights", "bf16", "updates are rounded stochastically")
    elif unet and unet not in _DTYPES and unet != "NONE":
        into.leave_out("unet.weight_dtype", "frozen weights are held in bf16, fp16 or fp32")
    checkpointing = into.raw("unet.gradient_checkpointing")
    name = "gradient_checkpointing" if into.gives("gradient_checkpointing") else "unet.gradient_checkpointing"
    given = into.text("gradient_checkpointing", "ON" if checkpointing is None else str(checkpointing))
    is_kept = given.upper() not in ("OFF", "FALSE")
    if into.gives(name):
        into.set(name, "precision.gradient_checkpointing", is_kept)
    else:
        into.assume(name, "precision.gradient_checkpointing", True, "on, where nothing is said")
    if into.switch("compile"):
        into.set("compile", "precision.compile", "auto", "what is compiled is chosen by what is gained")
    if into.text("ema", "OFF") != "OFF":
        into.carry({"ema_decay": "ema.decay"})
        into.set("ema", "ema.device", "cpu" if into.text("ema") == "CPU" else "model")
        if (into.number("ema_update_step_interval") or 1) != 1:
            into.leave_out("ema_update_step_interval", "the average moves at every step")
    into.pass_over(("ema", "ema_decay", "ema_update_step_interval"))


def _translate_objective(into: Translation) -> None:
    strengths = {name: into.number(f"{name}_strength") or 0.0 for name in ("mse", "mae", "huber", "log_cosh")}
    used = [name for name, strength in strengths.items() if strength]
    loss = {"mse": "l2", "mae": "l1", "huber": "huber"}.get(used[0]) if len(used) == 1 else None
    if loss:
        into.set(f"{used[0]}_strength", "objective.loss", loss, "the smooth form" if loss == "huber" else "")
        if loss == "huber":
            into.set("huber_strength", "objective.huber.schedule", "constant", "one turn for all timesteps")
            into.set("huber_delta", "objective.huber.c", into.number("huber_delta") or 1.0)
        if strengths[used[0]] != 1.0:
            into.leave_out(f"{used[0]}_strength", "one loss has the strength 1; the rate does the same")
    elif used:
        into.leave_out(f"{used[0]}_strength", "there is no mixture of losses; the square stands in its place")
    into.pass_over(("huber_delta", *(f"{name}_strength" for name in strengths)))
    _translate_weight(into)
    _translate_timesteps(into)
    if not is_off(into.settings.get("masked_training")):
        into.carry({"unmasked_weight": "objective.mask_floor"})
        if into.number("unmasked_probability"):
            into.leave_out("unmasked_probability", "a masked image is always masked")
    into.pass_over(("unmasked_weight", "unmasked_probability"))


def _translate_weight(into: Translation) -> None:
    weight, strength = into.text("loss_weight_fn", "CONSTANT"), into.number("loss_weight_strength")
    if weight == "MIN_SNR_GAMMA":
        into.set("loss_weight_fn", "objective.min_snr_gamma", 5.0 if strength is None else strength)
    elif weight == "DEBIASED_ESTIMATION":
        into.set("loss_weight_fn", "objective.debiased", True)
    elif weight != "CONSTANT":
        into.leave_out("loss_weight_fn", "there are min-SNR and debiased estimation")


def _translate_timesteps(into: Translation) -> None:
    for name, key in (("min_noising_strength", "start"), ("max_noising_strength", "end")):
        share = into.number(name)
        if share is not None and share != (0.0 if key == "start" else 1.0):
            into.set(name, f"objective.timesteps.{key}", int(share * _TIMESTEPS), "in timesteps of 1,000")
    how = into.text("timestep_distribution", "UNIFORM")
    bias, weight = into.number("noising_bias") or 0.0, into.number("noising_weight") or 0.0
    if how == "LOGIT_NORMAL":
        into.set("timestep_distribution", "objective.timesteps.sampling", "logit_normal")
        into.set("noising_bias", "objective.timesteps.logit_normal.mean", bias)
        into.set(
            "noising_weight", "objective.timesteps.logit_normal.deviation", weight + 1.0, "1 + the weight"
        )
    elif how != "UNIFORM":
        into.leave_out(
            "timestep_distribution", "there are uniform, logit-normal and cubic; uniform stands in its place"
        )


def _translate_embedding(into: Translation) -> None:
    into.carry(
        {
            "embedding.placeholder": "embeddings.word",
            "embedding.token_count": "embeddings.vectors",
            "embedding.initial_embedding_text": "embeddings.initial",
            "embedding.model_name": "embeddings.start",
        }
    )


def _translate_saving(method: str, into: Translation) -> None:
    units = {"EPOCH": "every_epochs", "STEP": "every_steps"}
    for name, unit, section in (
        ("save_every", "save_every_unit", "save"),
        ("sample_after", "sample_after_unit", "sample"),
    ):
        every, word = int(into.number(name) or 0), into.text(unit, "NEVER")
        if not every or word == "NEVER" or (section == "sample" and not into.gives("samples")):
            continue
        if word in units:
            into.set(name, f"{section}.{units[word]}", every)
        else:
            into.leave_out(name, f"said in steps or epochs, and not in {word.lower()}s")
    backup, unit = int(into.number("backup_after") or 0), into.text("backup_after_unit", "NEVER")
    if backup and unit == "STEP":
        into.set("backup_after", "save.state_every_steps", backup)
    elif backup and unit != "NEVER":
        into.leave_out("backup_after", "states are kept every so many steps: save.state_every_steps")
    if into.switch("rolling_backup"):
        into.carry({"rolling_backup_count": "save.states_kept"})
    form = into.text("output_model_format")
    if form == "DIFFUSERS" and method == "FINE_TUNE":
        into.set("output_model_format", "full.format", "folder")
    elif form in ("CKPT", "INTERNAL"):
        into.leave_out("output_model_format", "files are written as safetensors alone")
    if into.switch("tensorboard"):
        into.set("tensorboard", "log.trackers", ("tensorboard",))
    into.pass_over(
        ("rolling_backup_count", "samples", "sample_after", "output_model_format", "prefetch_next_batch")
    )
