"""sd-scripts' options as a recipe: what is trained, how long, how samples and checkpoints are made (B12).

What sd-scripts does unasked is written too where Frieze would do something else, so that the recipe trains alike
(reference: kohya.md 1.4).
"""

from __future__ import annotations

from collections.abc import Mapping

from curator.contract.errors import UserError
from curator.interop.recipes.kohya_network import translate_network
from curator.interop.recipes.kohya_optimizer import translate_optimizer, translate_schedule
from curator.interop.recipes.kohya_options import ELSEWHERE, LEFT_OUT, NO_MATTER, SAME
from curator.interop.recipes.translation import Foreign, ImportedRecipe, Translation

_STEPS = 1600  # of a run that is told nothing
_PRECISIONS = {"no": "fp32", "float": "fp32", "fp32": "fp32", "fp16": "fp16", "bf16": "bf16"}
_FULL = ("train_db", "fine_tune", "sdxl_train")
_EMBEDDINGS = ("train_textual_inversion", "sdxl_train_textual_inversion", "train_textual_inversion_XTI")
_NETWORK = ("train_network", "sdxl_train_network")


def translate_kohya(
    script: str, options: Mapping[str, Foreign], tool: str = "sd-scripts", *, knows_family: bool = True
) -> ImportedRecipe:
    """The recipe that trains as `script` (its name without an ending) would with these options.

    Where the script was guessed, and not known by its family, the model tells.

    Raises:
        UserError: a script that trains what Frieze does not.
    """
    into = Translation(tool, with_arguments(options))
    into.pass_over(("config_file", *NO_MATTER))
    _translate_model(script, into, knows_family=knows_family)
    into.carry(SAME)
    _translate_length(into)
    _translate_precision(into)
    _translate_optimizer(script, into)
    if script in _NETWORK:
        translate_network(into)
    _translate_saving(script, into)
    _translate_samples(into)
    _translate_records(into)
    into.send_elsewhere(ELSEWHERE)
    into.leave_out_all(LEFT_OUT)
    return into.finish()


def with_arguments(options: Mapping[str, Foreign]) -> dict[str, Foreign]:
    """The words `name=value` of --network_args and --optimizer_args as settings of their own, `network_args.name`."""
    found = dict(options)
    for option in ("network_args", "optimizer_args"):
        given = found.pop(option, None)
        words = given if isinstance(given, list) else str(given).split() if given else []
        found |= {
            f"{option}.{name}": value
            for name, equals, value in (str(word).partition("=") for word in words)
            if equals
        }
    return found


def _translate_model(script: str, into: Translation, *, knows_family: bool) -> None:
    if script not in (*_FULL, *_EMBEDDINGS, *_NETWORK):
        raise UserError(
            f"{script}.py trains something that Frieze does not",
            f"known: {', '.join(f'{each}.py' for each in (*_NETWORK, *_FULL, *_EMBEDDINGS))}",
        )
    is_sdxl, is_sd2 = script.startswith("sdxl_"), into.switch("v2")
    if knows_family or is_sdxl or is_sd2:
        family = "sdxl" if is_sdxl else "sd2" if is_sd2 else "sd1"
        into.assume("the script", "model.family", family, "as the script says")
    if script in _FULL:
        into.assume("the script", "trains", "full", f"{script}.py trains the model itself")
    if script in _EMBEDDINGS:
        _translate_embeddings(script, into)
    if into.switch("v_parameterization"):
        into.set("v_parameterization", "model.prediction", "v_prediction", "the model predicts v")
    elif is_sd2:
        into.assume(
            "v_parameterization", "model.prediction", "epsilon", "not given: the model predicts noise"
        )
    if into.switch("zero_terminal_snr"):
        into.set("zero_terminal_snr", "model.zero_terminal_snr", "on", "a switch of three places here")
    if is_sdxl and into.gives("clip_skip"):
        into.leave_out("clip_skip", "SDXL always takes the second last layer")
    else:
        into.carry({"clip_skip": "model.clip_skip"})


def _translate_embeddings(script: str, into: Translation) -> None:
    into.assume("the script", "trains", "embeddings", f"{script}.py trains embeddings of a word")
    into.carry(
        {
            "token_string": "embeddings.word",
            "num_vectors_per_token": "embeddings.vectors",
            "init_word": "embeddings.initial",
            "weights": "embeddings.start",
        }
    )
    if not into.gives("num_vectors_per_token"):
        into.assume("num_vectors_per_token", "embeddings.vectors", 1, "one vector, where nothing is said")
    if script.endswith("_XTI"):
        into.assume("the script", "embeddings.extended", True, "XTI: vectors for each layer")


