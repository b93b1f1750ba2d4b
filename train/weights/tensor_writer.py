"""Safetensors files written one tensor at a time, with the hashes of their own bytes in their metadata.

The library's own writer wants all tensors at once, which for a base model is its whole size again. The header is
written first with hashes of zeros, of the same length, and filled in when the bytes are known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from train.weights.file_hashes import LEGACY_DIGITS, legacy_hash

if TYPE_CHECKING:
    from train.models.layout import Planned

_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
_SHA256_ZEROS = "0" * 64
_PLACEHOLDERS = {
    "modelspec.hash_sha256": f"0x{_SHA256_ZEROS}",
    "sshs_model_hash": _SHA256_ZEROS,
    "sshs_legacy_hash": "0" * LEGACY_DIGITS,
}


def write_tensors(
    path: Path, plan: Mapping[str, Planned], metadata: Mapping[str, str], dtype: torch.dtype
) -> None:
    """Write `plan` to `path`, every tensor as `dtype`, with `metadata` and the hashes of what was written.

    Raises:
        OSError: no space, or no right to write there.
    """
    sealed = {**metadata, **_PLACEHOLDERS}
    header = _header(plan, sealed, dtype)
    with path.open("wb") as file:
        file.write(header)
        digest = hashlib.sha256()
        for name in sorted(plan):
            data = _bytes_of(plan[name].read(), dtype)
            digest.update(data)
            file.write(data)
    with path.open("r+b") as file:
        found = digest.hexdigest()
        known = {**sealed, "modelspec.hash_sha256": f"0x{found}", "sshs_model_hash": found}
        known["sshs_legacy_hash"] = legacy_hash(file)
        file.seek(0)
        file.write(_header(plan, known, dtype))


def _header(plan: Mapping[str, Planned], metadata: Mapping[str, str], dtype: torch.dtype) -> bytes:
    """Length and JSON, padded with spaces to a multiple of eight."""
    about: dict[str, object] = {"__metadata__": dict(metadata)}
    place = 0
    for name in sorted(plan):
        shape = plan[name].shape
        last = place + torch.Size(shape).numel() * dtype.itemsize
        about[name] = {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [place, last]}
        place = last
    text = json.dumps(about, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _bytes_of(value: Tensor, dtype: torch.dtype) -> memoryview:
    kept = value.detach().to("cpu", dtype).contiguous()
    return memoryview(kept.reshape(-1).view(torch.uint8).numpy())
