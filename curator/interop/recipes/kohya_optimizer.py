"""sd-scripts' optimiser, its arguments, and the schedule as a recipe's (B12)."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from curator.interop.recipes.kohya_options import OPTIMIZERS

if TYPE_CHECKING:
    from curator.interop.recipes.translation import Foreign, Translation

# An argument -> the keys it may mean; the first that holds for the optimiser is taken.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "weight_decay": ("optimizer.weight_decay",),
    "eps": ("optimizer.epsilon",),
    "momentum": ("optimizer.sgd.momentum",),
    "d0": ("optimizer.prodigy.d0", "optimizer.dadapt.d0"),
    "d_coef": ("optimizer.prodigy.d_coef",),
    "growth_rate": ("optimizer.prodigy.growth_rate", "optimizer.dadapt.growth_rate"),
    "beta3": ("optimizer.prodigy.beta3",),
    "decouple": ("optimizer.prodigy.decouple", "optimizer.dadapt.decouple"),
    "use_bias_correction": ("optimizer.prodigy.bias_correction", "optimizer.dadapt.bias_correction"),
    "safeguard_warmup": ("optimizer.prodigy.safeguard_warmup",),
    "slice_p": ("optimizer.prodigy.slice_p",),
    "relative_step": ("optimizer.adafactor.relative_step",),
    "scale_parameter": ("optimizer.adafactor.scale_parameter",),
    "warmup_init": ("optimizer.adafactor.warmup_init",),
    "clip_threshold": ("optimizer.adafactor.clip_threshold", "optimizer.came.clip_threshold"),
    "decay_rate": ("optimizer.adafactor.decay_rate",),
    "beta1": ("optimizer.adafactor.beta1",),
}
_BETAS: dict[str, tuple[str, ...]] = {
    "lion": ("optimizer.lion.beta1", "optimizer.lion.beta2"),
    "dadapt_lion": ("optimizer.lion.beta1", "optimizer.lion.beta2"),
    "dadapt_adan": ("optimizer.adan.beta1", "optimizer.adan.beta2", "optimizer.adan.beta3"),
    "came": ("optimizer.came.beta1", "optimizer.came.beta2", "optimizer.came.beta3"),
}
# Classes of torch.optim that sd-scripts takes by their bare name.
_OF_TORCH = {"Adadelta", "Adagrad", "Adam", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD"}
_SHAPES = {
    "lr_scheduler_num_cycles": "schedule.cycles",
    "lr_scheduler_power": "schedule.power",
    "lr_scheduler_timescale": "schedule.timescale",
    "lr_scheduler_min_lr_ratio": "schedule.min_lr_ratio",
}


def translate_optimizer(into: Translation) -> None:
    """The optimiser by its name, or a class by its dotted one, and its arguments."""
    given = next((each for each in ("use_8bit_adam", "use_lion_optimizer") if into.switch(each)), "")
    word = {"use_8bit_adam": "AdamW8bit", "use_lion_optimizer": "Lion"}.get(given) or into.text(
        "optimizer_type", "AdamW"
    )
    into.pass_over(("use_8bit_adam", "use_lion_optimizer", "optimizer_type"))
    name = OPTIMIZERS.get(word.lower())
    setting = given or "optimizer_type"
    if name is None and (word in _OF_TORCH or "." in word):
        dotted = word if "." in word else f"torch.optim.{word}"
        into.set(setting, "optimizer.name", dotted, "a class, run where optimizer.trust_class is set")
        if words := tuple(f"{name.partition('.')[2]}={into.text(name)}" for name in _arguments_in(into)):
            into.values["optimizer.args"] = words
        return
    if name is None:
        into.leave_out(setting, "no such optimiser is known; AdamW stands in its place")
        name = "adamw"
    elif into.gives(setting):
        into.set(setting, "optimizer.name", name)
    if name == "adafactor":
        into.values |= {
            "optimizer.adafactor.relative_step": True,
            "optimizer.adafactor.scale_parameter": True,
        }
    for setting in _arguments_in(into):
        _translate_argument(name, setting, into)


def argument(name: str) -> str:
    """What an argument of the optimiser is called among the settings."""
    return f"optimizer_args.{name}"


def _arguments_in(into: Translation) -> list[str]:
    return [name for name in into.settings if name.startswith(argument(""))]


def _translate_argument(optimizer: str, setting: str, into: Translation) -> None:
    name = setting.partition(".")[2]
    value = _literal(into.text(setting).rstrip(","))
    if name == "betas" and isinstance(value, tuple):
        family = next((each for each in _BETAS if optimizer.removeprefix("paged_").startswith(each)), "")
        keys = _BETAS.get(family, ("optimizer.beta1", "optimizer.beta2"))
        for key, beta in zip(keys, value, strict=False):
            into.set(setting, key, beta)
        return
    keys = [key for key in _ARGUMENTS.get(name, ()) if _is_of(optimizer, key)]
    if not keys:
        into.leave_out(setting, f"no key for it with {optimizer}")
    elif isinstance(value, bool | int | float):
        into.set(setting, keys[0], value)
    else:
        into.leave_out(setting, "its value cannot be read")


def _is_of(optimizer: str, key: str) -> bool:
    """Whether the key is one of all optimisers, or of this one's section."""
    section = key.split(".")[1]
    families = {"dadapt": optimizer.startswith("dadapt_"), "sgd": "sgd" in optimizer}
    return key.count(".") == 1 or section == optimizer or families.get(section, False)


