"""ONNX taggers: WD14 v2 and v3, DeepDanbooru, and any other model of one probability a label.

Input size, layout and number type are read from the model; framing, channel order, range and activation are data of
the zoo. `selected_tags.csv` or another label file names the outputs (reference: the WD models' own demo).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from tag_models.labels import read_labels
from tag_models.model import Answers, Batch, Model
from tag_models.onnx_images import OnnxImages

if TYPE_CHECKING:
    from curator.contract.tagging.job import Device, TaggingJob
    from curator.contract.tagging.zoo import Kind, ModelRow

_LABEL_FILES = ("selected_tags.csv", "tags.csv", "tags.txt", "labels.json", "tags.json")


def load(job: TaggingJob) -> Model:
    """The tagger in the job's folder; see `OnnxTagger`."""
    return OnnxTagger(Path(job.folder), job.row, job.device)


class OnnxTagger:
    """A tagger with its labels, loaded."""

    kind: Kind = "tags"

    def __init__(self, folder: Path, row: ModelRow, device: Device) -> None:
        """Load the model in `folder`.

        Raises:
            UserError: a file is missing, is something else, or the labels are not the model's.
        """
        file = folder / row.weights
        self.labels = read_labels(_label_file(folder, row))
        self._model = OnnxImages(file, row, device)
        self.device, self.batch_size = self._model.device, self._model.batch_size
        self.side, self.frame = self._model.side, self._model.frame
        self._output = _output_of(self._model.widths, len(self.labels.names), file)

    def answer(self, batch: Batch) -> Answers:
        """Probabilities [n, labels]."""
        return Answers(values=self._model.run(batch, self._output))


def _label_file(folder: Path, row: ModelRow) -> Path:
    for name in (row.labels,) if row.labels else _LABEL_FILES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"{folder} has no labels: {row.labels or ', '.join(_LABEL_FILES)}",
        "put the model's label file beside it",
    )


def _output_of(widths: dict[str, int | None], labels: int, file: Path) -> str:
    """The output that has a number for each label: among several, the first that fits."""
    for name, width in widths.items():
        if width in (labels, None):
            return name
    raise UserError(
        f"{file.name} gives {', '.join(map(str, widths.values())) or 'no'} numbers an image, "
        f"its label file names {labels}",
        "take both files from the same version of the model",
    )
