"""Names of tensors in adapter files of other programs, translated to kohya's.

Known: kohya; diffusers and PEFT (`unet.….lora_A.weight`), with `base_model.model.`, or no part for a UNet alone;
diffusers' older ones (`….lora.down.weight`, `….processor.to_q_lora.down.weight`); ComfyUI's (`diffusion_model.…`, the
original layout's paths); OneTrainer's and OMI's (paths with dots; `clip_l.`, `clip_g.`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from curator.contract.errors import UserError


class Factors(NamedTuple):
    """How the names of a LoRA's two factors end in one style."""

    down: str
    up: str


KOHYA, PEFT = Factors(".lora_down.weight", ".lora_up.weight"), Factors(".lora_A.weight", ".lora_B.weight")
FACTORS = (
    KOHYA,
    Factors(".lora.down.weight", ".lora.up.weight"),
    Factors("_lora.down.weight", "_lora.up.weight"),
    PEFT,
    Factors(".lora_A.default.weight", ".lora_B.default.weight"),
)
MAGNITUDE = ".lora_magnitude_vector"
_KOHYA = ("lora_unet_", "lora_te")
_WRAPPERS = ("base_model.model.", "model.diffusion_model.", "diffusion_model.")
_UNET = (
    "unet.",
    "down_blocks.",
    "mid_block.",
    "up_blocks.",
    "conv_in.",
    "conv_out.",
    "time_embedding.",
    "input_blocks.",
    "middle_block.",
    "output_blocks.",
    "time_embed.",
    "label_emb.",
    "add_embedding.",
    "out.",
)
_FIRST, _SECOND = ("text_encoder.", "te1.", "te.", "clip_l."), ("text_encoder_2.", "te2.", "clip_g.")

_LEAVES = (
    *(
        (re.compile(re.escape(end) + "$"), kohyas.removeprefix("."))
        for style in FACTORS
        for end, kohyas in zip(style, KOHYA, strict=True)
    ),
    (re.compile(re.escape(MAGNITUDE) + r"(?:\.default)?(?:\.weight)?$"), "dora_scale"),
    (re.compile(r"\.(lora_mid\.weight|[ab][12]\.weight)$"), ""),
    (
        re.compile(
            r"\.((?:lokr|hada)_\w+|oft_blocks|rescale|dora_scale|alpha|on_input|[wb]_norm|diff|diff_b)$"
        ),
        "",
    ),
    (re.compile(r"\.(weight)$"), ""),
)


Kept = TypeVar("Kept")  # a tensor, or what is known of one


def in_kohyas_names(tensors: Mapping[str, Kept], encoders: int) -> dict[str, Kept]:
    """The tensors of a file under kohya's names, for a model with so many text encoders.

    Raises:
        UserError: a name of no known style.
    """
    return {_translated(name, encoders): tensor for name, tensor in tensors.items()}


def _translated(name: str, encoders: int) -> str:
    if name.startswith(_KOHYA):
        return name
    for leaf, canonical in _LEAVES:
        if (match := leaf.search(name)) is not None:
            module = _module(name[: match.start()], encoders)
            if module is not None:
                return f"{module}.{canonical or match.group(1)}"
            break
    raise UserError(
        f"the adapter's tensor '{name}' has a name of no style Frieze knows",
        "adapters of kohya, LyCORIS, diffusers, PEFT, ComfyUI and OneTrainer are read",
    )


def _module(path: str, encoders: int) -> str | None:
    """kohya's name of the module at `path`; None where it belongs to no part."""
    for wrapper in _WRAPPERS:
        path = path.removeprefix(wrapper)
    path = path.replace(".processor.", ".")
    first = "lora_te" if encoders == 1 else "lora_te1"
    for starts, prefix in ((_FIRST, first), (_SECOND, "lora_te2")):
        for start in starts:
            if path.startswith(start):
                inner = path.removeprefix(start).removeprefix("text_model.")
                return f"{prefix}_text_model_{inner.replace('.', '_')}"
    if path.startswith(_UNET):
        inner = path.removeprefix("unet.")
        if inner.split(".")[0] not in {start.rstrip(".") for start in _UNET}:
            return None
        return f"lora_unet_{_current(inner).replace('.', '_')}"
    return None


def _current(path: str) -> str:
    """diffusers once called the output of an attention `to_out`; it has the index of its list now."""
    return f"{path}.0" if path.endswith(".to_out") else path
