"""Answers gathered into parts: probabilities above the floor, and all ratings, by image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.contract.tagging.part import Part
from tag_models.labels import RATING, Labels

if TYPE_CHECKING:
    from curator.contract.tagging.job import ImageEntry
    from curator.contract.tagging.zoo import Kind
    from tag_models.model import Answers, Floats


def kept_values(
    values: Floats, labels: Labels, kind: Kind, floor: float
) -> Iterator[tuple[NDArray[np.uint32], Floats]]:
    """Of each image's values [n, labels] those worth keeping: numbers of labels, and their values.

    Of ratings the highest counts, be it below the floor; a score is kept whatever it is.
    """
    always = np.array([kind == "score" or each == RATING for each in labels.classes], bool)
    kept = (values > np.float32(floor)) | always
    for row, keep in zip(values, kept, strict=True):
        (numbers,) = np.nonzero(keep)
        yield numbers.astype(np.uint32), row[numbers].astype(np.float32)


class Gathered:
    """Answers that are not in a part yet."""

    def __init__(self, labels: Labels, kind: Kind, floor: float) -> None:
        self._labels, self._kind, self._floor = labels, kind, floor
        self._images: list[ImageEntry] = []
        self._rows: list[tuple[NDArray[np.uint32], Floats]] = []
        self._texts: list[bytes] = []

    def __len__(self) -> int:
        return len(self._images)

    def add(self, images: Sequence[ImageEntry], answers: Answers) -> None:
        """Answers of as many images."""
        self._images += images
        if answers.texts is not None:
            self._texts += [text.encode("utf-8", "replace") for text in answers.texts]
        if answers.values is not None:
            self._rows += kept_values(answers.values, self._labels, self._kind, self._floor)

    def part(self) -> Part:
        """All of it as a part, and begin anew."""
        images, rows, texts = self._images, self._rows, self._texts
        self._images, self._rows, self._texts = [], [], []
        counts = [len(numbers) for numbers, _ in rows] or [0] * len(images)
        return Part(
            len(images),
            numbers=np.array([each.number for each in images], "<u4").tobytes(),
            sha256=b"".join(bytes.fromhex(each.sha256) for each in images),
            counts=np.array(counts, "<u4").tobytes(),
            labels=b"".join(numbers.astype("<u4").tobytes() for numbers, _ in rows),
            values=b"".join(values.astype("<f4").tobytes() for _, values in rows),
            lengths=np.array([len(text) for text in texts], "<u4").tobytes(),
            texts=b"".join(texts),
        )
