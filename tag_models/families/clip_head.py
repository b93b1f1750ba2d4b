"""Heads over CLIP's image embedding: the LAION aesthetic predictors, a few linear layers over ViT-L/14.

The embedding is L2-normalised first. The head's shape is read from its weights, so any chain of linear layers loads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from curator.contract.tagging.zoo import ENCODER_FOLDER
from tag_models.families.image_classifier import preprocessing
from tag_models.labels import Labels
from tag_models.model import Answers, Batch, Model
from tag_models.torch_device import inference, loaded, on_device

if TYPE_CHECKING:
    from curator.contract.tagging.job import Device, TaggingJob
    from curator.contract.tagging.zoo import Kind, ModelRow


def load(job: TaggingJob) -> Model:
    """The head in the job's folder; see `ClipHead`."""
    return ClipHead(Path(job.folder), job.row, job.device)


class ClipHead:
    """A head and its encoder, loaded."""

    kind: Kind = "score"
    labels = Labels(("score",), ("score",))
    batch_size: int | None = None

    def __init__(self, folder: Path, row: ModelRow, device: Device) -> None:
        """Load the head in `folder` and the CLIP model in its folder `encoder`.

        Raises:
            UserError: a file is missing or something else, or the head is made for another encoder.
        """
        self._device = on_device(device)
        self.device = self._device.type
        self._encoder: Any = (
            loaded("CLIPVisionModelWithProjection", folder / ENCODER_FOLDER).to(self._device).eval()
        )
        self._layers = [
            (w.to(self._device), b.to(self._device)) for w, b in _linear_layers(folder / row.weights)
        ]
        wanted, given = self._layers[0][0].shape[1], self._encoder.config.projection_dim
        if wanted != given:
            raise UserError(
                f"the head reads embeddings of {wanted} numbers, the encoder makes {given}",
                f"put {row.encoder or 'the CLIP model it was made for'} into {ENCODER_FOLDER}/",
            )
        self.frame, self._numbers = preprocessing(folder / ENCODER_FOLDER / "preprocessor_config.json")
        self.side = self.frame.side

    def answer(self, batch: Batch) -> Answers:
        """[n, 1]: the score."""
        with inference(self._device) as tensor:
            made = self._encoder(pixel_values=tensor(self._numbers(batch.pixels))).image_embeds.float()
            made = made / made.norm(dim=-1, keepdim=True)
            for weight, bias in self._layers:
                made = made @ weight.T + bias
            return Answers(made.cpu().numpy())


def _linear_layers(file: Path) -> list[tuple[Any, Any]]:
    """(weight, bias) in order: the predictor has no activation between its layers."""
    import torch  # noqa: PLC0415

    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415

            state = load_file(str(file))
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
        names = sorted((name[: -len(".weight")] for name in state if name.endswith(".weight")), key=_number)
        layers = [(state[f"{name}.weight"].float(), state[f"{name}.bias"].float()) for name in names]
        if not layers or layers[-1][0].shape[0] != 1:
            raise ValueError("its last layer gives no single number")
    except Exception as error:
        raise UserError(
            f"{file} is no head of linear layers: {str(error)[:200]}",
            "fetch the model again",
        ) from error
    return layers


def _number(name: str) -> int:
    return int("".join(sign for sign in name if sign.isdigit()) or 0)
