"""Loss masks: from an image's transparency, or from a mask file beside it.

A mask file is `NAME-mask.png` or `NAME-masklabel.png`; its first channel is what counts, from black (nothing) to white
(all). An image without a mask counts as a whole. The loss is multiplied by the mask, averaged over each 8x8 pixels of
a latent, before the mean over all elements: a smaller mask makes a smaller loss, as in kohya-ss/sd-scripts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from curator.contract.files.picture_file import has_picture
from curator.contract.flatten import deep_grey, is_deep, upright

_ENDINGS = ("-mask.png", "-masklabel.png")
LATENT = 8  # pixels to a side of one latent


def mask_file_of(path: Path) -> Path | None:
    """The mask beside an image, where there is one."""
    beside = (path.with_name(path.stem + ending) for ending in _ENDINGS)
    return next((place for place in beside if has_picture(place)), None)


def layer_of(opened: Image.Image) -> Image.Image:
    """The first channel of a mask file, 8-bit; 16-bit grey keeps its brightness."""
    turned = upright(opened)
    return deep_grey(turned) if is_deep(turned) else turned.convert("RGB").getchannel(0)


def to_latent_size(mask: Image.Image) -> Tensor:
    """A mask of a bucket's size as float32 0..1 [h/8, w/8]."""
    values = torch.from_numpy(np.array(mask)).float()[None, None] / 255.0
    return functional.interpolate(values, size=(mask.height // LATENT, mask.width // LATENT), mode="area")[
        0, 0
    ]
