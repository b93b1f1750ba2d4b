"""Answers of a tag model in memory: per image its content and the labels it was given, image by image.

`contents` are the first 8 bytes of each image's sha256 as a big-endian number, as in the index's column of that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from curator.contract.tagging.part import Part

_HASH_WORDS = 4  # of 8 bytes


@dataclass(frozen=True)
class Answers:
    """`contents` u64 and `counts` of n images; `labels` u32 and `values` float32 of all of them, in turn.

    `texts` are the captions of a captioner, one an image, or none.
    """

    contents: NDArray[np.uint64]
    counts: NDArray[np.int64]
    labels: NDArray[np.uint32]
    values: NDArray[np.float32]
    texts: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        return len(self.contents)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the values of each image begin."""
        return np.cumsum(self.counts) - self.counts

    def taken(self, rows: NDArray[np.int64]) -> Answers:
        """The answers of some images, in the order asked."""
        counts = self.counts[rows]
        first = np.cumsum(counts) - counts
        places = np.arange(int(counts.sum())) + np.repeat(self.starts[rows] - first, counts)
        texts = tuple(self.texts[row] for row in rows.tolist()) if self.texts else ()
        return Answers(self.contents[rows], counts, self.labels[places], self.values[places], texts)


def joined(many: Sequence[Answers]) -> Answers:
    """Several after one another."""
    return Answers(
        np.concatenate([each.contents for each in many]),
        np.concatenate([each.counts for each in many]),
        np.concatenate([each.labels for each in many]),
        np.concatenate([each.values for each in many]),
        tuple(text for each in many for text in each.texts),
    )


def answers_of(part: Part) -> Answers:
    """What a part of a job holds."""
    lengths = np.frombuffer(part.lengths, "<u4").astype(np.int64)
    ends = np.cumsum(lengths)
    spans = zip((ends - lengths).tolist(), ends.tolist(), strict=True)
    return Answers(
        contents_of(part.sha256),
        np.frombuffer(part.counts, "<u4").astype(np.int64),
        np.frombuffer(part.labels, "<u4").astype(np.uint32),
        np.frombuffer(part.values, "<f4").astype(np.float32),
        tuple(part.texts[start:end] for start, end in spans),
    )


def contents_of(sha256: bytes) -> NDArray[np.uint64]:
    """The contents that hashes of 32 bytes, one after another, stand for."""
    words = np.frombuffer(sha256, ">u8").reshape(-1, _HASH_WORDS)
    return words[:, 0].astype(np.uint64)
