"""The identity of a tag model: what its answers depend on, in one hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.files.picture_file import file_sha256

if TYPE_CHECKING:
    from curator.contract.tagging.job import TaggingJob

_TRANSFORMERS_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_OF_NO_EFFECT = {
    "about",
    "licence",
    "balance",
    "thresholds",
    "more_files",
    "repo",
    "url",
    "family",
    "revision",
    "encoder_revision",
    "sha256",
}


def weights_file(folder: Path, name: str = "") -> Path:
    """The weights in a model's folder: the file of that name, or as transformers calls it.

    Raises:
        UserError: there are none.
    """
    names = dict.fromkeys(filter(None, (name, *_TRANSFORMERS_WEIGHTS)))
    for each in names:
        if (folder / each).is_file():
            return folder / each
    raise UserError(f"{folder} holds no weights: {' or '.join(names)}", "fetch the model again")


def identity_of(job: TaggingJob) -> str:
    """A sha256 of the weights, of how images are shown to them, and of how a captioner writes.

    Answers are kept by it and by an image's content: with other weights or another size they are other answers.

    Raises:
        UserError: there are no weights.
        OSError: they cannot be read.
    """
    row = job.row
    if row.family == "endpoint":
        about: list[object] = [row.url, row.repo]
    else:
        knobs = {name: value for name, value in asdict(row).items() if name not in _OF_NO_EFFECT}
        about = [file_sha256(weights_file(Path(job.folder), row.weights)), knobs]
    if row.kind == "caption":
        about.append(asdict(job.captioning))
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
