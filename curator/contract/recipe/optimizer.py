"""The optimiser of a recipe: its name, the learning rates, and a section for what belongs to one kind of optimiser."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from curator.contract.errors import UserError
from curator.contract.recipe.knobs import ANY_CLASS, CHOSEN, choice, chosen_by, is_class_name, knob


class OptimizerFacts(NamedTuple):
    """What one has to know of an optimiser before a run.

    `state_bytes` is what it holds for each weight of a large matrix, beside the weight and its gradient.
    One that `owns_rate` finds the learning rate itself: a recipe's are factors of it, usually 1.0; with `one_rate` all
    of them have to be equal. One that `averages` is judged and saved at other weights than it trains at (in its
    package: train and eval), and needs a rate that does not fall.
    """

    state_bytes: float
    owns_rate: bool = False
    one_rate: bool = False
    averages: bool = False


OPTIMIZERS: dict[str, OptimizerFacts] = {
    "adamw": OptimizerFacts(8),
    "adamw8bit": OptimizerFacts(2.03),
    "paged_adamw": OptimizerFacts(8),
    "paged_adamw8bit": OptimizerFacts(2.03),
    "lion": OptimizerFacts(4),
    "lion8bit": OptimizerFacts(1.02),
    "paged_lion": OptimizerFacts(4),
    "paged_lion8bit": OptimizerFacts(1.02),
    "sgd_nesterov": OptimizerFacts(4),
    "sgd_nesterov8bit": OptimizerFacts(1.02),
    "adafactor": OptimizerFacts(0),
    "came": OptimizerFacts(4),
    "prodigy": OptimizerFacts(16, owns_rate=True, one_rate=True),
    "dadapt_adam": OptimizerFacts(12, owns_rate=True),
    "dadapt_adagrad": OptimizerFacts(12, owns_rate=True, one_rate=True),
    "dadapt_adan": OptimizerFacts(20, owns_rate=True, one_rate=True),
    "dadapt_adan_ip": OptimizerFacts(20, owns_rate=True, one_rate=True),
    "dadapt_lion": OptimizerFacts(8, owns_rate=True, one_rate=True),
    "dadapt_sgd": OptimizerFacts(12, owns_rate=True, one_rate=True),
    "adamw_schedulefree": OptimizerFacts(8, averages=True),
    "radam_schedulefree": OptimizerFacts(8, averages=True),
    "sgd_schedulefree": OptimizerFacts(4, averages=True),
}
_OF_A_CLASS = OptimizerFacts(16)  # unknown; as much as the largest usual ones

_DADAPT = tuple(name for name in OPTIMIZERS if name.startswith("dadapt_"))
_LION = ("lion", "lion8bit", "paged_lion", "paged_lion8bit", "dadapt_lion")
_ADAN = ("dadapt_adan", "dadapt_adan_ip")
_ADAM = (
    "adamw",
    "adamw8bit",
    "paged_adamw",
    "paged_adamw8bit",
    "prodigy",
    "dadapt_adam",
    "adamw_schedulefree",
    "radam_schedulefree",
)


@dataclass(frozen=True)
class Lion:
    """Lion, whose steps are signs: a third to a tenth of AdamW's rate is usual, with more weight decay."""

    beta1: float = knob(0.9, "share of the mean of gradients in a step", low=0.0, high=0.99999)
    beta2: float = knob(0.99, "decay of the mean of gradients", low=0.0, high=0.99999)


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent."""

    momentum: float = knob(0.9, "decay of the sum of gradients", low=0.0, high=0.99999)


@dataclass(frozen=True)
class Adan:
    """Adan, which also looks at the change of gradients."""

    beta1: float = knob(0.98, "decay of the mean of gradients", low=0.0, high=0.99999)
    beta2: float = knob(0.92, "decay of the mean of their changes", low=0.0, high=0.99999)
    beta3: float = knob(0.99, "decay of the mean of squares", low=0.0, high=0.99999)


@dataclass(frozen=True)
class Dadapt:
    """D-Adaptation: the rate is found while training."""

    d0: float = knob(1e-6, "the rate it begins with", low=1e-12, high=1.0)
    growth_rate: float = knob(
        0.0,
        "the rate grows no faster than by this factor a step, such as 1.02; 0: as fast as it likes",
        low=0.0,
        only=tuple(name for name in _DADAPT if name != "dadapt_lion"),
    )
    decouple: bool = knob(True, "weight decay apart from the gradient, as AdamW", only=("dadapt_adam",))
    bias_correction: bool = knob(False, "Adam's correction of its first steps", only=("dadapt_adam",))


@dataclass(frozen=True)
class Prodigy:
    """Prodigy: AdamW whose rate is found while training."""

    d0: float = knob(1e-6, "the rate it begins with", low=1e-12, high=1.0)
    d_coef: float = knob(1.0, "the rate it finds is multiplied with it, usually 0.5 to 2", low=1e-3, high=1e3)
    growth_rate: float = knob(
        0.0,
        "the rate grows no faster than by this factor a step, such as 1.02; 0: as fast as it likes",
        low=0.0,
    )
    beta3: float = knob(
        0.0,
        "decay of what the rate is found by; 0: the square root of optimizer.beta2",
        low=0.0,
        high=0.99999,
    )
    decouple: bool = knob(True, "weight decay apart from the gradient, as AdamW")
    bias_correction: bool = knob(False, "Adam's correction of its first steps")
    safeguard_warmup: bool = knob(False, "keep a warm-up out of what the rate is found by")
    slice_p: int = knob(
        1,
        "the rate is found by every so manieth weight: 8 + 8 / it bytes of state a weight",
        low=1,
        high=1000,
    )


@dataclass(frozen=True)
class Adafactor:
    """Adafactor: means of squares by row and column, so there is next to no state."""

    relative_step: bool = knob(
        False,
        "its own schedule, min(0.01, 1 / sqrt(step)): a recipe's rates are factors of it, and [schedule] says nothing",
    )
    warmup_init: bool = knob(False, "with relative_step: begin at a millionth a step")
    scale_parameter: bool = knob(
        False, "steps in proportion to the size of a weight; usual with relative_step"
    )
    clip_threshold: float = knob(1.0, "the most a step's root mean square may be", low=1e-6)
    decay_rate: float = knob(-0.8, "power of the step that the means of squares decay by", low=-1.0, high=0.0)
    beta1: float = knob(0.0, "decay of a mean of steps, for 4 bytes a weight; 0: none", low=0.0, high=0.99999)
    epsilon_square: float = knob(1e-30, "added to squares of gradients", low=0.0)
    epsilon_scale: float = knob(1e-3, "the least size of a weight that counts for scale_parameter", low=0.0)


@dataclass(frozen=True)
class Came:
    """CAME: Adafactor's means, and one of how sure the steps are."""

    beta1: float = knob(0.9, "decay of the mean of steps", low=0.0, high=0.99999)
    beta2: float = knob(0.999, "decay of the means of squares", low=0.0, high=0.99999)
    beta3: float = knob(0.9999, "decay of the means of instability", low=0.0, high=0.999999)
    clip_threshold: float = knob(1.0, "the most a step's root mean square may be", low=1e-6)
    epsilon_square: float = knob(1e-30, "added to squares of gradients", low=0.0)
    epsilon_instability: float = knob(1e-16, "added to squares of instability", low=0.0)


