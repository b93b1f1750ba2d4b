"""What a base model says of itself: its family, its prediction, its text layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.contract.base_model.content import content_of
from curator.contract.base_model.family import Shapes, family_of_folder, family_of_tensors, read_json
from curator.contract.base_model.prediction import Said, said_by_file, said_by_scheduler
from curator.contract.base_model.safetensors_header import read_header
from curator.contract.errors import UserError

_LAYER = re.compile(r"cond_stage_model\..*?\.(?:layers|resblocks)\.(\d+)\.")
VAE_PREFIX = "first_stage_model."


@dataclass(frozen=True)
class BaseModelFacts:
    """`kind` is a family's name, or in words what else the model is. `text_layers` are those that can be asked for."""

    kind: str
    said: Said
    text_layers: int | None
    has_vae: bool


def facts_at(path: Path) -> BaseModelFacts | None:
    """What a folder or a safetensors file says; None for a pickle, which only PyTorch can open.

    Raises:
        UserError: there is no model, or a damaged one.
    """
    if path.is_dir():
        return facts_of_folder(path)
    try:
        if content_of(path) == "pickle":
            return None
        header = read_header(path)
    except OSError as error:
        raise UserError(
            f"the model at {path} cannot be read: {error.strerror}", "look at its rights"
        ) from error
    return facts_of_file({name: each.shape for name, each in header.tensors.items()}, header.metadata)


def facts_of_folder(folder: Path) -> BaseModelFacts:
    """What the configuration of a diffusers folder says.

    Raises:
        UserError: it is no whole folder.
    """
    kind = family_of_folder(folder)
    scheduler = folder / "scheduler" / "scheduler_config.json"
    said = said_by_scheduler(read_json(scheduler)) if scheduler.exists() else Said(None, where="")
    text = folder / "text_encoder" / "config.json"
    layers = _count(read_json(text)) if text.exists() else None
    return BaseModelFacts(kind, said, layers, has_vae=(folder / "vae" / "config.json").exists())


def facts_of_file(shapes: Shapes, metadata: Mapping[str, str]) -> BaseModelFacts:
    """What the tensors of a single file say."""
    kind = family_of_tensors(shapes)
    layers = {int(found[1]) for name in shapes if (found := _LAYER.match(name))}
    unread = 1 if kind == "sd2" else 0  # its last layer
    return BaseModelFacts(
        kind,
        said_by_file(shapes, metadata),
        text_layers=max(layers) + 1 - unread if layers else None,
        has_vae=any(name.startswith(VAE_PREFIX) for name in shapes),
    )


def _count(config: Mapping[str, Any]) -> int | None:
    layers = config.get("num_hidden_layers")
    return layers if isinstance(layers, int) else None
