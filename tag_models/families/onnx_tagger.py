"""ONNX taggers: WD14 v2 and v3, DeepDanbooru, and any other model of one probability a label.

Input size, layout and number type are read from the model; framing, channel order, range and activation are data of
the zoo. `selected_tags.csv` or another label file names the outputs (reference: the WD models' own demo).
"""

from __future__ import annotations

from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.tagging.job import Device, TaggingJob
from curator.contract.tagging.zoo import Activation, Kind, ModelRow
from curator.contract.text import visible
from tag_models.activation import activated
from tag_models.file_hash import sha256_of
from tag_models.labels import Labels, read_labels
from tag_models.model import Answers, Batch, Model
from tag_models.onnx_session import OnnxSession
from tag_models.pixels import Framing, Numbers

_LABEL_FILES = ("selected_tags.csv", "tags.csv", "tags.txt", "labels.json", "tags.json")
_SIDE = 448  # where a model takes any


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
        self._session = OnnxSession(file, device)
        self.device = self._session.device
        self.hash = sha256_of(file)
        shape = self._session.input
        self.batch_size = shape.batch
        self.side = shape.side or row.side or _SIDE
        self.frame = Framing(self.side, row.fit, row.pad, row.filter)
        self._numbers = Numbers(row.channels, row.divisor, row.mean, row.std, shape.channels_first)
        self._activation: Activation = row.activation
        self._output = _output_of(self._session, self.labels, file)

    def answer(self, batch: Batch) -> Answers:
        """Probabilities [n, labels]."""
        values = self._session.run(self._numbers(batch.pixels, self._session.input.kind), self._output)
        return Answers(values=activated(values.reshape(len(batch.pixels), -1), self._activation))


def _label_file(folder: Path, row: ModelRow) -> Path:
    for name in (row.labels,) if row.labels else _LABEL_FILES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"{visible(str(folder))} has no labels: {row.labels or ', '.join(_LABEL_FILES)}",
        "put the model's label file beside it",
    )


def _output_of(session: OnnxSession, labels: Labels, file: Path) -> str:
    """The output that has a number for each label: among several, the first that fits."""
    widths = {name: shape[-1] for name, shape in session.outputs.items() if shape}
    for name, width in widths.items():
        if width == len(labels.names) or not isinstance(width, int):
            return name
    raise UserError(
        f"{visible(file.name)} gives {', '.join(map(str, widths.values())) or 'no'} numbers an image, "
        f"its label file names {len(labels.names)}",
        "take both files from the same version of the model",
    )
