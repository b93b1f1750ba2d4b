"""Text encoders of each family: their folders in a diffusers model, and where and how a single file keeps them."""

from __future__ import annotations

from typing import Literal, NamedTuple


class TextPlace(NamedTuple):
    """One text encoder. `style`: the names within are those of transformers, or OpenCLIP's."""

    folder: str
    prefix: str
    style: Literal["clip", "open_clip"]


TEXT_PLACES: dict[str, tuple[TextPlace, ...]] = {
    "sd1": (TextPlace("text_encoder", "cond_stage_model.transformer.", "clip"),),
    "sd2": (TextPlace("text_encoder", "cond_stage_model.model.", "open_clip"),),
    "sdxl": (
        TextPlace("text_encoder", "conditioner.embedders.0.transformer.", "clip"),
        TextPlace("text_encoder_2", "conditioner.embedders.1.model.", "open_clip"),
    ),
}
