"""A segment: answers of one model for up to 16,384 images, label by label, in one file that never changes.

A line of JSON, padded so that what follows is aligned, then arrays one after another. Of labels that are never left out
(ratings) `whole` has a value for each image. Of each other label the images are kept as distances from one to the next,
and the float32 bits of its values, less the least of them, as the upper 16 bits and as one bit plane for each bit
below: some 4.7 bytes a value, and nothing is lost, so that `value > threshold` is decided as the model's own float32
would.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.contract.files.json_data import object_of
from curator.contract.files.regular_file import open_regular
from curator.contract.files.whole_files import drafted_file
from curator.proposals.answers import Answers

MOST_IMAGES = 1 << 14
_FORMAT = "frieze proposals 1"
_UPPER_BITS = 16
_ALIGNMENT = 8
_MARK = 0x80
_TYPES = {
    "contents": "<u8", "whole": "<f4", "whole_labels": "<u4", "labels": "<u4", "counts": "<u2", "lengths": "<u4",
    "upper": "<u2", "lower": "u1", "distances": "u1", "texts": "u1",
}  # fmt: skip
Array = NDArray[Any]


def write_segment(
    path: Path, answers: Answers, whole_labels: Sequence[int] = (), replaces: tuple[str, ...] = ()
) -> None:
    """Write answers of at most `MOST_IMAGES` images; the file takes the place of those that it `replaces`.

    Raises:
        OSError: it cannot be written.
        ValueError: too many images, an image twice, or a value that is no number from 0 up.
    """
    _refuse(answers)
    answers = answers.taken(np.argsort(answers.contents, kind="stable"))
    slots = np.repeat(np.arange(len(answers)), answers.counts)
    order = np.lexsort((slots, answers.labels))
    labels, slots, values = answers.labels[order], slots[order], answers.values[order]
    whole = np.full((len(whole_labels), len(answers)), np.nan, np.float32)
    for row, label in zip(whole, whole_labels, strict=True):
        row[slots[labels == label]] = values[labels == label]
    rest = ~np.isin(labels, whole_labels)
    upper, lower, base, planes = _coded(values[rest])
    kept, counts = np.unique(labels[rest], return_counts=True)
    arrays = {
        "contents": answers.contents,
        "whole": whole.reshape(-1),
        "whole_labels": np.array(whole_labels),
        "labels": kept,
        "counts": counts,
        "lengths": np.array([len(text) for text in answers.texts]),
        "upper": upper,
        "lower": lower,
        "distances": _distances(labels[rest], slots[rest]),
        "texts": np.frombuffer(b"".join(answers.texts), np.uint8),
    }
    pieces = {name: np.ascontiguousarray(array, _TYPES[name]) for name, array in arrays.items()}
    seal = hashlib.sha256()
    for piece in pieces.values():
        seal.update(piece.data)
    head = {
        "format": _FORMAT,
        "sizes": {name: len(piece) for name, piece in pieces.items()},
        "base": base,
        "planes": planes,
        "replaces": list(replaces),
        "seal": seal.hexdigest(),
    }
    line = json.dumps(head).encode()
    with drafted_file(path) as draft, draft.open("wb") as file:
        file.write(line + b" " * (-(len(line) + 1) % _ALIGNMENT) + b"\n")
        for piece in pieces.values():
            file.write(piece.data)


@dataclass(frozen=True)
class Segment:
    """One segment, mapped into memory. Images are meant by slot: their place in `contents`, which is sorted."""

    path: Path
    head: dict[str, Any]
    arrays: dict[str, Array]

    @classmethod
    def open(cls, path: Path) -> Segment:
        """The segment in a file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is damaged.
        """
        with open_regular(path) as file:
            line = file.readline(1 << 20)
            head = object_of(line)
            sizes = head.get("sizes")
            if head.get("format") != _FORMAT or not isinstance(sizes, dict) or set(sizes) != set(_TYPES):
                raise ValueError("it is no segment of proposals")
            wanted = sum(_count(sizes[name]) * np.dtype(kind).itemsize for name, kind in _TYPES.items())
            data = np.memmap(file, np.uint8, mode="r") if wanted else np.zeros(len(line), np.uint8)
        if len(data) != len(line) + wanted:
            raise ValueError("it holds more or less than it says")
        arrays: dict[str, Array] = {}
        at = len(line)
        for name, kind in _TYPES.items():
            end = at + sizes[name] * np.dtype(kind).itemsize
            arrays[name] = data[at:end].view(kind)
            at = end
        return cls(path, head, arrays)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def replaces(self) -> tuple[str, ...]:
        """Segments that this one took the place of; they may still lie there."""
        return tuple(self.head["replaces"])

    @property
    def contents(self) -> Array:
        """First 8 bytes of each image's sha256, sorted."""
        return self.arrays["contents"]

    @property
    def labels(self) -> Array:
        """The labels that images have, sorted, whole ones aside; `counts` says how many values each has."""
        return self.arrays["labels"]

    @property
    def whole_labels(self) -> Array:
        """The labels that are never left out."""
        return self.arrays["whole_labels"]

    @property
    def whole(self) -> Array:
        """Their values: (labels, images), float32; NaN where a model said none."""
        return self.arrays["whole"].reshape(len(self.whole_labels), len(self.contents))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where the values of each label begin, and the end of all."""
        return np.concatenate([[0], np.cumsum(self.arrays["counts"], dtype=np.int64)])

    @property
    def values_count(self) -> int:
        """How many values there are, those of whole labels aside."""
        return len(self.arrays["upper"])

    @cached_property
    def slots(self) -> NDArray[np.int32]:
        """The image of each value."""
        slots = np.cumsum(_read_distances(self.arrays["distances"]), dtype=np.int64)
        before = np.concatenate([[0], slots[self.starts[1:-1] - 1]])[: len(self.labels)]
        return (slots - np.repeat(before, self.arrays["counts"])).astype(np.int32)

    def values(self, start: int = 0, end: int | None = None) -> NDArray[np.float32]:
        """The values from `start` to `end`, exactly as the model gave them."""
        places = slice(start, end)
        bits = self.arrays["upper"][places].astype(np.uint32) << self.head["planes"]
        bits |= self._lower(np.arange(*places.indices(self.values_count)))
        return (bits + np.uint32(self.head["base"])).view(np.float32)

    def above(self, thresholds: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Of each value whether it is strictly greater than the threshold of its label (one for each of `labels`)."""
        mask = np.empty(self.values_count, np.bool_)
        changes = np.flatnonzero(thresholds[1:] != thresholds[:-1]) + 1  # neighbours mostly share one
        edges = [0, *changes.tolist(), len(thresholds)]
        for first, last in itertools.pairwise(edges):
            if first < last:
                span = slice(int(self.starts[first]), int(self.starts[last]))
                mask[span] = self._above(span, thresholds[first])
        return mask

    def _above(self, span: slice, threshold: np.float32) -> NDArray[np.bool_] | bool:
        planes = self.head["planes"]
        wanted = int(np.float32(max(threshold, 0)).view(np.uint32)) - int(self.head["base"])
        if wanted < 0:
            return bool(threshold == threshold)  # noqa: PLR0124 - nothing is above NaN
        limit = wanted >> planes
        if limit >= 1 << _UPPER_BITS:
            return False
        upper = self.arrays["upper"][span]
        mask = upper > np.uint16(limit)
        if planes:
            tied = np.flatnonzero(upper == np.uint16(limit))
            mask[tied] = self._lower(tied + span.start) > np.uint32(wanted & ((1 << planes) - 1))
        return mask

    def _lower(self, places: NDArray[np.int64]) -> NDArray[np.uint32]:
        planes = self.head["planes"]
        found = np.zeros(len(places), np.uint32)
        rows = self.arrays["lower"].reshape(planes, -1) if planes else ()
        for number, row in enumerate(rows):
            bit = row[places >> 3] >> (7 - (places & 7)).astype(np.uint8) & 1
            found |= bit.astype(np.uint32) << np.uint32(number)
        return found

    def answers(self) -> Answers:
        """All of it, image by image; within one by label."""
        images = len(self.contents)
        row, slot = np.nonzero(~np.isnan(self.whole))
        labels = np.concatenate([self.whole_labels[row], np.repeat(self.labels, self.arrays["counts"])])
        slots = np.concatenate([slot, self.slots])
        values = np.concatenate([self.whole[row, slot], self.values()])
        order = np.lexsort((labels, slots))
        return Answers(
            np.array(self.contents, np.uint64),
            np.bincount(slots, minlength=images).astype(np.int64),
            labels[order].astype(np.uint32),
            values[order],
            self.texts,
        )

    @property
    def texts(self) -> tuple[bytes, ...]:
        """The captions, one an image; none where the model writes none."""
        ends = np.cumsum(self.arrays["lengths"], dtype=np.int64).tolist()
        data = self.arrays["texts"].tobytes()
        return tuple(data[start:end] for start, end in zip([0, *ends], ends, strict=False))

    def check(self) -> str | None:
        """What is wrong with its bytes, or None."""
        seal = hashlib.sha256()
        for name in _TYPES:
            seal.update(np.ascontiguousarray(self.arrays[name]).data)
        return None if seal.hexdigest() == self.head.get("seal") else "it is not what was written"


