"""ONNX models of images: the session, the framing and the numbers that a row of the zoo and the model ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tag_models.activation import activated
from tag_models.onnx_session import OnnxSession
from tag_models.pixels import Framing, Numbers

if TYPE_CHECKING:
    from curator.contract.tagging.job import Device
    from curator.contract.tagging.zoo import Activation, ModelRow
    from tag_models.model import Batch, Floats

_SIDE = 448  # where a model takes any


class OnnxImages:
    """A model file, loaded: size, layout and number type are read from it, all else is the row's."""

    def __init__(self, file: Path, row: ModelRow, device: Device) -> None:
        """Load `file`.

        Raises:
            UserError: it is no model of images, or the device is not there.
        """
        self._session = OnnxSession(file, device)
        self._activation: Activation = row.activation
        shape = self._session.input
        self.device = self._session.device
        self.batch_size = shape.batch
        self.side = shape.side or row.side or _SIDE
        self.frame = Framing(self.side, row.fit, row.pad, row.filter)
        self._numbers = Numbers(row.channels, row.divisor, row.mean, row.std, shape.channels_first)

    @property
    def widths(self) -> dict[str, int | None]:
        """How many numbers an image each output gives; None where the model does not say."""
        last = {name: shape[-1] if shape else 1 for name, shape in self._session.outputs.items()}
        return {name: width if isinstance(width, int) else None for name, width in last.items()}

    def run(self, batch: Batch, output: str) -> Floats:
        """One output [n, width], as probabilities."""
        values = self._session.run(self._numbers(batch.pixels, self._session.input.kind), output)
        return activated(values.reshape(len(batch.pixels), -1), self._activation)
