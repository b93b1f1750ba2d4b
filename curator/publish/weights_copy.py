"""A safetensors file copied under other metadata: tensors bit for bit, a few megabytes at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.safetensors_header import read_header
from curator.contract.errors import UserError
from curator.contract.files.regular_file import open_regular
from curator.contract.files.whole_files import drafted_file

if TYPE_CHECKING:
    from curator.contract.progress import Progress

_METADATA = "__metadata__"
_PIECE_BYTES = 1 << 24
_SPARE_BYTES = 1 << 26  # that a disk shall have left


def copy_with_metadata(source: Path, target: Path, metadata: Mapping[str, str], progress: Progress) -> None:
    """Write `source` to `target` with `metadata` in place of its own. `progress` hears of bytes.

    Raises:
        UserError: `source` is damaged, or the disk has too little space, which is looked at first.
    """
    size = source.stat().st_size
    check_space(target.parent, size)
    start = read_header(source).data_start
    try:
        with open_regular(source) as file, drafted_file(target) as draft, draft.open("wb") as out:
            out.write(_header(file.read(start), metadata))
            done = 0
            while piece := file.read(_PIECE_BYTES):
                out.write(piece)
                done += len(piece)
                progress(done, size - start)
    except OSError as error:
        raise UserError(
            f"{target.name} cannot be written in {target.parent}: {error.strerror or error}",
            "free space or check rights, then publish again",
        ) from error


def check_space(folder: Path, needed: int) -> None:
    """Refuse where a disk has too little space.

    Raises:
        UserError: says how much is missing.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise UserError(
            f"a copy needs {needed / 1e9:,.2f} GB in {folder}, and {free / 1e9:,.2f} GB are free",
            "free space",
        )


def _header(whole: bytes, metadata: Mapping[str, str]) -> bytes:
    """Length and JSON of the same tensors in the same order, padded with spaces to a multiple of eight."""
    tensors = {name: about for name, about in json.loads(whole[8:]).items() if name != _METADATA}
    text = json.dumps({_METADATA: dict(metadata), **tensors}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
