"""Choice of the modules that an adapter changes, by their paths: the one that training and extraction make alike.

The blocks are those of kohya's trainer, whose classes diffusers keeps under these names.
"""

from __future__ import annotations

from typing import Literal

_TRANSFORMERS = (".attentions.",)
_CONVOLUTIONS = (".resnets.", ".downsamplers.", ".upsamplers.")
_TEXT = (".self_attn.", ".mlp.")
Block = Literal["transformer", "convolution", "text"]


def block_of(path: str, *, is_text: bool) -> Block | None:
    """The block that a module lies in, by diffusers' path of it in the UNet or a text encoder; None: in none."""
    if is_text:
        return "text" if any(part in path for part in _TEXT) else None
    if any(part in path for part in _TRANSFORMERS):
        return "transformer"
    return "convolution" if any(part in path for part in _CONVOLUTIONS) else None


def takes(block: Block, kind: str, conv_rank: int | None) -> bool:
    """Whether an adapter of this kind reaches into such blocks."""
    return block != "convolution" or bool(conv_rank) or kind == "locon"


def is_wide(shape: tuple[int, ...]) -> bool:
    """Whether a weight is a convolution's larger than 1x1; those of 1x1 count as linear layers, as in kohya."""
    return shape[2:] not in ((), (1, 1))
