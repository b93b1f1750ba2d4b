"""Batches through a model: they shrink where the device has no room."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from curator.contract.errors import UserError
from tag_models.model import Answers, OutOfMemoryError

if TYPE_CHECKING:
    from tag_models.model import Batch, Model

Told = Callable[[str, str], None]  # what happened, what to do


class ShrinkingBatches:
    """A model asked `size` images at once, or as many as it takes."""

    def __init__(self, model: Model, size: int, told: Told) -> None:
        self._model = model
        self._told = told
        self.size = model.batch_size or size

    def answers(self, batch: Batch) -> Answers:
        """Answers for a batch of any length, in as many calls as the device needs.

        Raises:
            UserError: not even one image fits on the device.
        """
        made: list[Answers] = []
        at = 0
        while at < len(batch.sizes):
            step = min(self.size, len(batch.sizes) - at)
            try:
                made.append(self._model.answer(batch.part(at, at + step)))
                at += step
            except OutOfMemoryError as error:
                if step == 1:
                    raise UserError(
                        "the device has no room for a single image", "free its memory, or use --device cpu"
                    ) from error
                self.size = step // 2
                self._told(
                    f"the device has no room for a batch of {step}",
                    f"going on with batches of {self.size}",
                )
        return _joined(made)


def _joined(made: list[Answers]) -> Answers:
    if len(made) == 1:
        return made[0]
    values = [each.values for each in made if each.values is not None]
    texts = [text for each in made for text in each.texts or ()]
    return Answers(np.concatenate(values) if values else None, texts if not values else None)
