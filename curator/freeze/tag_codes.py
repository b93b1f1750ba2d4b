"""Decides the ids of tags in a manifest: of what its pictures have and rules add, the most common first.

An id depends on the pictures alone, never on the history of the index; common tags have small ids, so rows are short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.captions import split_tag
from curator.contract.signs import FIRST, GAP, SURROGATES
from curator.freeze.spec import FreezeSpec
from curator.index.bulk_rows import BulkRows
from curator.index.collection import Collection

TRIGGER = "trigger"
Codes = NDArray[np.uint32]


@dataclass(frozen=True)
class TagCodes:
    """`classes` and `numbers` (manifest ids) by name; of each id of the index the name, and the code point of its sign.

    Code 0 stands for 0, which ends a picture's tags.
    """

    classes: dict[str, str]
    numbers: dict[str, int]
    names: dict[int, str]
    code: Codes


def tag_codes(collection: Collection, spec: FreezeSpec, frozen: BitMap) -> TagCodes:
    """Codes for everything that captions of `frozen` pictures are made of."""
    bulk = BulkRows(collection)
    known = bulk.tags()
    counts = _counts(collection, bulk, frozen, 1 + max((tag for tag, _, _ in known), default=0))
    used = [(-int(counts[tag]), name, tag, cls) for tag, name, cls in known if counts[tag]]
    used.sort()
    triggers = sorted({subset.rules.trigger for subset in spec.subsets} - {""})
    classes = dict.fromkeys(triggers, TRIGGER)
    classes |= {name: cls for _, name, _, cls in used if name not in classes}
    separators = {subset.rules.keep_separator for subset in spec.subsets} - {""}
    pieces = {
        piece: cls
        for separator in separators
        for _, name, _, cls in used
        if separator in name
        for piece in split_tag(name, separator)
        if piece
    }
    classes |= {piece: pieces[piece] for piece in sorted(pieces) if piece not in classes}
    numbers = {name: number for number, name in enumerate(classes)}
    code = np.zeros(len(counts), np.uint32)
    for _, name, tag, _ in used:
        code[tag] = numbers[name]
    tags = np.array([tag for _, _, tag, _ in used], np.int64)
    code[tags] = code_points(code[tags])
    return TagCodes(classes, numbers, {tag: name for _, name, tag, _ in used}, code)


def code_points(numbers: NDArray[Any]) -> Codes:
    """The code points of `contract.signs`."""
    codes = numbers.astype(np.uint32) + np.uint32(FIRST)
    codes[codes >= SURROGATES] += np.uint32(GAP)
    return codes


def _counts(collection: Collection, bulk: BulkRows, frozen: BitMap, size: int) -> NDArray[np.int64]:
    """How many of the pictures have each tag. Where all are frozen the index knows; else they are counted."""
    counts = np.zeros(size, np.int64)
    if frozen == collection.images.alive():
        known = collection.tags.counts()[:size]
        counts[: len(known)] = known
        return counts
    for piece in bulk.tag_pieces(frozen):
        counts += np.bincount(piece.values, minlength=size)
    counts[0] = 0
    return counts
