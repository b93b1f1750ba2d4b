"""Optimisers by name, one row each: how it is made of groups of weights and a recipe's knobs."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from transformers.optimization import Adafactor

from train.optim.packages import class_of

if TYPE_CHECKING:
    from curator.contract.recipe.optimizer import Optimizer

Groups = list[dict[str, Any]]
Made = torch.optim.Optimizer


def _adamw(groups: Groups, knobs: Optimizer) -> Made:
    return torch.optim.AdamW(
        groups, fused=any(each.is_cuda for group in groups for each in group["params"]), **_adam(knobs)
    )


def _adam(knobs: Optimizer) -> dict[str, Any]:
    betas = (knobs.beta1, knobs.beta2)
    return {"betas": betas, "eps": knobs.epsilon, "weight_decay": knobs.weight_decay}


def _bits(name: str, groups: Groups, knobs: Optimizer) -> Made:
    """bitsandbytes': its 8-bit state is of matrices from 4096 weights on; what is smaller keeps 32."""
    warnings.filterwarnings("ignore", message="Paged optimizers are not supported on CPU")
    return class_of("bitsandbytes", name, "bitsandbytes.optim")(groups, **_adam(knobs))


def _lion(groups: Groups, knobs: Optimizer) -> Made:
    return class_of("lion-pytorch", "Lion")(groups, **_lion_knobs(knobs))


def _lion_bits(name: str, groups: Groups, knobs: Optimizer) -> Made:
    warnings.filterwarnings("ignore", message="Paged optimizers are not supported on CPU")
    return class_of("bitsandbytes", name, "bitsandbytes.optim")(groups, **_lion_knobs(knobs))


def _lion_knobs(knobs: Optimizer) -> dict[str, Any]:
    return {"betas": (knobs.lion.beta1, knobs.lion.beta2), "weight_decay": knobs.weight_decay}


def _sgd(groups: Groups, knobs: Optimizer) -> Made:
    momentum = knobs.sgd.momentum
    return torch.optim.SGD(groups, momentum=momentum, nesterov=momentum > 0, weight_decay=knobs.weight_decay)


def _sgd_bits(groups: Groups, knobs: Optimizer) -> Made:
    made = class_of("bitsandbytes", "SGD8bit", "bitsandbytes.optim")
    rate = groups[0]["lr"]
    return made(groups, lr=rate, momentum=knobs.sgd.momentum, nesterov=True, weight_decay=knobs.weight_decay)


def _adafactor(groups: Groups, knobs: Optimizer) -> Made:
    """Its relative step is a schedule like any other here, so its own stays off."""
    rule = knobs.adafactor
    return Adafactor(
        groups,
        lr=groups[0]["lr"],
        eps=(rule.epsilon_square, rule.epsilon_scale),
        clip_threshold=rule.clip_threshold,
        decay_rate=rule.decay_rate,
        beta1=rule.beta1 or None,
        weight_decay=knobs.weight_decay,
        scale_parameter=rule.scale_parameter,
        relative_step=False,
    )


def _came(groups: Groups, knobs: Optimizer) -> Made:
    rule = knobs.came
    return class_of("came-pytorch", "CAME", "came_pytorch.CAME")(
        groups,
        lr=groups[0]["lr"],
        eps=(rule.epsilon_square, rule.epsilon_instability),
        clip_threshold=rule.clip_threshold,
        betas=(rule.beta1, rule.beta2, rule.beta3),
        weight_decay=knobs.weight_decay,
    )


def _prodigy(groups: Groups, knobs: Optimizer) -> Made:
    rule = knobs.prodigy
    made = class_of("prodigyopt", "Prodigy")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what the recipe says
        return made(
            groups,
            beta3=rule.beta3 or None,
            decouple=rule.decouple,
            use_bias_correction=rule.bias_correction,
            safeguard_warmup=rule.safeguard_warmup,
            d0=rule.d0,
            d_coef=rule.d_coef,
            growth_rate=rule.growth_rate or math.inf,
            slice_p=rule.slice_p,
            **_adam(knobs),
        )


