"""Decides the caption parts of millions of pictures at once: what `contract.captions.split_caption` says of each.

Tags are renamed and joined by numpy without a Python step per picture. Pictures with a tag that holds their subset's
separator go through `split_caption` itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curator.contract.captions import CaptionRules, split_caption
from curator.contract.signs import sign
from curator.freeze.spec import FreezeSpec
from curator.freeze.tag_codes import TagCodes
from curator.index.bulk_rows import TagPiece

Numbers = NDArray[Any]


class Special(NamedTuple):
    """Tags as signs, and how many of them are head and tail."""

    tags: bytes
    head: int
    tail: int


@dataclass
class PackedTags:
    """The tags of pictures in ascending order of their ids, without triggers, in UTF-8.

    A zero byte stands before each picture's and behind the last, at `bounds`.
    """

    joined: bytearray
    bounds: Numbers
    counts: Numbers  # of tags
    special: dict[int, Special] = field(default_factory=dict)
    used: dict[int, Numbers] = field(
        default_factory=dict
    )  # by subset: pictures with each tag of the manifest


@dataclass(frozen=True)
class _Rules:
    """What numpy needs to know of one subset's caption rules."""

    rules: CaptionRules
    trigger: int  # its id in the index, 0 where no picture has it
    parted: NDArray[np.bool_] | None  # by id in the index: tags that hold the separator


class TagPacking:
    """Packs pictures piece by piece, ascending; `subset_of` gives the subset of an image id."""

    def __init__(self, spec: FreezeSpec, codes: TagCodes, subset_of: Numbers, pictures: int) -> None:
        self._codes = codes
        self._subset_of = subset_of
        self._rules = [_rules_of(subset.rules, codes) for subset in spec.subsets]
        self._found = PackedTags(
            bytearray(1), np.zeros(pictures + 1, np.int64), np.zeros(pictures, np.uint32)
        )
        self._uses: dict[int, Numbers] = {}  # by subset, by id in the index
        self._more: dict[int, dict[str, int]] = {}  # of special pictures, by subset and name
        self._rows = 0

    def add(self, piece: TagPiece) -> None:
        """The next pictures."""
        subsets = self._subset_of[piece.ids]
        codes = self._codes.code.take(piece.values)
        breaks = np.flatnonzero(piece.values == 0)
        present = np.unique(subsets).tolist()
        self._count(piece.values, breaks, subsets, present)
        gone: Numbers | None = None
        for number in present:
            rules = self._rules[number]
            if rules.parted is not None:
                self._part(piece, breaks, subsets == number, number)
            if rules.trigger:
                own = np.flatnonzero(piece.values == rules.trigger)
                own = own[subsets[np.searchsorted(breaks, own)] == number]
                gone = own if gone is None else np.concatenate((gone, own))
        if gone is not None and len(gone):
            codes = np.delete(codes, gone)
            breaks = np.flatnonzero(codes == 0)
        text = codes.tobytes().decode("utf-32-le").encode()
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == 0)
        own = slice(self._rows, self._rows + len(piece.ids))
        self._found.bounds[1:][own] = ends + len(self._found.joined)
        self._found.counts[own] = np.diff(breaks, prepend=-1) - 1
        self._found.joined += text
        self._rows += len(piece.ids)

    def closed(self) -> PackedTags:
        """Everything, after the last piece."""
        found = self._found
        for subset, by_index in self._uses.items():
            uses = np.zeros(len(self._codes.classes), np.int64)
            for tag in np.flatnonzero(by_index).tolist():
                uses[self._codes.numbers[self._codes.names[tag]]] = by_index[tag]
            for name, count in self._more.get(subset, {}).items():
                uses[self._codes.numbers[name]] += count
            found.used[subset] = uses
        return found

    def _count(self, values: Numbers, breaks: Numbers, subsets: Numbers, present: list[int]) -> None:
        size = len(self._codes.code)
        if len(present) == 1:
            parts = np.bincount(values, minlength=size)[None]
        else:
            places = np.searchsorted(present, subsets)
            keys = np.repeat(places * size, np.diff(breaks, prepend=-1)) + values
            parts = np.bincount(keys, minlength=len(present) * size).reshape(len(present), size)
        for number, part in zip(present, parts, strict=True):
            uses = self._uses.setdefault(number, np.zeros(size, np.int64))
            uses += part
            uses[0] = 0
            rules = self._rules[number]
            if rules.trigger:
                uses[rules.trigger] = 0
            if rules.rules.trigger:
                self._say(number, (rules.rules.trigger,), int(np.count_nonzero(subsets == number)))

    def _part(self, piece: TagPiece, breaks: Numbers, is_own: Numbers, number: int) -> None:
        """Pictures with a tag that holds the separator, one by one."""
        rules = self._rules[number]
        assert rules.parted is not None
        rows = np.unique(np.searchsorted(breaks, np.flatnonzero(rules.parted.take(piece.values))))
        for row in rows[is_own[rows]].tolist():
            first = int(breaks[row - 1]) + 1 if row else 0
            tags = piece.values[first : int(breaks[row])].tolist()
            names = [self._codes.names[tag] for tag in tags]
            parts = split_caption(names, "", rules.rules)
            words = (*parts.head, *parts.middle, *parts.tail)
            signs = "".join(sign(self._codes.numbers[word]) for word in words).encode()
            self._found.special[self._rows + row] = Special(signs, len(parts.head), len(parts.tail))
            self._uses[number][[tag for tag in tags if tag != rules.trigger]] -= 1
            self._say(number, set(words) - {rules.rules.trigger}, 1)

    def _say(self, subset: int, names: Iterable[str], count: int) -> None:
        more = self._more.setdefault(subset, {})
        for name in names:
            more[name] = more.get(name, 0) + count


def _rules_of(rules: CaptionRules, codes: TagCodes) -> _Rules:
    parted: NDArray[np.bool_] | None = None
    if rules.keep_separator:
        parted = np.zeros(len(codes.code), bool)
        parted[[tag for tag, name in codes.names.items() if rules.keep_separator in name]] = True
    trigger = next((tag for tag, name in codes.names.items() if name == rules.trigger), 0)
    return _Rules(rules, trigger, parted if parted is not None and parted.any() else None)
