"""Decides how an export brings pictures together: links beside each other, or copies, under names that cannot clash."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.manifest import Manifest, ManifestImage
from curator.contract.picture_file import open_picture, tar_of
from curator.contract.text import visible


def fresh_folder(folder: Path) -> Path:
    """An empty folder to export into, made if need be.

    Raises:
        UserError: something lies there already, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"the folder {visible(str(folder))} is not empty", "name a new one")
    except OSError as error:
        raise UserError(
            f"{visible(str(folder))} cannot be made: {error.strerror}", "choose another place"
        ) from error
    return folder


def placed_name(row: int, image: ManifestImage) -> str:
    """A picture's name in the export: its row keeps names apart that are equal in different folders."""
    return f"{row:07d}-{os.path.basename(image.path)}"  # noqa: PTH119 - a name that is no UTF-8 passes through


def place(manifest: Manifest, image: ManifestImage, target: Path, *, copy: bool) -> None:
    """Put a picture at `target`; one that lies in a tar is always copied.

    Raises:
        UserError: the picture is gone, or there is no space.
    """
    source = manifest.file_of(image)
    try:
        if copy or tar_of(source):
            with open_picture(source) as file, target.open("wb") as copied:
                shutil.copyfileobj(file, copied)
        else:
            target.symlink_to(source)
    except OSError as error:
        raise UserError(
            f"{visible(str(source))} cannot be brought to {visible(str(target.parent))}: {error.strerror}",
            "check it with 'frieze manifest verify'",
        ) from error


def refuse_tars(manifest: Manifest) -> None:
    """For programs that open pictures by their paths.

    Raises:
        UserError: a picture lies in a tar.
    """
    for image in manifest.images():
        if inside := tar_of(manifest.file_of(image)):
            raise UserError(
                f"{visible(inside[0])} is a tar, and other programs cannot read pictures inside one",
                "export as kohya-toml or imagefolder, which write them out",
            )
