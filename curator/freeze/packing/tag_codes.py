"""Tag ids of a manifest: the tags its images have and rules add, the most common first.

An id depends on the images alone, never on the history of the index; common tags have small ids, so rows are short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.contract.caption.captions import CaptionRules, split_tag
from curator.contract.manifest.signs import FIRST, GAP, SURROGATES

TRIGGER = "trigger"
Codes = NDArray[np.uint32]


@dataclass(frozen=True)
class TagCodes:
    """`classes` and `numbers` (manifest ids) by name; by id of the index `names`, `number_of`, and `code` of its sign.

    Code 0 stands for 0, which ends an image's tags.
    """

    classes: dict[str, str]
    numbers: dict[str, int]
    names: dict[int, str]
    number_of: Codes
    code: Codes


def tag_codes(
    rules: Sequence[CaptionRules], known: Sequence[tuple[int, str, str]], counts: NDArray[np.int64]
) -> TagCodes:
    """Codes for everything that captions by `rules` are made of.

    `known` are (id in the index, name, class) of tags, `counts` how many of the frozen images have each, by id.
    """
    times = counts.tolist()
    used = sorted((row for row in known if times[row[0]]), key=itemgetter(1))
    used.sort(key=lambda row: -times[row[0]])
    triggers = sorted({each.trigger for each in rules} - {""})
    classes = dict.fromkeys(triggers, TRIGGER)
    classes |= {name: cls for _, name, cls in used if name not in classes}
    separators = {each.keep_separator for each in rules} - {""}
    pieces = {
        piece: cls
        for separator in separators
        for _, name, cls in used
        if separator in name
        for piece in split_tag(name, separator)
        if piece
    }
    classes |= {piece: pieces[piece] for piece in sorted(pieces) if piece not in classes}
    numbers = {name: number for number, name in enumerate(classes)}
    tags = [tag for tag, _, _ in used]
    number_of, code = np.zeros(len(counts), np.uint32), np.zeros(len(counts), np.uint32)
    number_of[tags] = [numbers[name] for _, name, _ in used]
    code[tags] = code_points(number_of[tags])
    return TagCodes(classes, numbers, {tag: name for tag, name, _ in used}, number_of, code)


def code_points(numbers: NDArray[Any]) -> Codes:
    """The code points of `encode_number`."""
    codes = numbers.astype(np.uint32) + np.uint32(FIRST)
    codes += np.uint32(GAP) * (codes >= SURROGATES)
    return codes
