"""A whole model written as a diffusers folder: parts in one precision, pruned of all that is no part of it.

Text encoders are written with `text_model.` before their names: transformers before 5.6 reads a folder without it as a
random encoder, and says so in a warning at most.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTokenizer

from curator.contract.caption.clip_tokens import CLIP_VOCAB
from train.families.family import Family
from train.families.load import pipeline_of
from train.families.rows import FAMILIES
from train.weights.lora_file import DTYPES, Stored

_PART = "diffusion_pytorch_model.safetensors"
_TEXT = "model.safetensors"
_TEXT_MODEL, _PROJECTION = "text_model.", "text_projection."


def write_model_folder(folder: Path, family: Family, metadata: Mapping[str, str], stored: Stored) -> Path:
    """Write the model into `folder`, which is there; the file of its UNet, which carries the metadata."""
    pipeline = pipeline_of(family)
    pipeline.save_config(folder)
    dtype = DTYPES[stored]
    for name in ("unet", "vae"):
        part = getattr(pipeline, name)
        part.save_config(folder / name)
        about = {"format": "pt", **(metadata if name == "unet" else {})}
        save_file(_tensors(part, dtype), folder / name / _PART, about)
    for part in FAMILIES[family.name].text:
        encoder = getattr(pipeline, part.folder)
        encoder.config.save_pretrained(folder / part.folder)
        save_file(_text_tensors(encoder, dtype), folder / part.folder / _TEXT, {"format": "pt"})
        _save_tokenizer(getattr(pipeline, part.tokenizer_folder), folder / part.tokenizer_folder)
    pipeline.scheduler.save_config(folder / "scheduler")
    return folder / "unet" / _PART


def _save_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """transformers 4 reads none of what 5 writes: CLIP's own vocabulary lies beside it."""
    tokenizer.save_pretrained(str(folder))
    own = json.loads((CLIP_VOCAB / "vocab.json").read_text("utf-8"))
    if tokenizer.get_vocab() == own:
        for name in ("vocab.json", "merges.txt"):
            (folder / name).write_bytes((CLIP_VOCAB / name).read_bytes())


def _tensors(part: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The part's numbers as `dtype`; what are no fractions as they are."""
    return {
        name: (tensor.detach().to("cpu", dtype) if tensor.is_floating_point() else tensor.cpu()).contiguous()
        for name, tensor in part.state_dict().items()
    }


def _text_tensors(encoder: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    starts = (_TEXT_MODEL, _PROJECTION)
    return {
        name if name.startswith(starts) else _TEXT_MODEL + name: tensor
        for name, tensor in _tensors(encoder, dtype).items()
    }
