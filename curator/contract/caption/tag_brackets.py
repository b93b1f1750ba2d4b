"""Brackets of a tag's name, kept plain where brackets weigh (S025).

Boorus tell tags of one name apart by what stands in round brackets behind: `saber (fate)`. The grammar of weights
would take that for `fate` x 1.1.
"""

from __future__ import annotations

import re

_SIGN = re.compile(r"\\[\\()\[\]]|[()\[\]]")
_QUALIFIED = re.compile(r"[^\\()\[\]]*[^\\()\[\]\s_](?:[ _]\([^\\()\[\]]+\))+")
_WEIGHS = re.compile(r":[+-]?[\d.]+\)")


def escaped(tag: str) -> str:
    r"""A tag with `\` before each of its brackets; those that have one stay as they are."""
    return _SIGN.sub(lambda found: found[0] if len(found[0]) == 2 else f"\\{found[0]}", tag)


def is_qualified(tag: str) -> bool:
    """Whether a tag reads as a name with what it is of in brackets, and these would weigh."""
    return "(" in tag and _QUALIFIED.fullmatch(tag) is not None and not _WEIGHS.search(tag)
