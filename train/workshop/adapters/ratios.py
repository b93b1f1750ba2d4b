"""How much of an adapter comes in: for all, for text encoders and UNet, and for each block."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.weights.text_places import TEXT_PLACES
from train.workshop.blocks import block_of, numbers_by_block

if TYPE_CHECKING:
    from train.workshop.adapters.sites import Site

_PARTS = {"unet": ("unet",), "text": ("text1", "text2"), "text1": ("text1",), "text2": ("text2",)}


class Ratios:
    """The ratio of each module, of a text such as `0.8`, `unet=0.8,text=0.5`, `0.8,OUT*=1`, or a number a block.

    A block goes before a part, and a part before what is for all. `blocks` are further factors, a number a block.

    Raises:
        UserError: what is no number, or a block or part that the family has not.
    """

    def __init__(self, text: str, blocks: str, family: str, convention: str) -> None:
        self._family, self._convention = family, convention
        self._usual, self._parts, self._blocks = _parsed(text, family, convention)
        self._factors = numbers_by_block(blocks, family, convention, 1.0) if blocks else {}

    def of(self, site: Site) -> float:
        """What the module's change is multiplied with."""
        block = block_of(site.tensor, self._family, self._convention)
        ratio = self._blocks.get(block, math.nan)
        if math.isnan(ratio):
            ratio = self._parts.get(site.part, self._usual)
        return ratio * self._factors.get(block, 1.0)


def _parsed(text: str, family: str, convention: str) -> tuple[float, dict[str, float], dict[str, float]]:
    """What is for all, by part, and by block (NaN where a block is not named)."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    plain = [word for word in words if "=" not in word]
    if len(plain) > 1 and len(plain) == len(words):
        return 1.0, {}, numbers_by_block(text, family, convention, math.nan)
    if len(plain) > 1 or not words:
        raise _unreadable(text)
    usual = _number(plain[0], text) if plain else 1.0
    parts: dict[str, float] = {}
    blocks: list[str] = []
    for word in words:
        name, equals, number = (each.strip() for each in word.partition("="))
        if name.lower() in _PARTS and equals:
            _check_part(name.lower(), family)
            parts.update(dict.fromkeys(_PARTS[name.lower()], _number(number, text)))
        elif equals:
            blocks.append(word)
    named = numbers_by_block(",".join(blocks), family, convention, math.nan) if blocks else {}
    return usual, parts, named


def _check_part(name: str, family: str) -> None:
    if name == "text2" and len(TEXT_PLACES[family]) == 1:
        raise UserError(f"{family} has one text encoder", "write text=X")


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _unreadable(whole) from None
    if not math.isfinite(value):
        raise _unreadable(whole)
    return value


def _unreadable(text: str) -> UserError:
    return UserError(
        f"'{visible(text)}' is no ratio of an adapter",
        "write a number, parts (unet=0.8,text=0.5), blocks (OUT*=0.5), or a number for each block",
    )
