"""LoRA files: kohya's tensor names, safetensors, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from curator.contract.base_model.file_hashes import legacy_hash
from curator.contract.errors import UserError
from curator.contract.files.picture_file import file_sha256
from curator.contract.files.whole_files import drafted_file

Stored = Literal["fp32", "fp16", "bf16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def write_lora(
    path: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    stored: Stored | None,
    *,
    replaces: bool = True,
) -> str:
    """Write the file, with the hashes of its tensors added to the metadata; the sha256 of the whole file.

    Only floating-point tensors take the precision, and no alpha that it would change; without one all stay as they are.

    Raises:
        TakenError: not `replaces`, and something is there.
        OSError: no space, or no right to write there.
    """
    kept = {name: _as_stored(name, tensors[name], stored) for name in sorted(tensors)}
    sealed = {**metadata, **_hashes(kept, metadata)}
    with drafted_file(path, replace=replaces) as draft:
        save_file(kept, draft, sealed)
    return file_sha256(path)


def _as_stored(name: str, tensor: Tensor, stored: Stored | None) -> Tensor:
    if stored is None or not tensor.is_floating_point():
        return tensor.contiguous()
    rounded = tensor.to(DTYPES[stored]).contiguous()
    if name.endswith(".alpha") and not torch.equal(rounded.float(), tensor.float()):
        return tensor.contiguous()  # a strength of the whole module, which must not be off by a part in 256
    return rounded


def _hashes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """Hashes as modelspec (hash_sha256, S090) and kohya define them.

    The sha256 is of the tensor bytes alone, in the file's order; the old short one is of a file that would hold no
    metadata but kohya's own, so that a title changed later does not change it.
    """
    body = save(dict(tensors), {name: value for name, value in metadata.items() if name.startswith("ss_")})
    header = int.from_bytes(body[:8], "little")
    digest = hashlib.sha256(memoryview(body)[8 + header :]).hexdigest()
    return {
        "modelspec.hash_sha256": f"0x{digest}",
        "sshs_model_hash": digest,
        "sshs_legacy_hash": legacy_hash(io.BytesIO(body)),
    }


def read_lora(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a LoRA file.

    Raises:
        UserError: no file, or no safetensors.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}", "give a LoRA file (.safetensors)")
    try:
        with safe_open(path, "pt") as file:
            metadata = dict(file.metadata() or {})
        return load_file(path), metadata
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise UserError(
            f"{path} is no readable safetensors file", "give a LoRA file (.safetensors)"
        ) from error
