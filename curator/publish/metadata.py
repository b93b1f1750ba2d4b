"""Metadata of a published file: what it says already, with modelspec 1.0.1 completed (S090), thumbnail and trigger."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from curator.contract.base_model.file_hashes import hashes_of
from curator.contract.base_model.modelspec import single_file_spec
from curator.contract.errors import UserError
from curator.publish.card.front_matter import is_adapter, trigger_of

if TYPE_CHECKING:
    from curator.publish.card.samples import Sample
    from curator.publish.choices import CardChoices
    from curator.publish.subject import Subject

_SPEC = "modelspec."
_SIDE, _QUALITY = 256, 85


def published_metadata(subject: Subject, choices: CardChoices, samples: Sequence[Sample]) -> dict[str, str]:
    """The metadata: what the file says stays, but for what a user says now. Reads the whole file, for its hash.

    Raises:
        UserError: the thumbnail is no image.
    """
    said, info = dict(subject.metadata), subject.info
    spec = {name.removeprefix(_SPEC): value for name, value in said.items() if name.startswith(_SPEC)}
    if not is_adapter(subject):
        known = single_file_spec(info.kind, info.prediction or "epsilon")
        said |= {name: value for name, value in known.items() if name not in said}
    hashes = hashes_of(subject.weights)
    words = {
        "sai_model_spec": "1.0.1",
        "title": choices.title or subject.title,
        "date": spec.get("date", "") or datetime.now(UTC).isoformat(timespec="seconds"),
        "license": choices.license or spec.get("license", ""),
        "trigger_phrase": trigger_of(subject, choices),
        "usage_hint": spec.get("usage_hint", "") or _hint(choices),
        "thumbnail": _thumbnail(choices, samples) or spec.get("thumbnail", ""),
        "hash_sha256": f"0x{hashes.tensors}",
    }
    said |= {f"{_SPEC}{name}": value for name, value in words.items() if value}
    said |= {"sshs_model_hash": hashes.tensors}
    said.setdefault("sshs_legacy_hash", hashes.legacy)
    return said


def unsaid(subject: Subject) -> list[str]:
    """What modelspec asks of every file and nobody knows of this one."""
    if not is_adapter(subject):
        return []  # its family tells
    return [name for name in ("architecture", "implementation") if name not in subject.info.modelspec]


def _hint(choices: CardChoices) -> str:
    return "" if choices.ratio is None else f"strength {choices.ratio:g}"


def _thumbnail(choices: CardChoices, samples: Sequence[Sample]) -> str:
    """A data URL of at most 256 x 256 pixels: the file that was given, else the first sample."""
    if choices.thumbnail is not None:
        return thumbnail_of(choices.thumbnail)
    try:
        return thumbnail_of(samples[0].path) if samples else ""
    except UserError:
        return ""  # a sample that is damaged is none


def thumbnail_of(path: Path) -> str:
    """An image as a data URL of JPEG, fitted into 256 x 256 pixels.

    Raises:
        UserError: it is none.
    """
    try:
        with Image.open(path) as image:
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is no image that can be read", "give a PNG or JPEG file") from error
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(kept.getvalue()).decode()}"