def _translate_length(into: Translation) -> None:
    epochs, steps = into.number("max_train_epochs"), into.number("max_train_steps")
    if epochs:
        into.set("max_train_epochs", "length.epochs", int(epochs))
        if steps:
            into.leave_out("max_train_steps", "max_train_epochs wins")
        return
    into.values["length.epochs"] = 0
    if steps:
        into.set("max_train_steps", "length.steps", int(steps))
    else:
        into.assume("max_train_steps", "length.steps", _STEPS, f"{_STEPS:,} steps, where nothing is said")


def _translate_precision(into: Translation) -> None:
    mixed = into.text("mixed_precision", "no")
    if mixed in _PRECISIONS:
        if into.gives("mixed_precision"):
            into.set("mixed_precision", "precision.mixed", _PRECISIONS[mixed], "")
        else:
            into.assume(
                "mixed_precision", "precision.mixed", "fp32", "no mixed precision, where nothing is said"
            )
    else:
        into.leave_out("mixed_precision", "known: no, fp16, bf16")
    if into.switch("full_bf16"):
        into.set(
            "full_bf16", "precision.weights", "bf16", "weights in bf16; updates are rounded stochastically"
        )
    if into.switch("no_half_vae"):
        into.set("no_half_vae", "precision.vae", "fp32", "the VAE in fp32")
    elif mixed in ("fp16", "bf16"):
        into.assume("no_half_vae", "precision.vae", mixed, "not given: the VAE as mixed_precision")
    if into.switch("torch_compile"):
        into.set("torch_compile", "precision.compile", "auto", "what is compiled is chosen by what is gained")


def _translate_optimizer(script: str, into: Translation) -> None:
    translate_optimizer(into)
    translate_schedule(into)
    name = into.values.get("optimizer.name", "adamw")
    base = into.number("learning_rate")
    rate = 2e-6 if base is None else base  # sd-scripts' own
    if into.values.get("optimizer.adafactor.relative_step"):
        rate = 1.0  # Frieze's rates are factors of Adafactor's own
    if script in _EMBEDDINGS:
        into.set("learning_rate", "embeddings.lr", rate) if base is not None else into.assume(
            "learning_rate", "embeddings.lr", rate, "2e-6, where nothing is said"
        )
    elif script in _NETWORK:
        _network_rates(into, rate)
    else:
        _full_rates(script, into, rate)
    decays = name in ("adamw", "adamw8bit", "paged_adamw", "paged_adamw8bit")
    if not decays and not into.gives("optimizer_args.weight_decay"):
        into.assume("optimizer_args", "optimizer.weight_decay", 0.0, "no weight decay, where nothing is said")


def _network_rates(into: Translation, rate: float) -> None:
    """Of an adapter: the UNet's and the text encoders' own rates, each the common one where it is not given."""
    rates, unet = into.numbers("text_encoder_lr"), into.number("unet_lr")
    is_fixed = bool(into.values.get("optimizer.adafactor.relative_step"))
    unet_rate = rate if unet is None or (is_fixed and unet) else unet
    text_rates = [rate if is_fixed and each else each for each in rates] or [rate]
    if into.switch("network_train_unet_only"):
        text_rates = [0.0]
    if into.switch("network_train_text_encoder_only"):
        unet_rate = 0.0
    _set_rates(into, unet_rate, text_rates)


def _full_rates(script: str, into: Translation, rate: float) -> None:
    """Of a whole model: text encoders rest but in train_db, or where the script is told to train them."""
    trains_text = script == "train_db" or into.switch("train_text_encoder")
    first = into.number("learning_rate_te1" if script == "sdxl_train" else "learning_rate_te")
    second = into.number("learning_rate_te2") if script == "sdxl_train" else None
    text_rates = [rate if first is None else first]
    if script == "sdxl_train":
        text_rates.append(rate if second is None else second)
    _set_rates(into, rate, text_rates if trains_text else [0.0])