def _dadapt(name: str, groups: Groups, knobs: Optimizer, module: str = "", **more: Any) -> Made:
    growth = {} if name == "DAdaptLion" else {"growth_rate": knobs.dadapt.growth_rate or math.inf}
    made = class_of("dadaptation", name, module)
    with contextlib.redirect_stdout(io.StringIO()):
        return made(groups, d0=knobs.dadapt.d0, weight_decay=knobs.weight_decay, **growth, **more)


def _dadapt_adam(groups: Groups, knobs: Optimizer) -> Made:
    """One rate for all groups, of which each takes its share."""
    highest = max(group["base_lr"] for group in groups)
    shared = [
        {**group, "lr": highest, "base_lr": highest, "layer_scale": group["base_lr"] / highest}
        for group in groups
    ]
    rule = knobs.dadapt
    more = {"betas": (knobs.beta1, knobs.beta2), "eps": knobs.epsilon}
    more |= {"decouple": rule.decouple, "use_bias_correction": rule.bias_correction}
    return _dadapt("DAdaptAdam", shared, knobs, **more)


def _dadapt_adan(groups: Groups, knobs: Optimizer, name: str = "DAdaptAdan", module: str = "") -> Made:
    betas = (knobs.adan.beta1, knobs.adan.beta2, knobs.adan.beta3)
    return _dadapt(name, groups, knobs, module, betas=betas, eps=knobs.epsilon)


def _dadapt_lion(groups: Groups, knobs: Optimizer) -> Made:
    return _dadapt("DAdaptLion", groups, knobs, betas=(knobs.lion.beta1, knobs.lion.beta2))


def _dadapt_sgd(groups: Groups, knobs: Optimizer) -> Made:
    return _dadapt("DAdaptSGD", groups, knobs, momentum=knobs.sgd.momentum)


def _dadapt_adagrad(groups: Groups, knobs: Optimizer) -> Made:
    return _dadapt("DAdaptAdaGrad", groups, knobs, eps=knobs.epsilon)


def _schedule_free(name: str, groups: Groups, knobs: Optimizer) -> Made:
    return class_of("schedulefree", name)(groups, **_adam(knobs))


def _sgd_schedule_free(groups: Groups, knobs: Optimizer) -> Made:
    made = class_of("schedulefree", "SGDScheduleFree")
    return made(groups, momentum=knobs.sgd.momentum, weight_decay=knobs.weight_decay)


_ADAN_IP = "dadaptation.experimental.dadapt_adan_ip"

ROWS: dict[str, Callable[[Groups, Optimizer], Made]] = {
    "adamw": _adamw,
    "adamw8bit": partial(_bits, "AdamW8bit"),
    "paged_adamw": partial(_bits, "PagedAdamW"),
    "paged_adamw8bit": partial(_bits, "PagedAdamW8bit"),
    "lion": _lion,
    "lion8bit": partial(_lion_bits, "Lion8bit"),
    "paged_lion": partial(_lion_bits, "PagedLion"),
    "paged_lion8bit": partial(_lion_bits, "PagedLion8bit"),
    "sgd_nesterov": _sgd,
    "sgd_nesterov8bit": _sgd_bits,
    "adafactor": _adafactor,
    "came": _came,
    "prodigy": _prodigy,
    "dadapt_adam": _dadapt_adam,
    "dadapt_adagrad": _dadapt_adagrad,
    "dadapt_adan": _dadapt_adan,
    "dadapt_adan_ip": partial(_dadapt_adan, name="DAdaptAdanIP", module=_ADAN_IP),
    "dadapt_lion": _dadapt_lion,
    "dadapt_sgd": _dadapt_sgd,
    "adamw_schedulefree": partial(_schedule_free, "AdamWScheduleFree"),
    "radam_schedulefree": partial(_schedule_free, "RAdamScheduleFree"),
    "sgd_schedulefree": _sgd_schedule_free,
}
