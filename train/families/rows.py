"""The families that can be trained: one row each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from train.families.clip_text import clip_tokenizer
from train.families.sd1 import Sd1
from train.families.sd2 import Sd2
from train.families.sdxl import Sdxl
from train.weights.text_places import TEXT_PLACES

if TYPE_CHECKING:
    from train.families.base import StableDiffusion

_TextKind = type[CLIPTextModel] | type[CLIPTextModelWithProjection]
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class TextPart:
    """One text encoder: its folder in a diffusers model, and where and how a single file keeps it."""

    folder: str
    kind: _TextKind
    prefix: str
    style: Literal["clip", "open_clip"]
    pad_token: str

    @property
    def title(self) -> str:
        """What messages call it."""
        return "second text encoder" if self.folder.endswith("_2") else "text encoder"

    @property
    def tokenizer_folder(self) -> str:
        return self.folder.replace("text_encoder", "tokenizer")

    def shipped_tokenizer(self) -> CLIPTokenizer:
        """CLIP's own vocabulary, padded as this encoder learnt it."""
        return clip_tokenizer(self.pad_token)


@dataclass(frozen=True)
class FamilyRow:
    """One family. `config` is a diffusers folder without weights: the sizes of its standard model."""

    name: str
    title: str
    make: type[StableDiffusion]
    config: Path
    pipeline: Any
    pipeline_options: dict[str, Any]
    text: tuple[TextPart, ...]


_END, _BANG = "<|endoftext|>", "!"


def _text(family: str, number: int, kind: _TextKind, pad_token: str) -> TextPart:
    place = TEXT_PLACES[family][number]
    return TextPart(place.folder, kind, place.prefix, place.style, pad_token)


_ONE_ENCODER = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}

_ROWS = (
    FamilyRow(
        name="sd1",
        title="Stable Diffusion 1.x",
        make=Sd1,
        config=_HERE / "sd1_config",
        pipeline=StableDiffusionPipeline,
        pipeline_options=_ONE_ENCODER,
        text=(_text("sd1", 0, CLIPTextModel, _END),),
    ),
    FamilyRow(
        name="sd2",
        title="Stable Diffusion 2.x",
        make=Sd2,
        config=_HERE / "sd2_config",
        pipeline=StableDiffusionPipeline,
        pipeline_options=_ONE_ENCODER,
        text=(_text("sd2", 0, CLIPTextModel, _BANG),),
    ),
    FamilyRow(
        name="sdxl",
        title="Stable Diffusion XL",
        make=Sdxl,
        config=_HERE / "sdxl_config",
        pipeline=StableDiffusionXLPipeline,
        pipeline_options={"add_watermarker": False},
        text=(_text("sdxl", 0, CLIPTextModel, _END), _text("sdxl", 1, CLIPTextModelWithProjection, _BANG)),
    ),
)
FAMILIES = {row.name: row for row in _ROWS}
