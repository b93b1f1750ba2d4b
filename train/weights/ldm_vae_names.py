"""Names of a VAE's tensors in the original (LDM) layout, from diffusers' names."""

from __future__ import annotations

_RESNET = {"conv_shortcut": "nin_shortcut"}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
_ATTENTION_PATH = "mid_block.attentions.0."


def ldm_vae_name(name: str, levels: int) -> str:
    """The original name of a tensor; the original counts the levels of the decoder from the other end."""
    half, _, rest = name.partition(".")
    kind, _, inner = rest.partition(".")
    if kind in ("down_blocks", "up_blocks"):
        return f"{half}.{_level(kind, inner, levels)}"
    if rest.startswith(_ATTENTION_PATH):
        return f"{half}.mid.attn_1.{_renamed(rest.removeprefix(_ATTENTION_PATH), _ATTENTION)}"
    if kind == "mid_block":
        _, number, tail = inner.split(".", 2)
        return f"{half}.mid.block_{int(number) + 1}.{_renamed(tail, _RESNET)}"
    return name.replace("conv_norm_out", "norm_out")


def _level(kind: str, inner: str, levels: int) -> str:
    number, layer, index, tail = inner.split(".", 3)
    is_up = kind == "up_blocks"
    level = levels - 1 - int(number) if is_up else int(number)
    side = "up" if is_up else "down"
    if layer == "resnets":
        return f"{side}.{level}.block.{index}.{_renamed(tail, _RESNET)}"
    return f"{side}.{level}.{side}sample.{tail}"


def old_diffusers_name(name: str) -> str:
    """What diffusers called a tensor before its attention blocks were of one kind: many folders keep that."""
    half, found, rest = name.partition(_ATTENTION_PATH)
    return f"{half}{found}{_renamed(rest, _OLD_ATTENTION)}" if found else name


def current_diffusers_name(name: str) -> str:
    """The inverse of `old_diffusers_name`; a name of today stays."""
    half, found, rest = name.partition(_ATTENTION_PATH)
    return (
        f"{half}{found}{_renamed(rest, {old: new for new, old in _OLD_ATTENTION.items()})}" if found else name
    )


def is_attention_matrix(name: str) -> bool:
    """Whether the original holds this matrix as a 1x1 convolution."""
    return _ATTENTION_PATH in name and name.endswith(".weight") and "group_norm" not in name


def _renamed(name: str, names: dict[str, str]) -> str:
    for mine, theirs in names.items():
        if name.startswith(f"{mine}."):
            return theirs + name.removeprefix(mine)
    return name
