"""Images through a model: decoded in processes, framed into batches, answered while the next batch is decoded.

At most two batches are on their way to the model, so memory does not grow with the number of images.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from curator.contract.errors import UserError
from tag_models.decoding import Decoded, DecodePool
from tag_models.model import Answers, Batch, Model, OutOfMemoryError

if TYPE_CHECKING:
    from curator.contract.tagging.job import ImageEntry

_IN_FLIGHT = 2
Told = Callable[[str, str], None]  # what happened, what to do


class Looked(NamedTuple):
    """Images with their answers, and those that could not be decoded with the reason."""

    images: list[ImageEntry]
    answers: Answers | None
    bad: list[tuple[ImageEntry, str]]


class Pipeline:
    """A model fed by `processes` decoders in batches of `batch_size`, which shrinks where the device has no room."""

    def __init__(self, model: Model, side: int, batch_size: int, processes: int, told: Told) -> None:
        self._model = model
        self._side = side
        self._processes = processes
        self._told = told
        self.batch_size = model.batch_size or batch_size

    def looked(self, images: Iterable[ImageEntry]) -> Iterator[Looked]:
        """Answers for all images, batch by batch, as they get ready.

        Raises:
            UserError: not even one image fits on the device.
        """
        slots = self.batch_size + 2 * self._processes + 1
        flying: deque[tuple[list[ImageEntry], Future[Answers]]] = deque()
        with (
            DecodePool(self._model.frame, self._side, self._processes, slots) as pool,
            ThreadPoolExecutor(1) as thread,
        ):
            for good, bad in self._batches(pool, images):
                if bad:
                    yield Looked([], None, bad)
                if good:
                    batch = Batch(pool.pixels[[each.slot for each in good]], [each.size for each in good])
                    pool.release(each.slot for each in good)
                    flying.append(([each.image for each in good], thread.submit(self._answers, batch)))
                if len(flying) >= _IN_FLIGHT:
                    yield self._landed(flying)
            while flying:
                yield self._landed(flying)

    def _batches(
        self, pool: DecodePool, images: Iterable[ImageEntry]
    ) -> Iterator[tuple[list[Decoded], list[tuple[ImageEntry, str]]]]:
        good: list[Decoded] = []
        for decoded in pool.decoded(images):
            if decoded.problem is not None:
                pool.release([decoded.slot])
                yield [], [(decoded.image, decoded.problem)]
                continue
            good.append(decoded)
            if len(good) >= self.batch_size:
                yield good, []
                good = []
        if good:
            yield good, []

    @staticmethod
    def _landed(flying: deque[tuple[list[ImageEntry], Future[Answers]]]) -> Looked:
        images, answers = flying.popleft()
        return Looked(images, answers.result(), [])

    def _answers(self, batch: Batch) -> Answers:
        """Answers in as many calls as the device needs."""
        made: list[Answers] = []
        at = 0
        while at < len(batch.sizes):
            step = min(self.batch_size, len(batch.sizes) - at)
            try:
                made.append(self._model.answer(batch.part(at, at + step)))
                at += step
            except OutOfMemoryError as error:
                if step == 1:
                    raise UserError(
                        "the device has no room for a single image", "free its memory, or use --device cpu"
                    ) from error
                self.batch_size = step // 2
                self._told(
                    f"the device has no room for a batch of {step}",
                    f"going on with batches of {self.batch_size}",
                )
        return _joined(made)


def _joined(made: list[Answers]) -> Answers:
    if len(made) == 1:
        return made[0]
    values = [each.values for each in made if each.values is not None]
    texts = [text for each in made for text in each.texts or ()]
    return Answers(np.concatenate(values) if values else None, texts if not values else None)
