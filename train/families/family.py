"""The protocol of a model family: encode text and images, predict, decode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

if TYPE_CHECKING:
    from curator.contract.base_model.prediction import Prediction
    from curator.contract.recipe.precision import Attention
    from train.cache.store import Store
    from train.families.clip_text import TextRules, Tokens
    from train.families.conditioning import Conditioning, Framing
    from train.families.vae import Moments
    from train.precision.arithmetic import Arithmetic

TextEncoder = CLIPTextModel | CLIPTextModelWithProjection


@dataclass(frozen=True)
class BaseFacts:
    """What a saved file must say about the base model it was trained on."""

    source: str
    architecture: str  # modelspec name, such as "stable-diffusion-v1"
    kohya_version: str  # ss_base_model_version
    implementation: str
    prediction: Prediction
    zero_terminal_snr: bool
    clip_skip: int
    encoder_layer: int  # modelspec's: the text layer that is read, from the end of the encoder as it was made
    is_v2: bool
    native_side: int  # of the square images it was made with, in pixels


class Family(Protocol):
    """A base model of one family, with the parts training touches."""

    name: str  # "sd1", "sd2" or "sdxl"
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoders: tuple[TextEncoder, ...]
    tokenizers: tuple[CLIPTokenizer, ...]
    text: TextRules
    scheduler_config: Mapping[str, Any]
    spare: Mapping[str, Tensor]  # of a single file and read by nothing: kept for saving one

    @property
    def facts(self) -> BaseFacts: ...

    @property
    def alphas_cumprod(self) -> Tensor:
        """The noise schedule: one number in (0, 1) a timestep, falling."""
        ...

    @property
    def adapter_roots(self) -> AdapterRoots:
        """Where an adapter may attach, under the names other programs know."""
        ...

    @property
    def trained_text_length(self) -> int:
        """Tokens of a caption that reach the model; what is beyond is cut."""
        ...

    def token_count(self, caption: str) -> int: ...

    def tokens(self, captions: Sequence[str], framings: Sequence[Framing]) -> Tokens:
        """What is encoded of images with these captions, cut like this; on the CPU. Safe in any thread."""
        ...

    def encode(self, tokens: Tokens) -> Conditioning:
        """What the UNet is told of them; `tokens` lie on the model's device."""
        ...

    def freeze_text(self, at_once: int, memory: Store, lasting: Store | None = None) -> None:
        """Text encoders change no more: captions are read `at_once` at a time and kept.

        Those that recur go to the `lasting` store where there is one, all others to `memory`.
        """
        ...

    def condition(self, captions: Sequence[str], framings: Sequence[Framing]) -> Conditioning:
        """Both in one."""
        ...

    def encode_pictures(self, pixels: Tensor) -> Moments: ...

    def latents(self, moments: Moments, noise: Tensor | None) -> Tensor:
        """Scaled latents: a draw from the moments with `noise`, or their mean without."""
        ...

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor: ...

    def decode(self, latents: Tensor) -> Tensor: ...

    @property
    def vae_numbers(self) -> torch.dtype:
        """What the VAE encodes in; its moments come in float32, and hold no more digits but where that overflowed."""
        ...

    @property
    def working_vae(self) -> AutoencoderKL:
        """The VAE that encodes and decodes: the model's own, or a copy in fewer digits."""
        ...

    def vae_at_work(self) -> AbstractContextManager[None]:
        """The VAE on the device within the block, also where it is offloaded: for many images one after another."""
        ...

    def place(self, arithmetic: Arithmetic, overflowed: Callable[[], None] | None = None) -> None:
        """Move the model to a device, but for what is offloaded; each part in its numbers.

        `overflowed` is told once that fp16 is too small.
        """
        ...

    def use_attention(self, name: Attention) -> None:
        """Compute the UNet's attention by a kernel; before `use_gradient_checkpointing`, which goes by it too.

        Raises:
            UserError: the device has none such for it.
        """
        ...

    def use_clip_skip(self, clip_skip: int) -> None:
        """Read text at another layer, counted from the end.

        Raises:
            UserError: the text encoder has no such layer, or the family always reads the same.
        """
        ...

    def use_gradient_checkpointing(self, text: bool) -> None: ...


@dataclass(frozen=True)
class AdapterRoots:
    """The modules adapters attach to, and what files call them.

    `unet_names` translates a UNet module's path, written with "_", where files use another one. `unused` are
    starts of names in files: of text layers that never see a gradient.
    """

    unet: nn.Module
    text_encoders: tuple[nn.Module, ...]
    unet_names: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    @property
    def text_prefixes(self) -> tuple[str, ...]:
        """kohya counts text encoders only where there are several."""
        count = len(self.text_encoders)
        return ("lora_te",) if count == 1 else tuple(f"lora_te{number + 1}" for number in range(count))
