"""Identities of cached entries: all that latents and captions depend on beside the image or the tokens themselves.

A model's part goes by the digest of its weights as it works with them, in their number type, wherever they were read
from: the VAE inside a checkpoint and the same in a file of its own share a cache.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from curator.contract.cache.records import KEY_BYTES

if TYPE_CHECKING:
    from train.families.family import Family
    from train.precision.arithmetic import Arithmetic

_VERSION = "1"  # of how entries are computed; another one begins caches anew
_OF_A_VAE = ("act_fn", "down_block_types", "layers_per_block", "norm_num_groups", "mid_block_add_attention")
_OF_AN_ENCODER = ("hidden_act", "num_attention_heads", "layer_norm_eps", "eos_token_id")


def latents_identity(family: Family, device: torch.device, rounded: torch.dtype | None) -> dict[str, str]:
    """Of moments that the model's VAE gives, `rounded` where the recipe has it so."""
    return {
        "version": _VERSION,
        "vae": _digest(family.vae, _OF_A_VAE),
        "numbers": _name(family.vae_numbers),
        "rounded": _name(rounded) if rounded else "",
        "device": device.type,
    }


def captions_identity(family: Family, arithmetic: Arithmetic, at_once: int) -> dict[str, str]:
    """Of what the model's text encoders say; how many captions are read `at_once` may move a last bit on a GPU."""
    return {
        "version": _VERSION,
        "family": family.name,
        "encoders": " ".join(_digest(encoder, _OF_AN_ENCODER) for encoder in family.text_encoders),
        "clip_skip": str(family.facts.clip_skip),
        "chunks": str(family.text.chunks),
        "arithmetic": _name(arithmetic.frozen),
        "device": arithmetic.device.type,
        "at_once": str(at_once),
    }


def latents_key(subject: bytes, mask: str) -> bytes:
    """Of one showing of an image, with a mask of this identity: "" for none."""
    return hashlib.blake2b(subject + mask.encode(), digest_size=KEY_BYTES).digest()


def _digest(part: nn.Module, of_config: tuple[str, ...]) -> str:
    found = hashlib.sha256()
    for name in of_config:
        found.update(f"{name}={getattr(part.config, name, None)!r}\n".encode())
    state = part.state_dict()
    with ThreadPoolExecutor(4) as pool:  # hashing leaves Python's lock
        for name, digest in zip(state, pool.map(_tensor_digest, state.values()), strict=True):
            found.update(f"{name} {digest}\n".encode())
    return found.hexdigest()


def _tensor_digest(tensor: Tensor) -> str:
    whole = tensor.detach().cpu().contiguous()
    found = hashlib.sha256(f"{_name(whole.dtype)} {list(whole.shape)} ".encode())
    found.update(whole.flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def _name(numbers: torch.dtype) -> str:
    return str(numbers).removeprefix("torch.")
