"""Image classifiers of transformers as scorers: cafe_aesthetic and its kin (BEiT), or any other by its `config.json`.

The score is the probability of one label, found by its name in `id2label`, never by its place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curator.contract.errors import UserError
from tag_models.activation import activated
from tag_models.labels import Labels
from tag_models.model import Answers, Batch, Model
from tag_models.pixels import Framing, Numbers
from tag_models.scores import scored
from tag_models.torch_device import inference, loaded, on_device

if TYPE_CHECKING:
    from curator.contract.tagging.job import Device, TaggingJob
    from curator.contract.tagging.zoo import Filter, Kind, ModelRow

_FILTERS: dict[int, Filter] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "area",
}  # Pillow's numbers


def load(job: TaggingJob) -> Model:
    """The classifier in the job's folder; see `ImageClassifier`."""
    return ImageClassifier(Path(job.folder), job.row, job.device)


class ImageClassifier:
    """A classifier, loaded. Its first label is the score itself."""

    kind: Kind = "score"
    batch_size: int | None = None

    def __init__(self, folder: Path, row: ModelRow, device: Device) -> None:
        """Load the model in `folder`.

        Raises:
            UserError: a file is missing or something else, transformers is not installed, the device is not there.
        """
        self._device = on_device(device)
        self.device = self._device.type
        self._model: Any = loaded("AutoModelForImageClassification", folder).to(self._device).eval()
        own = tuple(str(name) for _, name in sorted(self._model.config.id2label.items()))
        self._score = scored(own, row)
        self.labels = Labels(("score", *own), ("score",) * (1 + len(own)))
        self.frame, self._numbers = preprocessing(folder / "preprocessor_config.json")
        self.side = self.frame.side

    def answer(self, batch: Batch) -> Answers:
        """[n, 1 + labels]: the score, then the probability of each label."""
        with inference(self._device) as tensor:
            logits = (
                self._model(pixel_values=tensor(self._numbers(batch.pixels))).logits.float().cpu().numpy()
            )
        values = activated(logits, "softmax")
        return Answers(np.concatenate([self._score(values), values], axis=1))


def preprocessing(file: Path) -> tuple[Framing, Numbers]:
    """What a `preprocessor_config.json` says: every image is stretched to a square, or cut out of its middle.

    Raises:
        UserError: it is missing, or asks for something else.
    """
    try:
        about = json.loads(file.read_text("utf-8"))
        size, cut = about["size"], about.get("crop_size")
        side = _side(size if cut is None or not about.get("do_center_crop") else cut)
        fit = "crop" if about.get("do_center_crop") else "stretch"
        scale = about.get("rescale_factor", 1 / 255) if about.get("do_rescale", True) else 1.0
        is_normal = about.get("do_normalize", True)
        mean = tuple(map(float, about["image_mean"])) if is_normal else (0.0, 0.0, 0.0)
        std = tuple(map(float, about["image_std"])) if is_normal else (1.0, 1.0, 1.0)
        framing = Framing(side, fit, filter=_FILTERS[about.get("resample", 2)])
        return framing, Numbers("RGB", 1 / scale, mean, std, channels_first=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise UserError(
            f"{file} does not say how images are prepared ({type(error).__name__})",
            "fetch the model again",
        ) from error


def _side(size: Any) -> int:
    if isinstance(size, dict):
        return int(size.get("shortest_edge") or size["height"])
    return int(size[0] if isinstance(size, list) else size)
