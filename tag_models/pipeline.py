"""Images through a model: decoded in processes, framed into batches, answered while the next batch is decoded.

At most two batches are on their way to the model, so memory does not grow with the number of images.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tag_models.batches import ShrinkingBatches, Told
from tag_models.decoding import Decoded, DecodePool
from tag_models.model import Answers, Batch, Model

if TYPE_CHECKING:
    from curator.contract.tagging.job import ImageEntry

_IN_FLIGHT = 2


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
        self._batches = ShrinkingBatches(model, batch_size, told)

    def looked(self, images: Iterable[ImageEntry]) -> Iterator[Looked]:
        """Answers for all images, batch by batch, as they get ready.

        Raises:
            UserError: not even one image fits on the device.
        """
        slots = self._batches.size + 2 * self._processes + 1
        flying: deque[tuple[list[ImageEntry], Future[Answers]]] = deque()
        with (
            DecodePool(self._model.frame, self._side, self._processes, slots) as pool,
            ThreadPoolExecutor(1) as thread,
        ):
            for good, bad in self._decoded(pool, images):
                if bad:
                    yield Looked([], None, bad)
                if good:
                    batch = Batch(pool.pixels[[each.slot for each in good]], [each.size for each in good])
                    pool.release(each.slot for each in good)
                    flying.append(
                        ([each.image for each in good], thread.submit(self._batches.answers, batch))
                    )
                if len(flying) >= _IN_FLIGHT:
                    yield self._landed(flying)
            while flying:
                yield self._landed(flying)

    def _decoded(
        self, pool: DecodePool, images: Iterable[ImageEntry]
    ) -> Iterator[tuple[list[Decoded], list[tuple[ImageEntry, str]]]]:
        good: list[Decoded] = []
        for decoded in pool.decoded(images):
            if decoded.problem is not None:
                pool.release([decoded.slot])
                yield [], [(decoded.image, decoded.problem)]
                continue
            good.append(decoded)
            if len(good) >= self._batches.size:
                yield good, []
                good = []
        if good:
            yield good, []

    @staticmethod
    def _landed(flying: deque[tuple[list[ImageEntry], Future[Answers]]]) -> Looked:
        images, answers = flying.popleft()
        return Looked(images, answers.result(), [])