def _set_rates(into: Translation, unet: float, text: list[float]) -> None:
    name = "unet_lr" if into.gives("unet_lr") else "learning_rate"
    into.set(name, "optimizer.unet_lr", unet)
    name = next(
        (each for each in ("text_encoder_lr", "learning_rate_te", "learning_rate_te1") if into.gives(each)),
        "learning_rate",
    )
    into.set(name, "optimizer.text_lr", text[0], "text encoders rest" if text[0] == 0 else "")
    if len(text) > 1 and text[1] != text[0]:
        into.set(
            "learning_rate_te2" if into.gives("learning_rate_te2") else name, "optimizer.text_2_lr", text[1]
        )


def _translate_saving(script: str, into: Translation) -> None:
    dtype = into.text("save_precision", "float")
    if dtype in _PRECISIONS:
        into.set("save_precision", "save.dtype", _PRECISIONS[dtype]) if into.gives(
            "save_precision"
        ) else into.assume("save_precision", "save.dtype", "fp32", "fp32, where nothing is said")
    form = into.text("save_model_as")
    if form.startswith("diffusers") and script in _FULL:
        into.set("save_model_as", "full.format", "folder", "diffusers' layout")
    elif form and form != "safetensors":
        into.leave_out("save_model_as", "files are written as safetensors alone")
    _translate_kept(into)
    if into.text("huggingface_repo_visibility") == "public":
        into.set("huggingface_repo_visibility", "save.publish_public", True, "a switch here")
    into.pass_over(("huggingface_repo_visibility",))


def _translate_kept(into: Translation) -> None:
    """How often, and how many of the files stay."""
    ratio = into.number("save_n_epoch_ratio")
    epochs = into.values.get("length.epochs")
    if ratio and isinstance(epochs, int) and epochs:
        into.set(
            "save_n_epoch_ratio", "save.every_epochs", max(1, int(epochs // ratio)), "that many saves in all"
        )
    elif ratio:
        into.leave_out("save_n_epoch_ratio", "without max_train_epochs it has no number")
    if (kept := into.number("save_last_n_epochs")) is not None:
        into.set("save_last_n_epochs", "save.keep_last", int(kept), "the last saves of that number")
    every = into.number("save_every_n_steps")
    if (kept := into.number("save_last_n_steps")) and every:
        into.set(
            "save_last_n_steps",
            "save.keep_last",
            int(kept // every) + 1,
            "those of the last steps of that number",
        )
    for name in ("save_last_n_epochs_state", "save_last_n_steps_state"):
        if into.number(name):
            into.leave_out(name, "save.states_kept says how many states are kept")


def _translate_samples(into: Translation) -> None:
    prompts = into.text("sample_prompts")
    every = {"sample_every_n_steps": "sample.every_steps", "sample_every_n_epochs": "sample.every_epochs"}
    if not prompts:
        for name in (*every, "sample_at_first", "sample_sampler"):
            if into.raw(name) is not None:
                into.leave_out(name, "there are no sample_prompts")
        return
    into.set("sample_prompts", "sample.prompts", (prompts,))
    into.carry(every)
    if into.number("sample_every_n_steps") and into.number("sample_every_n_epochs"):
        into.values.pop("sample.every_steps", None)  # in sd-scripts epochs win
    if into.switch("sample_at_first"):
        into.set("sample_at_first", "sample.at_start", True)
    else:
        into.assume("sample_at_first", "sample.at_start", False, "not given")
    if into.gives("sample_sampler"):
        into.carry({"sample_sampler": "sample.sampler"})
    else:
        into.assume("sample_sampler", "sample.sampler", "ddim", "ddim, where nothing is said")
    for key, value in (
        ("sample.steps", 30),
        ("sample.cfg", 7.5),
        ("sample.width", 512),
        ("sample.height", 512),
    ):
        into.assume("sample_prompts", key, value, "of lines that say nothing of it")


def _translate_records(into: Translation) -> None:
    trackers = into.text("log_with", "tensorboard" if into.gives("logging_dir") else "")
    if trackers == "all":
        into.set("log_with", "log.trackers", ("tensorboard", "wandb"), "both")
    elif trackers:
        into.set("log_with", "log.trackers", (trackers,), "")
    about = [text for name in ("metadata_description", "training_comment") if (text := into.text(name))]
    if about:
        name = "metadata_description" if into.gives("metadata_description") else "training_comment"
        into.set(name, "metadata.description", "; ".join(about))
    into.pass_over(("metadata_description", "training_comment"))
    if tags := into.text("metadata_tags"):
        into.set(
            "metadata_tags", "metadata.tags", tuple(each.strip() for each in tags.split(",") if each.strip())
        )
