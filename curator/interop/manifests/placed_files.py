"""Image files of an export: links beside each other, or copies, under names that cannot clash."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import ReplaceableError, UserError
from curator.contract.files.picture_file import open_picture, picture_bytes, tar_of
from curator.contract.files.whole_files import TakenError, drafted_folder
from curator.contract.locations import EXPORT_MARKER

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest, ManifestImage

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def export_folder(folder: Path, *, replace: bool = False) -> Generator[Path]:
    """A folder to export into: it becomes `folder` when all of it is written, and else vanishes.

    With `replace` it takes the place of an export that lies there; of anything else it never does.

    Raises:
        UserError: something lies there already, or it cannot be written.
    """
    replaces = replace and (folder / EXPORT_MARKER).exists()
    try:
        with drafted_folder(folder, replace=replaces) as draft:
            (draft / EXPORT_MARKER).touch()
            yield draft
    except TakenError:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder", "name a new one") from None
        what = f"the folder {folder} is not empty"
        if (folder / EXPORT_MARKER).exists() and not replace:
            raise ReplaceableError(what, "name a new one, or replace the export with --replace") from None
        raise UserError(f"{what}, and no export", "name a new one") from None
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror or str(error)}",
            "free space or choose another place; nothing is half-written",
        ) from error


def placed_name(row: int, image: ManifestImage) -> str:
    """An image's name in the export: its row keeps names apart that are equal in different folders."""
    return f"{row:07d}-{own_name(image)}"


def own_name(image: ManifestImage) -> str:
    """An image's name in its own folder."""
    return os.path.basename(image.path)  # noqa: PTH119 - a name that is no UTF-8 passes through


def place(manifest: Manifest, image: ManifestImage, target: Path, *, copy: bool) -> None:
    """Put an image at `target`; one that lies in a tar is always copied.

    Raises:
        UserError: the image is gone, or is another than was frozen.
        OSError: there is no space.
    """
    source = manifest.file_of(image)
    try:
        if copy or tar_of(source):
            if picture_bytes(source) != image.file_bytes:
                raise _not_brought(source, "its size changed since the freeze")
            with open_picture(source) as file, target.open("wb") as copied:
                shutil.copyfileobj(file, copied)
        else:
            target.symlink_to(source)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        raise _not_brought(source, error.strerror or "it cannot be read") from error


def _not_brought(source: Path, why: str) -> UserError:
    return UserError(f"{source} cannot be exported: {why}", "check it with 'frieze manifest verify'")


def refuse_tars(manifest: Manifest) -> None:
    """For programs that open images by their paths.

    Raises:
        UserError: an image lies in a tar.
    """
    for image in manifest.images():
        if inside := tar_of(manifest.file_of(image)):
            raise UserError(
                f"{inside[0]} is a tar, and other programs cannot read images inside one",
                "export as kohya-toml or imagefolder, which write them out",
            )
