"""LoRA on a base model: target modules, initial values, names in files.

Built on lycoris-lora's kohya network, around the traps of version 4.1.3 (reference/ml_stack.md section 3): an
own preset (its built-in ones fail on diffusers UNets), class attributes put back after use (they leak
from network to network), `bypass_mode` (equal, at half the work; and without it `dropout` does nothing).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("LYCORIS_KERNEL_BACKEND", "torch")  # its fused kernels are not measured here yet

import torch
from lycoris.kohya import LycorisNetworkKohya
from lycoris.logging import logger as lycoris_log
from torch import Tensor, nn

from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, key
from train.families.family import AdapterRoots

_TRANSFORMER = ["Transformer2DModel"]
_CONVOLUTIONS = ["ResnetBlock2D", "Downsample2D", "Upsample2D"]
_TEXT = ["CLIPAttention", "CLIPSdpaAttention", "CLIPMLP"]
_CLASS_STATE = (
    "ENABLE_CONV",
    "UNET_TARGET_REPLACE_MODULE",
    "UNET_TARGET_REPLACE_NAME",
    "TEXT_ENCODER_TARGET_REPLACE_MODULE",
    "TEXT_ENCODER_TARGET_REPLACE_NAME",
    "MODULE_ALGO_MAP",
    "NAME_ALGO_MAP",
    "USE_FNMATCH",
)


@dataclass(frozen=True)
class LoraShape:
    """Size and strength of a LoRA. `conv_rank` 0 leaves 3x3 convolutions alone; an alpha of 0 means the rank."""

    rank: int
    alpha: float
    conv_rank: int = 0
    conv_alpha: float = 0.0
    dropout: float = 0.0
    unet: bool = True
    text_encoder: bool = True


class LoraAdapter:
    """A LoRA attached to a base model: its weights, in float32, are all that is trained."""

    def __init__(self, network: LycorisNetworkKohya, shape: LoraShape) -> None:
        self.network = network
        self.shape = shape

    @property
    def unet_weights(self) -> list[nn.Parameter]:
        return [weight for module in self.network.unet_loras for weight in module.parameters()]

    @property
    def text_weights(self) -> list[nn.Parameter]:
        return [weight for module in self.network.text_encoder_loras for weight in module.parameters()]

    @property
    def weights(self) -> list[nn.Parameter]:
        return self.unet_weights + self.text_weights

    def train(self, training: bool) -> None:
        """Dropout on or off."""
        self.network.train(training)

    def tensors(self) -> dict[str, Tensor]:
        """Everything a LoRA file holds, by kohya's names; copies on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the weights of a file or state of the same shape.

        Raises:
            UserError: other modules or other sizes.
        """
        for module in self.network.loras:
            for part in ("lora_down.weight", "lora_up.weight"):
                name = f"{module.lora_name}.{part}"
                weight = module.get_parameter(part)
                if name not in tensors or tensors[name].shape != weight.shape:
                    raise UserError(
                        f"{name} is missing or has another size",
                        "the adapter settings differ from the file's",
                    )
                weight.copy_(tensors[name])


def attach_lora(roots: AdapterRoots, shape: LoraShape, seed: int) -> LoraAdapter:
    """A new LoRA that changes nothing yet; its start is a function of the seed and each module's name."""
    encoders = list(roots.text_encoders)
    with _preset(_targets(shape)), _quiet():
        network = LycorisNetworkKohya(
            (encoders if len(encoders) > 1 else encoders[0]) if shape.text_encoder else None,
            roots.unet,
            lora_dim=shape.rank,
            alpha=shape.alpha,
            conv_lora_dim=shape.conv_rank,
            conv_alpha=shape.conv_alpha,
            dropout=shape.dropout,
            network_module="locon",
            bypass_mode=True,
            warn_on_unmatched=False,
        )
        _name_as_files_do(network, roots)
        network.apply_to(None, None, apply_text_encoder=shape.text_encoder, apply_unet=shape.unet)
    for module in network.loras:
        _start(module, seed)
    network.to(next(roots.unet.parameters()).device, torch.float32).requires_grad_(True)
    return LoraAdapter(network, shape)


def _name_as_files_do(network: LycorisNetworkKohya, roots: AdapterRoots) -> None:
    """Give the UNet's modules their names in files, and drop those that would never see a gradient."""
    for module in network.unet_loras:
        inner = module.lora_name.removeprefix("lora_unet_")
        module.lora_name = f"lora_unet_{roots.unet_names.get(inner, inner)}"
    network.text_encoder_loras = [
        module for module in network.text_encoder_loras if not module.lora_name.startswith(roots.unused)
    ]


@torch.no_grad()
def _start(module: Any, seed: int) -> None:
    """`up` zero, `down` uniform within 1 / sqrt(inputs): what kohya and peft start from, but keyed."""
    digest = hashlib.sha256(module.lora_name.encode()).digest()
    generator = torch.Generator().manual_seed(key(seed, Purpose.INIT, int.from_bytes(digest[:8])))
    down = module.lora_down.weight
    bound = down[0].numel() ** -0.5
    down.copy_(torch.empty(down.shape).uniform_(-bound, bound, generator=generator))
    module.lora_up.weight.zero_()


def _targets(shape: LoraShape) -> dict[str, Any]:
    """kohya's targets; what 1x1 convolutions lie in these blocks gets the linear rank, as in kohya."""
    return {
        "enable_conv": shape.conv_rank > 0,
        "unet_target_module": _TRANSFORMER + (_CONVOLUTIONS if shape.conv_rank else []),
        "unet_target_name": [],
        "text_encoder_target_module": _TEXT,
        "text_encoder_target_name": [],
        "module_algo_map": {},
        "name_algo_map": {},
        "use_fnmatch": True,
    }


@contextmanager
def _preset(targets: dict[str, Any]) -> Iterator[None]:
    before = {name: getattr(LycorisNetworkKohya, name) for name in _CLASS_STATE}
    LycorisNetworkKohya.apply_preset(targets)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(LycorisNetworkKohya, name, value)


@contextmanager
def _quiet() -> Iterator[None]:
    """lycoris reports every step of building to the log; what matters of it is in our own events."""
    level = lycoris_log.level
    lycoris_log.setLevel("ERROR")
    try:
        yield
    finally:
        lycoris_log.setLevel(level)