def _literal(text: str) -> object:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def translate_schedule(into: Translation) -> None:
    """The schedule, its warm-up in steps or as a share, and the numbers of its shape."""
    name = into.text("lr_scheduler", "constant")
    warmup = _amount("lr_warmup_steps", into)
    if into.values.get("optimizer.adafactor.relative_step"):
        if name not in ("constant", "adafactor") or warmup:
            into.leave_out("lr_scheduler", "Adafactor has its own schedule with relative_step")
        into.values["schedule.name"] = "constant"
        into.values.pop("schedule.warmup_steps", None)
        into.pass_over(_SHAPES)
        return
    if name == "constant_with_warmup" and not warmup:
        into.set("lr_scheduler", "schedule.name", "constant", "there is no warm-up")
    elif name.startswith("adafactor"):
        into.leave_out("lr_scheduler", "it is Adafactor's own: optimizer.adafactor.relative_step")
    elif into.gives("lr_scheduler"):
        into.set("lr_scheduler", "schedule.name", name)
    else:
        into.assume("lr_scheduler", "schedule.name", "constant", "constant, where nothing is said")
    if warmup:
        why = "" if isinstance(warmup, int) else "a share of the run"
        is_level = name == "constant"  # sd-scripts refuses a warm-up before it, or forgets it
        into.set(
            "lr_warmup_steps",
            "schedule.warmup_steps",
            warmup,
            "a constant rate may rise too" if is_level else why,
        )
    into.carry({name: key for name, key in _SHAPES.items() if not _is_one(into.settings, name)})
    if into.gives("lr_decay_steps") and (amount := _amount("lr_decay_steps", into)):
        into.set("lr_decay_steps", "schedule.decay_steps", amount)
    into.pass_over((*_SHAPES, "lr_decay_steps"))


def _is_one(settings: Mapping[str, Foreign], name: str) -> bool:
    """What all schedules are given, and only some heed."""
    return str(settings.get(name)) in ("1", "1.0", "0", "0.0")


def _amount(name: str, into: Translation) -> int | float:
    """Steps; a number below 1 and a percentage are shares of the run. What is neither is told, and counts as none."""
    text = into.text(name).strip()
    try:
        number = float(text.removesuffix("%") or 0)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        into.leave_out(name, "it is no number of steps")
        return 0
    if text.endswith("%"):
        return number / 100
    return number if number < 1 else int(number)