@dataclass(frozen=True)
class Optimizer:
    """How weights move."""

    name: str = choice(
        "adamw",
        "optimiser; or the dotted name of a class, such as torch.optim.NAdam, with optimizer.trust_class",
        tuple(OPTIMIZERS),
        takes_class=True,
    )
    unet_lr: float = knob(1e-4, "learning rate of the UNet; 0 leaves it alone", low=0.0, high=10.0)
    text_lr: float = knob(5e-5, "learning rate of the text encoder; 0 leaves it alone", low=0.0, high=10.0)
    text_2_lr: float = knob(
        -1.0,
        "learning rate of the second text encoder of SDXL; 0 leaves it alone, -1: as the first",
        low=-1.0,
        high=10.0,
    )
    beta1: float = knob(0.9, "decay of the mean of gradients", low=0.0, high=0.99999, only=_ADAM)
    beta2: float = knob(0.999, "decay of the mean of squared gradients", low=0.0, high=0.99999, only=_ADAM)
    weight_decay: float = knob(0.01, "pull of weights towards zero", low=0.0, only=tuple(OPTIMIZERS))
    epsilon: float = knob(1e-8, "smallest divisor", low=1e-12, only=(*_ADAM, *_ADAN, "dadapt_adagrad"))
    max_grad_norm: float = knob(1.0, "gradients are scaled down to this norm; 0: never", low=0.0)
    trust_class: bool = knob(False, "run the class that optimizer.name names", only=(ANY_CLASS,))
    args: tuple[str, ...] = knob(
        (), "arguments of the class, 'NAME=VALUE' each, such as 'betas=(0.9, 0.99)'", only=(ANY_CLASS,)
    )
    lion: Lion = field(default_factory=Lion, metadata=chosen_by(*_LION))
    sgd: Sgd = field(
        default_factory=Sgd,
        metadata=chosen_by("sgd_nesterov", "sgd_nesterov8bit", "sgd_schedulefree", "dadapt_sgd"),
    )
    adan: Adan = field(default_factory=Adan, metadata=chosen_by(*_ADAN))
    dadapt: Dadapt = field(default_factory=Dadapt, metadata=chosen_by(*_DADAPT))
    prodigy: Prodigy = field(default_factory=Prodigy, metadata=CHOSEN)
    adafactor: Adafactor = field(default_factory=Adafactor, metadata=CHOSEN)
    came: Came = field(default_factory=Came, metadata=CHOSEN)

    @property
    def is_class(self) -> bool:
        """Whether a class is named."""
        return is_class_name(self.name)

    @property
    def facts(self) -> OptimizerFacts:
        """What is known of it; one with a schedule of its own owns its rate."""
        known = OPTIMIZERS.get(self.name, _OF_A_CLASS)
        return known._replace(owns_rate=True) if self.steps_alone else known

    @property
    def steps_alone(self) -> bool:
        """Whether it has a schedule of its own."""
        return self.name == "adafactor" and self.adafactor.relative_step

    @property
    def rates(self) -> dict[str, float]:
        """The rates of what is trained, by key."""
        given = {"optimizer.unet_lr": self.unet_lr, "optimizer.text_lr": self.text_lr}
        given["optimizer.text_2_lr"] = max(0.0, self.text_2_lr)
        return {key: rate for key, rate in given.items() if rate}

    @property
    def parsed_args(self) -> Mapping[str, Any]:
        """The arguments of the class, read.

        Raises:
            UserError: one that is none, cannot be read, stands twice, or is said by another key.
        """
        found: dict[str, Any] = {}
        for text in self.args:
            name, value = _argument(text)
            if name in found:
                raise UserError(f"optimizer.args: {name} stands twice", "leave one out")
            found[name] = value
        return found


