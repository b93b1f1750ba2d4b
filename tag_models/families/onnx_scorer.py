"""ONNX scorers: one number an image, or classes whose weighted mean is the score (deepghs, skytnt)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from curator.contract.errors import UserError
from tag_models.labels import Labels, read_labels
from tag_models.model import Answers, Batch, Model
from tag_models.onnx_images import OnnxImages
from tag_models.scores import scored

if TYPE_CHECKING:
    from curator.contract.tagging.job import Device, TaggingJob
    from curator.contract.tagging.zoo import Kind, ModelRow


def load(job: TaggingJob) -> Model:
    """The scorer in the job's folder; see `OnnxScorer`."""
    return OnnxScorer(Path(job.folder), job.row, job.device)


class OnnxScorer:
    """A scorer, loaded. Its first label is the score itself."""

    kind: Kind = "score"

    def __init__(self, folder: Path, row: ModelRow, device: Device) -> None:
        """Load the model in `folder`.

        Raises:
            UserError: a file is missing or something else, or the labels are not the model's.
        """
        file = folder / row.weights
        own = read_labels(folder / row.labels).names if row.labels else ()
        self._model = OnnxImages(file, row, device)
        self.device, self.batch_size = self._model.device, self._model.batch_size
        self.side, self.frame = self._model.side, self._model.frame
        self._output, width = next(iter(self._model.widths.items()))
        if width not in (len(own) or 1, None):
            raise UserError(
                f"{file.name} gives {width} numbers an image, where {len(own) or 1} are expected",
                "take all files from the same version of the model",
            )
        self._score = scored(own, row)
        self.labels = Labels(("score", *own), ("score",) * (1 + len(own)))

    def answer(self, batch: Batch) -> Answers:
        """[n, 1 + labels]: the score, then the probabilities it is made of, if any."""
        values = self._model.run(batch, self._output)
        if len(self.labels.names) == 1:
            return Answers(values[:, :1])
        return Answers(np.concatenate([self._score(values), values], axis=1))
