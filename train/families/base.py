"""What Stable Diffusion models of all families share: UNet, VAE, noise schedule, text rules, placement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import send_to_device
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTokenizer

from train.families import clip_text
from train.families.vae import Moments, decoded, moments_of, scaled_latents
from train.objective.noise_schedule import alphas_cumprod

if TYPE_CHECKING:
    from curator.contract.base_model.prediction import Chosen
    from train.families.clip_text import TextRules, Tokens
    from train.families.conditioning import Conditioning, Framing
    from train.families.family import AdapterRoots, BaseFacts, TextEncoder


@dataclass(frozen=True)
class ModelParts:
    """The parts of a base model as they lie in its files. Text encoders and tokenizers are in the UNet's order."""

    family: str
    source: str
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoders: tuple[TextEncoder, ...]
    tokenizers: tuple[CLIPTokenizer, ...]
    scheduler_config: Mapping[str, Any]
    spare: Mapping[str, Tensor] = field(default_factory=dict)  # of a single file, kept for saving one


class StableDiffusion(ABC):
    """One loaded model (a `train.families.family.Family`). What it trains is for others to say."""

    def __init__(self, parts: ModelParts, *, chosen: Chosen, clip_skip: int, text: TextRules) -> None:
        self.name = parts.family
        self.source = parts.source
        self.spare = parts.spare
        self.tokenizers = parts.tokenizers
        self.text_encoders = parts.text_encoders
        self.vae = parts.vae.requires_grad_(False).eval()
        self.unet = parts.unet
        self.scheduler_config = {
            **parts.scheduler_config,
            "prediction_type": chosen.prediction,
            "rescale_betas_zero_snr": chosen.zero_terminal_snr,
        }
        self.prediction = chosen.prediction
        self.clip_skip = clip_skip
        self.text = text
        self._alphas = alphas_cumprod(self.scheduler_config)

    @property
    @abstractmethod
    def facts(self) -> BaseFacts: ...

    @property
    @abstractmethod
    def adapter_roots(self) -> AdapterRoots: ...

    @abstractmethod
    def tokens(self, captions: Sequence[str], framings: Sequence[Framing]) -> Tokens: ...

    @abstractmethod
    def encode(self, tokens: Tokens) -> Conditioning: ...

    def condition(self, captions: Sequence[str], framings: Sequence[Framing]) -> Conditioning:
        return self.encode(send_to_device(self.tokens(captions, framings), self._a_weight.device))

    @property
    def alphas_cumprod(self) -> Tensor:
        return self._alphas

    @property
    def zero_terminal_snr(self) -> bool:
        """Whether nothing of the image is left at the last timestep."""
        return float(self._alphas[-1]) == 0.0

    @property
    def trained_text_length(self) -> int:
        return self.text.max_tokens

    def token_count(self, caption: str) -> int:
        return clip_text.token_count(self.tokenizers[0], caption, self.text)

    @property
    def _a_weight(self) -> Tensor:
        """Of the UNet, for its device and number type: asked itself, it looks through all its modules, for 4 ms."""
        return self.unet.conv_in.weight

    def encode_pictures(self, pixels: Tensor) -> Moments:
        return moments_of(self.vae, pixels)

    def latents(self, moments: Moments, noise: Tensor | None) -> Tensor:
        return scaled_latents(self.vae, moments, noise)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        dtype = self._a_weight.dtype
        states, added = conditioning.states.to(dtype), self._added(conditioning)
        return self.unet(noisy.to(dtype), timesteps, states, added_cond_kwargs=added).sample.float()

    def _added(self, _conditioning: Conditioning) -> dict[str, Tensor] | None:
        """What the UNet is told beside the text."""
        return None

    def decode(self, latents: Tensor) -> Tensor:
        return decoded(self.vae, latents)

    def place(self, device: torch.device, weights: torch.dtype) -> None:
        """Move everything; what has nothing that is trained is held in `weights`, the VAE always in float32."""
        self.vae.to(device, torch.float32)
        for module in (self.unet, *self.text_encoders):
            module.to(device, torch.float32 if _is_trained(module) else weights)

    def use_gradient_checkpointing(self, text: bool) -> None:
        """diffusers and transformers checkpoint only modules in training mode; neither has dropout here."""
        self.unet.enable_gradient_checkpointing()
        self.unet.train()
        for encoder in self.text_encoders if text else ():
            encoder.gradient_checkpointing_enable({"use_reentrant": False})
            encoder.train()


def _is_trained(module: nn.Module) -> bool:
    return any(weight.requires_grad for weight in module.parameters())