_WORDS = {"true": True, "false": False, "none": None}
_SAID_ELSEWHERE = {
    "lr": "optimizer.unet_lr and optimizer.text_lr say it",
    "params": "Frieze gives the weights",
}


def _argument(text: str) -> tuple[str, Any]:
    name, equals, raw = (part.strip() for part in text.partition("="))
    if not (equals and raw and name.isidentifier()):
        raise UserError(
            f"optimizer.args: '{text}' is no argument",
            "write NAME=VALUE, such as 'betas=(0.9, 0.99)'",
        )
    if name in _SAID_ELSEWHERE:
        raise UserError(
            f"optimizer.args: {name} cannot be given: {_SAID_ELSEWHERE[name]}",
            "leave it out of optimizer.args",
        )
    if raw.endswith(","):
        raise UserError(
            f"optimizer.args: '{text}' ends with a comma, which would make a list of its value",
            "leave the comma out: arguments are separate texts, such as ['eps=1e-8', 'amsgrad=True']",
        )
    if raw.lower() in _WORDS:
        return name, _WORDS[raw.lower()]
    try:
        return name, ast.literal_eval(raw)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise UserError(
            f"optimizer.args: the value of '{text}' cannot be read",
            "write a number, True, False, None, a quoted text, or several in brackets, such as (0.9, 0.99)",
        ) from None
