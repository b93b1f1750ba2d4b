"""Files of latents as kohya-ss/sd-scripts keeps them beside images: their names, and the keys in them.

`NAME.npz` is of any model; `NAME_0064x0096_sd.npz` names the image's size and the kind of model. Keys of newer files
end in the latents' size, `latents_12x8`; older ones are plain.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.contract.buckets import Size

SUFFIX = ".npz"


def named_file(picture: Path, size: Size, family: str) -> Path:
    """The file of an image of this size for models of a family."""
    kind = "sdxl" if family == "sdxl" else "sd"
    return picture.with_name(f"{picture.stem}_{size[0]:04d}x{size[1]:04d}_{kind}{SUFFIX}")


def plain_file(picture: Path) -> Path:
    """The file that says nothing of models, which wins where it is there."""
    return picture.with_name(picture.stem + SUFFIX)


def key_of(name: str, latents: Size) -> str:
    """The newer key of what belongs to latents of this width and height."""
    return f"{name}_{latents[1]}x{latents[0]}"
