"""Models opened as sources of rows, whether a file or a diffusers folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from train.workshop.folder_model import open_folder
from train.workshop.model_file import ModelFile, open_file

if TYPE_CHECKING:
    from pathlib import Path


def open_model(path: Path) -> ModelFile:
    """A model file, or a diffusers folder as the single file it would be.

    Raises:
        UserError: there is none, it is damaged, or of numbers that PyTorch has not.
    """
    return open_folder(path) if path.is_dir() else open_file(path)
