"""BLIP captions through transformers: a text an image, by beam search or drawn by nucleus sampling (row S032).

What is drawn follows from the seed and the image's pixels alone: neither the batch nor the order it is in counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tag_models.families.image_classifier import preprocessing
from tag_models.labels import Labels
from tag_models.model import Answers, Batch, Model
from tag_models.torch_device import inference, loaded, on_device

if TYPE_CHECKING:
    from curator.contract.tagging.job import Captioning, Device, TaggingJob
    from curator.contract.tagging.zoo import Kind


def load(job: TaggingJob) -> Model:
    """The captioner in the job's folder; see `Blip`."""
    return Blip(Path(job.folder), job.captioning, job.device)


class Blip:
    """A captioner, loaded."""

    kind: Kind = "caption"
    labels = Labels((), ())
    batch_size: int | None = None

    def __init__(self, folder: Path, captioning: Captioning, device: Device) -> None:
        """Load the model in `folder`.

        Raises:
            UserError: a file is missing or something else, transformers is not installed, the device is not there.
        """
        self._how = captioning
        self._device = on_device(device)
        self.device = self._device.type
        self._model: Any = loaded("BlipForConditionalGeneration", folder).to(self._device).eval()
        self._tokenizer: Any = loaded("AutoTokenizer", folder)
        self.frame, self._numbers = preprocessing(folder / "preprocessor_config.json")
        self.side = self.frame.side

    def answer(self, batch: Batch) -> Answers:
        """A caption an image."""
        if self._how.top_p:  # each image draws from a generator of its own
            return Answers(texts=[self._written(batch.part(k, k + 1))[0] for k in range(len(batch.pixels))])
        return Answers(texts=self._written(batch))

    def _written(self, batch: Batch) -> list[str]:
        how = self._how
        draws = (
            {"do_sample": True, "top_p": how.top_p, "num_beams": 1} if how.top_p else {"num_beams": how.beams}
        )
        with inference(self._device) as tensor:
            if how.top_p:
                import torch  # noqa: PLC0415

                torch.manual_seed(how.seed)
            given: dict[str, Any] = {}
            if how.prompt:
                given = dict(
                    self._tokenizer([how.prompt] * len(batch.pixels), return_tensors="pt").to(self._device)
                )
            made = self._model.generate(
                pixel_values=tensor(self._numbers(batch.pixels)),
                max_length=how.max_length,
                min_length=how.min_length,
                **draws,
                **given,
            )
        return [text.strip() for text in self._tokenizer.batch_decode(made, skip_special_tokens=True)]
