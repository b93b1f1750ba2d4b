"""The LoRA layers of an adapter file, in whichever style it names them, and the tensors that are none.

Layers are read one at a time; what is written has the names that were there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.adapters.key_styles import FACTORS, MAGNITUDE

if TYPE_CHECKING:
    from train.workshop.model_file import ModelFile


_MID = ".lora_mid.weight"
_OTHERS = {  # ends of names that tell other kinds
    "dora_scale": "DoRA",
    MAGNITUDE.removeprefix("."): "DoRA",
    "hada_w1_a": "LoHa",
    "lokr_w1": "LoKr",
    "lokr_w1_a": "LoKr",
    "oft_blocks": "OFT",
    "on_input": "IA3",
    "a1.weight": "GLoRA",
}
_KEPT = (".w_norm", ".b_norm", ".diff", ".diff_b", ".alpha")
_WORDS = "bundle_emb."


@dataclass(frozen=True)
class Pair:
    """A LoRA layer, in float32: strength x up [out, r] x down [r, in...], a Tucker core being multiplied in.

    `names`: of down, up and alpha in the file; an empty one is not there. `dtype` is that of the factors.
    """

    module: str
    names: tuple[str, str, str]
    up: Tensor
    down: Tensor
    strength: float
    dtype: torch.dtype
    tensors: Mapping[str, Tensor]

    @property
    def rank(self) -> int:
        return self.up.shape[1]

    @property
    def is_conv(self) -> bool:
        """Whether it is of a convolution larger than 1x1."""
        return any(side != 1 for side in self.down.shape[2:])


class Pairs:
    """The layers of one file, by the names of their tensors.

    Raises:
        UserError: there is none, a factor has no counterpart, or a layer is of another kind.
    """

    def __init__(self, file: ModelFile) -> None:
        self.file = file
        self._modules: dict[str, tuple[str, str]] = {}
        for style in FACTORS:
            for down in file.tensors:
                if down.endswith(style.down):
                    module = down.removesuffix(style.down)
                    self._modules[module] = (down, module + style.up)
        taken = {name for module in self._modules for name in self._names(module)}
        self.kept = [name for name in file.tensors if name not in taken]
        for name in self.kept:
            self._check(name)
        if not self._modules:
            raise UserError(f"{file.shown} holds no layer of a LoRA", "give a LoRA or LoCon (.safetensors)")

    @property
    def modules(self) -> Collection[str]:
        """The names of the layers."""
        return self._modules

    def __iter__(self) -> Iterator[Pair]:
        """The layers, each read when its turn comes."""
        for module, (down, up) in self._modules.items():
            yield self._pair(module, down, up)

    def bytes_of(self, pair: Pair) -> int:
        """What a layer takes in the file."""
        return sum(self.file.tensors[name].bytes for name in self._names(pair.module))

    @property
    def bytes(self) -> int:
        """What all layers take."""
        return sum(self.file.tensors[name].bytes for each in self._modules for name in self._names(each))

    def _names(self, module: str) -> list[str]:
        wanted = (*self._modules[module], module + _MID, f"{module}.alpha")
        return [name for name in wanted if name in self.file.tensors]

    def _check(self, name: str) -> None:
        for end, kind in _OTHERS.items():
            if name.endswith((f".{end}", f".{end}.weight")):
                raise UserError(
                    f"'{visible(name)}' of {self.file.shown} is of a {kind}, which has no ranks to cut",
                    "make a LoRA of it with 'frieze model convert --as lora --rank N'",
                )
        if not name.endswith(_KEPT) and not name.startswith(_WORDS):
            raise UserError(
                f"'{visible(name)}' of {self.file.shown} belongs to no layer of a LoRA that is known",
                "LoRA, LoCon and DyLoRA are resized",
            )

    def _pair(self, module: str, down_name: str, up_name: str) -> Pair:
        if up_name not in self.file.tensors:
            raise UserError(
                f"{self.file.shown} has '{visible(down_name)}' and no '{visible(up_name)}'",
                "the file is damaged: give another",
            )
        tensors = {name: self.file.whole(name) for name in self._names(module)}
        down, up = tensors[down_name].float(), tensors[up_name].float().flatten(1)
        rank = up.shape[1]
        if (mid := tensors.get(module + _MID)) is not None:
            down = torch.einsum("rskl,si->rikl", mid.float(), down.flatten(1))
        if (
            down.dim() < 2
            or down.shape[0] != rank
            or not bool(torch.isfinite(down).all() & torch.isfinite(up).all())
        ):
            raise UserError(
                f"'{visible(module)}' of {self.file.shown} has factors that do not fit, or hold NaN or infinity",
                "the file is damaged: give another",
            )
        alpha_name = f"{module}.alpha" if f"{module}.alpha" in tensors else ""
        alpha = float(tensors[alpha_name]) if alpha_name else 0.0
        strength = (alpha or rank) / rank  # no alpha, or one of 0, means the rank
        names = (down_name, up_name, alpha_name)
        return Pair(module, names, up, down, strength, tensors[down_name].dtype, tensors)
