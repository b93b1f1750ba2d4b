"""Training reads an image in a tar as it reads the same image in a folder (S009)."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curator.contract.buckets import Placement
from curator.contract.errors import UserError
from train.data.images import Cut, PictureFile, load_sample


def test_pixels_and_masks_from_a_tar(tmp_path: Path) -> None:
    plain, mask = tmp_path / "a.png", tmp_path / "a-mask.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (24, 16, 3), np.uint8)).save(plain)
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (24, 16), np.uint8)).save(mask)
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(plain, "deep/a.png")
        tar.add(mask, "deep/a-mask.png")
    sha256 = hashlib.sha256(plain.read_bytes()).hexdigest()
    placement = Placement((8, 8), (8, 12), (0, 2, 8, 10))
    cut = Cut(placement.crop, flip=True)
    inside = tmp_path / "shard.tar" / "deep" / "a.png"
    expected, found = (
        load_sample(PictureFile(path, sha256, placement, mask="file"), cut) for path in (plain, inside)
    )
    assert torch.equal(found.pixels, expected.pixels)
    assert torch.equal(found.mask, expected.mask)
    with pytest.raises(UserError, match="has changed"):
        load_sample(PictureFile(inside, "0" * 64, placement), cut)
    with pytest.raises(UserError, match="cannot be read"):
        load_sample(PictureFile(inside.with_name("b.png"), sha256, placement), cut)
