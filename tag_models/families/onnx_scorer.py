"""ONNX scorers: one number an image, or classes whose weighted mean is the score (deepghs, skytnt)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from curator.contract.errors import UserError
from curator.contract.tagging.job import Device, TaggingJob
from curator.contract.tagging.zoo import Kind, ModelRow
from curator.contract.text import visible
from tag_models.activation import activated
from tag_models.file_hash import sha256_of
from tag_models.labels import Labels, read_labels
from tag_models.model import Answers, Batch, Model
from tag_models.onnx_session import OnnxSession
from tag_models.pixels import Framing, Numbers
from tag_models.scores import scored

_SIDE = 448  # where a model takes any


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
        self._session = OnnxSession(file, device)
        self.device = self._session.device
        self.hash = sha256_of(file)
        shape = self._session.input
        self.batch_size = shape.batch
        self.side = shape.side or row.side or _SIDE
        self.frame = Framing(self.side, row.fit, row.pad, row.filter)
        self._numbers = Numbers(row.channels, row.divisor, row.mean, row.std, shape.channels_first)
        self._row = row
        self._output, width = next(
            (name, axes[-1] if axes else 1) for name, axes in self._session.outputs.items()
        )
        if isinstance(width, int) and width != (len(own) or 1):
            raise UserError(
                f"{visible(file.name)} gives {width} numbers an image, where {len(own) or 1} are expected",
                "take all files from the same version of the model",
            )
        self._score = scored(own, row)
        self.labels = Labels(("score", *own), ("score",) * (1 + len(own)))

    def answer(self, batch: Batch) -> Answers:
        """[n, 1 + labels]: the score, then the probabilities it is made of, if any."""
        values = self._session.run(self._numbers(batch.pixels, self._session.input.kind), self._output)
        values = activated(values.reshape(len(batch.pixels), -1), self._row.activation)
        if len(self.labels.names) == 1:
            return Answers(values[:, :1])
        return Answers(np.concatenate([self._score(values), values], axis=1))
