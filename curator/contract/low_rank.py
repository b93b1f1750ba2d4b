"""What is asked of adapters of low rank: extracted from two models, or cut to fewer ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, to_json
from curator.contract.text import visible

Part = Literal["unet", "text", "text_2"]
PARTS: tuple[Part, ...] = ("unet", "text", "text_2")
ExtractKind = Literal["lora", "locon", "lokr"]
Number = Literal["fp16", "bf16", "fp32"]
NUMBERS: tuple[Number, ...] = ("fp16", "bf16", "fp32")
USUAL_RANK = 16


@dataclass(frozen=True)
class RankRule:
    """How many singular values each layer keeps: all that one rule asks for, and `rank` of them at most.

    `conv_rank` is of convolutions larger than 1x1, which without it a LoCon alone changes. Rules: those at least
    1 / `sv_ratio` of the largest; the fewest that have `sv_fro` of the Frobenius norm, or `sv_cumulative` of the sum
    of all; those at least `sv_threshold`; or the best that a file of `size_mb` million bytes holds.
    """

    rank: int | None = None
    conv_rank: int | None = None
    sv_ratio: float | None = None
    sv_fro: float | None = None
    sv_cumulative: float | None = None
    sv_threshold: float | None = None
    size_mb: float | None = None

    @property
    def name(self) -> str:
        """The rule beside `rank`; empty where there is none."""
        return next((name for name, _ in _RULES if getattr(self, name) is not None), "")

    @property
    def is_dynamic(self) -> bool:
        """Whether layers may get different ranks."""
        return bool(self.name)

    def limit(self, is_conv: bool) -> int | None:
        """The most ranks of a layer; None: as many as it has."""
        return self.conv_rank if is_conv and self.conv_rank is not None else self.rank

    def check(self) -> None:
        """Refuse numbers that mean nothing.

        Raises:
            UserError: which, and what it may be.
        """
        given = [name for name, _ in _RULES if getattr(self, name) is not None]
        if len(given) > 1:
            raise UserError(f"{' and '.join(map(_option, given))}: a rank has one rule", "give one of them")
        for name in ("rank", "conv_rank"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{_option(name)} {value}: a rank is 1 or more", "give one such as 16")
        for name, (low, high) in _RULES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
                raise UserError(f"{_option(name)} {value:g} is out of its limits", f"give a number {limits}")


_RULES = (
    ("sv_ratio", (1.0, math.inf)),
    ("sv_fro", (0.0, 1.0)),
    ("sv_cumulative", (0.0, 1.0)),
    ("sv_threshold", (0.0, math.inf)),
    ("size_mb", (0.001, math.inf)),
)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class Extraction:
    """An adapter made of the difference of two models.

    `alpha` of None is the rank of each layer: strength 1 of any reader. `parts` of () are all that both models have.
    Layers whose numbers differ by `min_difference` at most count as equal. The factors are cut at the quantile
    `clamp_quantile` of their sizes. `dtype` of None is that of the model's layers. `exact`: no randomised
    decomposition, however large a layer is.
    """

    kind: ExtractKind = "lora"
    ranks: RankRule = RankRule()
    alpha: float | None = None
    conv_alpha: float | None = None
    parts: tuple[Part, ...] = ()
    norms: bool = False
    factor: int | None = None
    full_matrix: bool = False
    min_difference: float = 0.0
    clamp_quantile: float = 1.0
    dtype: Number | None = None
    exact: bool = False

    def check(self) -> None:
        """Refuse what means nothing, and what has no effect on the kind.

        Raises:
            UserError: which.
        """
        self.ranks.check()
        is_lokr = self.kind == "lokr"
        idle = {
            "--factor": self.factor is not None and not is_lokr,
            "--full-matrix": self.full_matrix and not is_lokr,
            "--alpha": self.alpha is not None and is_lokr,
            "--conv-alpha": self.conv_alpha is not None and is_lokr,
            "--clamp-quantile": self.clamp_quantile < 1 and is_lokr,
            "--size-mb": self.ranks.size_mb is not None and is_lokr,
        }
        for option, has_none in idle.items():
            if has_none:
                raise UserError(f"{option} has no effect on {self.kind}", "leave it out")
        if self.full_matrix and (self.ranks.rank is not None or self.ranks.is_dynamic):
            raise UserError(
                "a whole matrix has no rank",
                "leave out --full-matrix, or the rank; --conv-rank adds convolutions",
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name in ("alpha", "conv_alpha"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UserError(f"{_option(name)} {value:g} is no alpha", "give a number above 0")
        if not 0 < self.clamp_quantile <= 1:
            raise UserError(
                f"--clamp-quantile {self.clamp_quantile:g} is no share", "give one from 0 to 1, such as 0.99"
            )
        if not 0 <= self.min_difference < math.inf:
            raise UserError(f"--min-difference {self.min_difference:g} is no size", "give 0 or more")
        if self.factor is not None and self.factor != -1 and self.factor < 1:
            raise UserError(
                f"--factor {self.factor} is none", "give 1 or more, or -1: as near square as can be"
            )


@dataclass(frozen=True)
class Resizing:
    """An adapter cut to fewer ranks. `first_ranks`: the first so many of a DyLoRA, as it was trained for.

    `dtype` of None leaves the numbers as they are stored.
    """

    ranks: RankRule = RankRule()
    first_ranks: int | None = None
    dtype: Number | None = None

    def check(self) -> None:
        """Refuse what means nothing.

        Raises:
            UserError: which.
        """
        self.ranks.check()
        is_asked = self.ranks.is_dynamic or self.ranks.rank is not None
        if (self.first_ranks is not None) == is_asked:
            raise UserError(
                "one rule says which ranks stay",
                "give --rank, --sv-ratio, --sv-fro, --sv-cumulative, --sv-threshold, --size-mb or --first-ranks",
            )
        if self.first_ranks is not None and (self.first_ranks < 1 or self.ranks.conv_rank is not None):
            raise UserError("--first-ranks is one number for all layers, 1 or more", "give one such as 16")


_Asked = TypeVar("_Asked", Extraction, Resizing)


def checked_request(asked: Mapping[str, Any], kind: type[_Asked]) -> _Asked:
    """A request of these values, checked; what they leave out is as usual.

    Raises:
        UserError: it means nothing.
    """
    try:
        wanted = checked(kind, asked)
    except ValueError as error:
        raise UserError(f"what is asked for {visible(str(error))}", "see --help") from error
    wanted.check()
    return wanted


def asked_in(text: str, kind: type[_Asked]) -> _Asked:
    """What another program asks for, in JSON, checked.

    Raises:
        UserError: it means nothing.
    """
    try:
        return checked_request(object_of(text), kind)
    except ValueError as error:
        raise UserError(f"the request {visible(str(error))}", "give it in JSON") from error


def asked_as(wanted: Extraction | Resizing) -> str:
    """The same in JSON."""
    return to_json(asdict(wanted))


def told(wanted: Extraction | Resizing) -> dict[str, Any]:
    """What is set otherwise than usual, for metadata."""
    usual = asdict(type(wanted)())
    said = {name: value for name, value in asdict(wanted).items() if value != usual[name]}
    if "ranks" in said:
        said |= {name: value for name, value in said.pop("ranks").items() if value is not None}
    return said
