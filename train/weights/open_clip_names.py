"""Names of a text encoder's tensors as OpenCLIP keeps them, from those of transformers.

OpenCLIP holds the matrices of query, key and value as one, and the projection turned.
"""

from __future__ import annotations

import re
from typing import Literal

Form = Literal["plain", "q", "k", "v", "turned"]
_ENDS = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_LAYER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_IN_LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
_FUSED = re.compile(r"self_attn\.([qkv])_proj")
_IN_BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+weight)")
_BY_END = {there: here for here, there in _ENDS.items()}
_BY_LAYER = {there: here for here, there in _LAYER.items()}
PROJECTION = "text_projection"


def open_clip_place(name: str) -> tuple[str, Form]:
    """Where OpenCLIP keeps the tensor that transformers calls `name`, without `text_model.`, and in what form."""
    if name == f"{PROJECTION}.weight":
        return PROJECTION, "turned"
    if name in _ENDS:
        return _ENDS[name], "plain"
    found = _IN_LAYER.fullmatch(name)
    if found is None:
        raise KeyError(name)
    layer, inner, kind = found.groups()
    block = layer_prefix(int(layer))
    if fused := _FUSED.fullmatch(inner):
        return f"{block}attn.in_proj_{kind}", _form(fused[1])
    return f"{block}{_LAYER[inner]}.{kind}", "plain"


def modules_at(name: str) -> tuple[tuple[str, Form], ...]:
    """What transformers calls the modules whose weight OpenCLIP keeps as `name`, and in what form it has each."""
    if name == PROJECTION:
        return ((PROJECTION, "turned"),)
    if (end := _BY_END.get(name)) is not None:
        return ((end.removesuffix(".weight"), "plain"),)
    found = _IN_BLOCK.fullmatch(name)
    if found is None:
        return ()
    layer = f"encoder.layers.{found[1]}."
    if found[2] == "attn.in_proj_weight":
        return tuple((f"{layer}self_attn.{letter}_proj", _form(letter)) for letter in "qkv")
    inner = _BY_LAYER.get(found[2].removesuffix(".weight"))
    return ((layer + inner, "plain"),) if inner else ()


def layer_prefix(layer: int) -> str:
    """How the names of a layer begin."""
    return f"transformer.resblocks.{layer}."


def _form(letter: str) -> Form:
    return "q" if letter == "q" else "k" if letter == "k" else "v"
