"""Keys of kept latents: digests of an image's bytes, its placement, its mask, and whether it is mirrored."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from curator.contract.cache.subjects import latent_subject
from curator.contract.files.picture_file import file_sha256
from train.cache.identity import latents_key
from train.data.masks import mask_file_of

if TYPE_CHECKING:
    from train.data.dataset import Picture


class LatentKeys:
    """The keys of a run's images; what is beside an image and is part of its key is looked at once. Safe in threads."""

    def __init__(self) -> None:
        self._beside: dict[
            int, str
        ] = {}  # by row: the digest of a mask file, or of what else stands for the image

    def of(self, picture: Picture, *, flip: bool) -> bytes:
        """The key of an image at the cut of the freeze, mirrored or not."""
        return latents_key(self.subject(picture, flip=flip), self._mask(picture))

    @staticmethod
    def subject(picture: Picture, *, flip: bool) -> bytes:
        """What a manifest can tell of the same."""
        file = picture.file
        return latent_subject(file.sha256, file.placement, file.resample, flip=flip)

    def stand_in(self, picture: Picture, stamp: str) -> None:
        """From now on the image, which has no mask, goes by a file beside it of this stamp; "" for none."""
        if stamp:
            self._beside[picture.row] = stamp
        else:
            self._beside.pop(picture.row, None)

    def _mask(self, picture: Picture) -> str:
        mode = picture.file.mask
        if mode == "none":
            return self._beside.get(picture.row, "")
        if mode != "file":
            return mode
        if picture.row not in self._beside:
            self._beside[picture.row] = _mask_digest(picture)
        return self._beside[picture.row]


def _mask_digest(picture: Picture) -> str:
    path = mask_file_of(picture.file.path)
    if path is None:
        return "whole"
    try:
        return file_sha256(path)
    except OSError as error:  # whoever loads it says what is wrong with it
        return hashlib.sha256(repr(error).encode()).hexdigest()