def _refuse(answers: Answers) -> None:
    if len(answers) > MOST_IMAGES:
        raise ValueError(f"more than {MOST_IMAGES:,} images")
    if len(np.unique(answers.contents)) != len(answers):
        raise ValueError("an image twice")
    if not np.all(np.isfinite(answers.values)) or np.any(answers.values < 0):
        raise ValueError("a value that is no number from 0 up")


def _coded(values: NDArray[np.float32]) -> tuple[Array, Array, int, int]:
    """Upper bits and planes of lower bits, what was taken away from all, and how many planes there are."""
    bits = (values + np.float32(0)).view(np.uint32)  # -0.0 becomes 0.0
    base = int(bits.min()) if len(bits) else 0
    codes = bits - np.uint32(base)
    planes = max(0, int(codes.max()).bit_length() - _UPPER_BITS) if len(codes) else 0
    rows = [np.packbits((codes >> np.uint32(number) & 1).astype(np.bool_)) for number in range(planes)]
    lower = np.concatenate(rows) if rows else np.zeros(0, np.uint8)
    return (codes >> np.uint32(planes)).astype(np.uint16), lower, base, planes


def _distances(labels: Array, slots: Array) -> NDArray[np.uint8]:
    """From image to image of each label, the first from slot 0: 7 bits in a byte, and the upper 7 in a second one.

    The highest bit says that a second byte follows.
    """
    first = np.concatenate([[True], labels[1:] != labels[:-1]])[: len(slots)]
    steps = slots - np.where(first, 0, np.concatenate([[0], slots[:-1]])[: len(slots)])
    long = steps >= _MARK
    pairs = np.stack([steps & _MARK - 1 | np.where(long, _MARK, 0), steps >> 7], axis=1).astype(np.uint8)
    return pairs[np.stack([np.ones(len(steps), np.bool_), long], axis=1)]


def _read_distances(data: NDArray[np.uint8]) -> NDArray[np.int32]:
    long = data >= _MARK
    second = np.concatenate([[False], long[:-1]])[: len(data)]
    steps = (data[~second] & _MARK - 1).astype(np.int32)
    steps[long[~second]] += data[second].astype(np.int32) << 7
    return steps


def _count(size: object) -> int:
    if type(size) is not int or size < 0:
        raise ValueError("it does not say how long its arrays are")
    return size
