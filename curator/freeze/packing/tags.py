"""Caption parts of millions of images at once: `contract.captions.split_caption` in numpy.

Tags are renamed and joined by numpy without a Python step per image. Images with a tag that holds their subset's
separator go through `split_caption` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curator.contract.caption.captions import CaptionRules, split_caption
from curator.contract.manifest.signs import encode_numbers
from curator.freeze.packing.pieces import PieceJoiner, Pieces

if TYPE_CHECKING:
    from curator.freeze.packing.tag_codes import TagCodes

Numbers = NDArray[Any]


@dataclass(frozen=True)
class PackedTags:
    """The tags of images in ascending order of their ids as signs in UTF-8, without their subsets' triggers.

    `heads` and `tails` count those that never move, from either end. `used` says, by subset, how many images have
    each tag of the manifest.
    """

    pieces: Pieces
    heads: Numbers
    tails: Numbers
    used: dict[int, Numbers]


class _SpecialTags(NamedTuple):
    """An image of a piece whose tags a separator parts: tags as signs, and how many are head and tail."""

    row: int
    signs: bytes
    head: int
    tail: int


@dataclass(frozen=True)
class _Rules:
    """What numpy needs to know of one subset's caption rules."""

    rules: CaptionRules
    trigger: int  # its id in the index, 0 where no image has it
    has_separator: NDArray[np.bool_] | None  # by id in the index: tags that hold the separator


class TagPacking:
    """Packs images piece by piece, ascending. `rules` are those of each subset; `subset_of` gives the subset of an
    image id."""

    def __init__(
        self, rules: Sequence[CaptionRules], codes: TagCodes, subset_of: Numbers, images: int
    ) -> None:
        self._codes = codes
        self._subset_of = subset_of
        self._rules = [_rules_of(each, codes) for each in rules]
        self._keep = np.array([each.keep_tags for each in rules])
        self._joiner = PieceJoiner(images)
        self._heads, self._tails = np.zeros(images, np.uint32), np.zeros(images, np.uint32)
        self._uses: dict[int, Numbers] = {}  # by subset, by id in the index
        self._more: dict[int, dict[str, int]] = {}  # of special images, by subset and name
        self._rows = 0

    def add(self, ids: Numbers, values: Numbers) -> None:
        """The next images; `values` are tag ids of the index in caption order, a 0 behind each image's."""
        subsets = self._subset_of[ids]
        codes = self._codes.code.take(values)
        breaks = np.flatnonzero(values == 0)
        present = np.unique(subsets).tolist()
        self._count(values, breaks, subsets, present)
        special: list[_SpecialTags] = []
        gone: list[Numbers] = []
        for number in present:
            rules = self._rules[number]
            if rules.has_separator is not None:
                special += self._special(values, breaks, subsets == number, number)
            if rules.trigger:
                own = np.flatnonzero(values == rules.trigger)
                gone.append(own[subsets[np.searchsorted(breaks, own)] == number])
        if any(map(len, gone)):
            codes = np.delete(codes, np.concatenate(gone))
            breaks = np.flatnonzero(codes == 0)
        text = codes.tobytes().decode("utf-32-le").encode()
        self._heads[self._rows : self._rows + len(breaks)] = np.minimum(
            np.diff(breaks, prepend=-1) - 1, self._keep[subsets]
        )
        self._joiner.add(self._with(special, text) if special else text)
        self._rows += len(breaks)

    def closed(self) -> PackedTags:
        """Everything, after the last piece."""
        used: dict[int, Numbers] = {}
        for subset, by_index in self._uses.items():
            uses = np.zeros(len(self._codes.classes), np.int64)
            tags = np.flatnonzero(by_index)
            uses[self._codes.number_of[tags]] = by_index[tags]
            for name, count in self._more.get(subset, {}).items():
                uses[self._codes.numbers[name]] += count
            used[subset] = uses
        return PackedTags(self._joiner.closed(), self._heads, self._tails, used)

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
                self._count_more(number, (rules.rules.trigger,), int(np.count_nonzero(subsets == number)))

    def _special(
        self, values: Numbers, breaks: Numbers, is_own: Numbers, number: int
    ) -> Iterator[_SpecialTags]:
        """Images with a tag that holds the separator, one by one."""
        rules = self._rules[number]
        assert rules.has_separator is not None
        leads = bool(rules.rules.trigger)
        rows = np.unique(np.searchsorted(breaks, np.flatnonzero(rules.has_separator.take(values))))
        for row in rows[is_own[rows]].tolist():
            first = int(breaks[row - 1]) + 1 if row else 0
            tags = values[first : int(breaks[row])].tolist()
            names = [self._codes.names[tag] for tag in tags]
            parts = split_caption(names, "", rules.rules)
            head = parts.head[leads:]
            words = (*head, *parts.middle, *parts.tail)
            text = encode_numbers(self._codes.numbers[word] for word in words).encode()
            self._uses[number][[tag for tag in tags if tag != rules.trigger]] -= 1
            self._count_more(number, set(words) - {rules.rules.trigger}, 1)
            yield _SpecialTags(row, text, len(head), len(parts.tail))

    def _with(self, special: Iterable[_SpecialTags], text: bytes) -> bytes:
        """The tags of a piece, where some images have others."""
        each = text.split(b"\0")
        for row, own, head, tail in special:
            each[row] = own
            self._heads[self._rows + row], self._tails[self._rows + row] = head, tail
        return b"\0".join(each)

    def _count_more(self, subset: int, names: Iterable[str], count: int) -> None:
        more = self._more.setdefault(subset, {})
        for name in names:
            more[name] = more.get(name, 0) + count


def _rules_of(rules: CaptionRules, codes: TagCodes) -> _Rules:
    has_separator: NDArray[np.bool_] | None = None
    if rules.keep_separator:
        has_separator = np.zeros(len(codes.code), bool)
        has_separator[[tag for tag, name in codes.names.items() if rules.keep_separator in name]] = True
    trigger = next((tag for tag, name in codes.names.items() if name == rules.trigger), 0)
    return _Rules(
        rules, trigger, has_separator if has_separator is not None and has_separator.any() else None
    )
