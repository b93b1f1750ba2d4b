"""Latents that kohya-ss/sd-scripts left beside images: read where they agree with them, else told and passed over.

Such a file holds a sample and no distribution, and says nothing of the VAE: it is read where the recipe asks for it,
and its size and time are part of the key of what is kept of it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from curator.contract.cache.kohya_npz import key_of, named_file, plain_file
from curator.contract.files.picture_file import tar_of
from curator.contract.text import counted, visible
from train.data.images import BadPictureError, load_sample, to_model_range
from train.data.latents import encode, entry_of
from train.data.masks import LATENT

if TYPE_CHECKING:
    from curator.contract.buckets import Size
    from train.data.dataset import Picture
    from train.data.kept_latents import KeptLatents
    from train.families.family import Family

_NO_SPREAD = -30.0  # log-variance: a draw from it is its mean
_COMPARED = 4  # files of which the VAE tells whether they are its own
_FAR = 0.5  # of the size of its own latents
_HEAD_BYTES = 4096


class _RefusedError(Exception):
    """What is wrong with a file, in words."""


@dataclass
class KohyaLatents:
    """Takes the files of a run's images into what is kept. `tell` hears once what came of it."""

    family: Family
    kept: KeptLatents
    rounded: torch.dtype | None
    tell: Callable[[str, str], None]
    read: int = 0
    _compared: int = 0
    _refused: dict[str, list[str]] = field(default_factory=dict)  # by reason, the files

    def take(self, pictures: Iterable[Picture], puts: Callable[[int], bool]) -> None:
        """Of every image that is cut alike each time and has no mask; of those this process `puts` by their row."""
        for picture in pictures:
            if picture.is_fixed and picture.subset.mask == "none" and not tar_of(picture.file.path):
                self._take(picture, puts=puts(picture.row))
        self._tell()

    def _take(self, picture: Picture, *, puts: bool) -> None:
        for path in _files(picture, self.family.name):
            try:
                stamp = _stamp(path, picture)
                self.kept.keys.stand_in(picture, stamp)
                if not all(self._holds(picture)):
                    self._keep(
                        picture, _latents(path, picture, self.family.vae.config.latent_channels), puts=puts
                    )
            except _RefusedError as error:
                self.kept.keys.stand_in(picture, "")
                self._refused.setdefault(str(error), []).append(path.name)
                continue
            self.read += 1
            return

    def _holds(self, picture: Picture) -> list[bool]:
        flips = _flips(picture)
        return self.kept.store.holds([self.kept.keys.of(picture, flip=flip) for flip in flips])

    def _keep(self, picture: Picture, latents: dict[bool, Tensor], *, puts: bool) -> None:
        if self._compared < _COMPARED:
            self._compare(picture, latents[False])
        for flip, mean in latents.items() if puts else ():
            moments = torch.stack([mean, torch.full_like(mean, _NO_SPREAD)])
            entry = entry_of(moments, None, self.family.vae_numbers, self.rounded)
            self.kept.put(picture, entry, flip=flip)

    def _compare(self, picture: Picture, latents: Tensor) -> None:
        """Say so where the VAE gives something else: nothing in the file tells of which VAE it is."""
        self._compared += 1
        try:
            pixels = load_sample(picture.file, picture.plain_cut()).pixels
        except BadPictureError:
            return
        own = encode(self.family, to_model_range(pixels)[None]).mean[0].cpu()
        if (own - latents).abs().mean() > _FAR * own.abs().mean():
            self._compared = _COMPARED
            self.tell(
                f"the .npz of {visible(picture.name)} is far from what the VAE gives: it may be of another VAE",
                "set cache.kohya_npz = false, or remove the .npz files, where they are not of this model's VAE",
            )

    def _tell(self) -> None:
        if self.read:
            self.tell(
                f"latents of {counted(self.read)} are read from sd-scripts' .npz files: a sample each, no distribution",
                "nothing to do; with cache.kohya_npz = false they are encoded by the VAE",
            )
        for reason, names in sorted(self._refused.items()):
            self.tell(
                f"{counted(len(names), '.npz file is', '.npz files are')} not read: {reason} ({visible(names[0])})",
                "nothing to do: what they are of is encoded by the VAE",
            )


def _files(picture: Picture, family: str) -> list[Path]:
    """As sd-scripts looks for them: a plain name wins."""
    path = picture.file.path
    return [each for each in (plain_file(path), named_file(path, picture.size, family)) if each.is_file()]


def _stamp(path: Path, picture: Picture) -> str:
    """What tells a file from the one it may become; refused where it is older than its image."""
    try:
        about, image = path.stat(), picture.file.path.stat()
    except OSError as error:
        raise _RefusedError(error.strerror or str(error)) from error
    if about.st_mtime_ns < image.st_mtime_ns:
        raise _RefusedError("older than the image")
    return f"{path.name} {about.st_size} {about.st_mtime_ns}"


def _latents(path: Path, picture: Picture, channels: int) -> dict[bool, Tensor]:
    """The latents in a file, [c, h/8, w/8], plain and where the subset mirrors also mirrored."""
    placement = picture.file.placement
    wide, high = (side // LATENT for side in placement.bucket)
    if not _is_centred(placement.resized, placement.crop):
        raise _RefusedError("the image is not cut in its middle")
    try:
        with np.load(path, allow_pickle=False) as file:
            newer = key_of("latents", (wide, high)) in file
            if not newer and "latents" not in file:
                raise _RefusedError("of another size")

            def array(name: str) -> np.ndarray | None:
                key = key_of(name, (wide, high)) if newer else name
                if key not in file:
                    return None
                if file.zip.getinfo(f"{key}.npy").file_size > 8 * channels * wide * high + _HEAD_BYTES:
                    raise _RefusedError("of another size")
                return file[key]

            size = array("original_size")
            if size is not None and tuple(size.tolist()) != tuple(picture.size):
                raise _RefusedError("of an image of another size")
            found: dict[bool, Tensor] = {}
            for flip in _flips(picture):
                numbers = array("latents_flipped" if flip else "latents")
                if numbers is None:
                    raise _RefusedError("without its mirror image")
                found[flip] = _checked(numbers, (channels, high, wide))
            return found
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise _RefusedError("damaged") from error


def _checked(numbers: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    if numbers.shape != shape:
        raise _RefusedError("of another size")
    if not np.issubdtype(numbers.dtype, np.floating) or not np.isfinite(numbers).all():
        raise _RefusedError("has numbers that are none")
    return torch.from_numpy(numbers.astype(np.float32))


def _flips(picture: Picture) -> tuple[bool, ...]:
    return (False, True) if picture.subset.flip else (False,)


def _is_centred(resized: Size, crop: tuple[int, int, int, int]) -> bool:
    """Whether as much is cut off on both sides, but for a pixel."""
    left, top, right, bottom = crop
    return abs(left - (resized[0] - right)) <= 1 and abs(top - (resized[1] - bottom)) <= 1
