"""Blocks of a model as mergers number them: which one a tensor belongs to, and lists of a number a block.

Two programs set the field's usage and differ. supermerger counts the embeddings of time and size to IN00 and the VAE to
BASE; sd-mecha counts those embeddings to BASE, and gives SDXL's VAE a block of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from curator.contract.base_model.facts import VAE_PREFIX
from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import visible

BASE, MIDDLE, VAE = "BASE", "M00", "VAE"
_UNET = "model.diffusion_model."
_EMBEDDINGS = ("time_embed.", "label_emb.")
_STAGE = re.compile(r"(input|output)_blocks\.(\d+)\.")
_SIDES = {"input": "IN", "output": "OUT"}


def _row(inputs: Sequence[int], outputs: Sequence[int]) -> tuple[str, ...]:
    """BASE, blocks of the encoder, the middle, blocks of the decoder."""
    return (BASE, *(f"IN{n:02}" for n in inputs), MIDDLE, *(f"OUT{n:02}" for n in outputs))


_WHOLE = _row(range(12), range(12))
_XL = _row(range(9), range(9))
# By how many numbers there are. The short forms are of LoRA files, which have no weights in the other blocks.
_FORMS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "sd1": (_WHOLE, _row((1, 2, 4, 5, 7, 8), range(3, 12))),
    "sd2": (_WHOLE, _row((1, 2, 4, 5, 7, 8), range(3, 12))),
    "sdxl": (_XL, _row((4, 5, 7, 8), range(6)), _WHOLE),
}


def block_names(family: str, convention: str) -> tuple[str, ...]:
    """The blocks of a family in the order of a list of numbers."""
    return (*_FORMS[family][0], VAE) if _has_vae_block(family, convention) else _FORMS[family][0]


def block_of(key: str, family: str, convention: str) -> str:
    """The block of a tensor, by its name in a single file; what is no part of the UNet is BASE's."""
    if not key.startswith(_UNET):
        is_own = key.startswith(VAE_PREFIX) and _has_vae_block(family, convention)
        return VAE if is_own else BASE
    inner = key.removeprefix(_UNET)
    if inner.startswith(_EMBEDDINGS):
        return BASE if convention == "mecha" else "IN00"
    if inner.startswith("middle_block."):
        return MIDDLE
    if found := _STAGE.match(inner):
        return f"{_SIDES[found[1]]}{int(found[2]):02}"
    return _FORMS[family][0][-1]  # `out.`, behind the last block


def numbers_by_block(text: str, family: str, convention: str, left_out: float) -> dict[str, float]:
    """A number for every block of a family, of a list such as `0,0.5,…` or of names such as `IN00=0.5,OUT*=1`.

    Blocks that a short list of numbers has not get 0, and those that no name means `left_out`.

    Raises:
        UserError: as many numbers as no list of the family has, a block it has not, or what is no finite number.
    """
    parts = [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
    names = block_names(family, convention)
    if any("=" in part for part in parts):
        return _named(parts, names, family, left_out)
    values = [_number(part) for part in parts]
    forms = {len(form): form for form in (names, *_FORMS[family])}
    if len(values) not in forms:
        raise UserError(
            f"{len(values)} numbers fit no list of blocks of {family}",
            f"{_listed(forms)}; or name blocks: IN00=0.5,OUT*=1",
        )
    given = dict(zip(forms[len(values)], values, strict=True))
    return {name: given.get(name, 0.0) for name in names}


def _has_vae_block(family: str, convention: str) -> bool:
    return convention == "mecha" and family == "sdxl"


def _named(parts: Sequence[str], names: Sequence[str], family: str, left_out: float) -> dict[str, float]:
    found = dict.fromkeys(names, left_out)
    for part in parts:
        name, equals, number = (each.strip() for each in part.partition("="))
        meant = [each for each in names if fnmatchcase(each, name.upper())]
        if not equals or not meant:
            raise UserError(f"{family} has no block '{visible(name)}'", did_you_mean(name.upper(), names))
        found.update(dict.fromkeys(meant, _number(number)))
    return found


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            f"'{visible(text)}' is no number for a block", "write numbers with commas between: 0,0.5,1"
        )
    return value


def _listed(forms: Mapping[int, Sequence[str]]) -> str:
    return "; ".join(f"{count} are {', '.join(_shortened(form))}" for count, form in sorted(forms.items()))


def _shortened(form: Sequence[str]) -> list[str]:
    """Runs of blocks as their first and last: IN00-IN11."""
    shown: list[list[str]] = []
    for name in form:
        if shown and _follows(shown[-1][-1], name):
            shown[-1] = [shown[-1][0], name]
        else:
            shown.append([name])
    return ["-".join(run) for run in shown]


def _follows(before: str, name: str) -> bool:
    stem, digits = re.fullmatch(r"([A-Z]+)(\d*)", before).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return bool(digits) and name == f"{stem}{int(digits) + 1:02}"
