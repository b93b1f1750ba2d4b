"""The adapter of a recipe: its kind, its size, a section for each kind's own knobs, and rules for single modules."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from curator.contract.errors import UserError
from curator.contract.recipe.adapter_rules import AdapterRule, parse_rule
from curator.contract.recipe.knobs import CHOSEN, choice, knob

_WITH_ALPHA = ("alpha", "conv_alpha", "rank_stabilized")


@dataclass(frozen=True)
class Lora:
    """LoRA: up x down, two thin matrices."""

    unused: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class Locon:
    """LoCon: LoRA of linear layers and of all convolutions; without conv_rank they get the rank."""

    unused: ClassVar[tuple[str, ...]] = ()
    tucker: bool = knob(
        False, "convolutions larger than 1x1 in three parts, with the kernel in the middle one"
    )


@dataclass(frozen=True)
class Loha:
    """LoHa: the product, element by element, of two low-rank matrices."""

    unused: ClassVar[tuple[str, ...]] = ("dropout",)
    tucker: bool = knob(False, "convolutions larger than 1x1 with their kernels in cores of their own")


@dataclass(frozen=True)
class Lokr:
    """LoKr: the Kronecker product of a small and a large matrix."""

    unused: ClassVar[tuple[str, ...]] = ()
    factor: int = knob(
        -1, "size of the small matrix; -1: as near to square as the layer allows", low=-1, high=1024
    )
    full_matrix: bool = knob(False, "keep the large matrix whole instead of in two of the rank")
    decompose_both: bool = knob(
        False, "cut the small matrix in two of the rank as well, where that is smaller"
    )


@dataclass(frozen=True)
class Dora:
    """DoRA: LoRA for the direction of each output's weights, and their length by itself."""

    unused: ClassVar[tuple[str, ...]] = ("dropout",)


@dataclass(frozen=True)
class Ia3:
    """IA3: one factor for each key, value and inner feature; has no rank."""

    unused: ClassVar[tuple[str, ...]] = ("rank", "conv_rank", "dropout", *_WITH_ALPHA)


@dataclass(frozen=True)
class Glora:
    """GLoRA: one LoRA beside the layer, and one before it."""

    unused: ClassVar[tuple[str, ...]] = ("dropout",)


@dataclass(frozen=True)
class Oft:
    """OFT: outputs turned in blocks; the rank is the largest side of a block."""

    unused: ClassVar[tuple[str, ...]] = ("dropout", *_WITH_ALPHA)
    constraint: float = knob(
        0.0, "the most that blocks may turn, in parts of the outputs; 0: freely", low=0.0
    )
    rescaled: bool = knob(False, "train a factor for each output as well")


@dataclass(frozen=True)
class Boft:
    """BOFT: outputs turned in blocks, again and again, each time among other outputs."""

    unused: ClassVar[tuple[str, ...]] = ("dropout", *_WITH_ALPHA)
    constraint: float = knob(
        0.0, "the most that blocks may turn, in parts of the outputs; 0: freely", low=0.0
    )
    rescaled: bool = knob(False, "train a factor for each output as well")


@dataclass(frozen=True)
class Dylora:
    """DyLoRA: a LoRA whose first ranks are also LoRAs, so that it can be cut down later."""

    unused: ClassVar[tuple[str, ...]] = ("rank_stabilized",)
    unit: int = knob(4, "ranks that are trained together; the rank is a multiple of it", low=1, high=1024)


@dataclass(frozen=True)
class Adapter:
    """What is trained on top of the base model."""

    kind: str = choice("lora", "kind of adapter")
    rank: int = knob(16, "rank of linear layers", low=1, high=1024)
    alpha: float = knob(8.0, "scale: the change is alpha / rank times up x down", low=1e-6)
    conv_rank: int = knob(0, "rank of 3x3 convolutions; 0 leaves them alone", low=0, high=1024)
    conv_alpha: float = knob(1.0, "alpha of the convolutions", low=1e-6)
    dropout: float = knob(0.0, "share of adapter outputs dropped in training", low=0.0, high=0.99)
    rank_stabilized: bool = knob(False, "scale by alpha / sqrt(rank) instead of alpha / rank (rsLoRA)")
    norms: bool = knob(False, "train the scales and shifts of normalisation layers as well")
    rules: tuple[str, ...] = knob(
        (), "other settings for modules by name: 'PATTERN key=value ...'; the last rule that fits wins"
    )
    start: str = knob("", "an adapter file of the same shape to start from; empty: a new one")
    lora: Lora = field(default_factory=Lora, metadata=CHOSEN)
    locon: Locon = field(default_factory=Locon, metadata=CHOSEN)
    loha: Loha = field(default_factory=Loha, metadata=CHOSEN)
    lokr: Lokr = field(default_factory=Lokr, metadata=CHOSEN)
    dora: Dora = field(default_factory=Dora, metadata=CHOSEN)
    ia3: Ia3 = field(default_factory=Ia3, metadata=CHOSEN)
    glora: Glora = field(default_factory=Glora, metadata=CHOSEN)
    oft: Oft = field(default_factory=Oft, metadata=CHOSEN)
    boft: Boft = field(default_factory=Boft, metadata=CHOSEN)
    dylora: Dylora = field(default_factory=Dylora, metadata=CHOSEN)

    @cached_property
    def parsed_rules(self) -> tuple[AdapterRule, ...]:
        """The rules, read.

        Raises:
            UserError: one that says nothing, or cannot be read.
        """
        return tuple(map(parse_rule, self.rules))

    @property
    def active(self) -> frozenset[str]:
        """The kinds that some module may have: their sections hold. Rules that cannot be read give none."""
        try:
            named = {rule.kind for rule in self.parsed_rules if rule.kind}
        except UserError:
            named = set()
        return frozenset({self.kind, *named})
