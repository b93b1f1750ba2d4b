"""Decides how Stable Diffusion 1.x encodes, predicts and decodes; and nothing of how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from train.families.family import AdapterRoots, BaseFacts, Moments, Prediction
from train.objective.noise_schedule import alphas_cumprod


class Sd1:
    """One loaded SD1 model (a `train.families.family.Family`)."""

    def __init__(
        self,
        *,
        source: str,
        tokenizer: CLIPTokenizer,
        text_encoder: CLIPTextModel,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        scheduler_config: Mapping[str, Any],
        prediction: Prediction,
        clip_skip: int,
    ) -> None:
        self.source = source
        self.tokenizer = tokenizer
        self.text_encoder = text_encoder.requires_grad_(False)
        self.vae = vae.requires_grad_(False).eval()
        self.unet = unet.requires_grad_(False)
        self.scheduler_config = {**scheduler_config, "prediction_type": prediction}
        self.prediction: Prediction = prediction
        self.clip_skip = clip_skip
        self._alphas = alphas_cumprod(self.scheduler_config)

    @property
    def facts(self) -> BaseFacts:
        return BaseFacts(
            source=self.source,
            architecture="stable-diffusion-v1",
            kohya_version="sd_v1",
            implementation="diffusers",  # LoRA names of SD1 follow diffusers' modules
            prediction=self.prediction,
            clip_skip=self.clip_skip,
            is_v2=False,
        )

    @property
    def alphas_cumprod(self) -> Tensor:
        return self._alphas

    @property
    def adapter_roots(self) -> AdapterRoots:
        layers = self.text_encoder.config.num_hidden_layers
        unused = range(layers - self.clip_skip + 1, layers)
        names = tuple(f"text_model.encoder.layers.{index}" for index in unused)
        return AdapterRoots(self.unet, text_model_path(self.text_encoder), names)

    @property
    def trained_text_length(self) -> int:
        return int(self.tokenizer.model_max_length) - 2

    def token_count(self, caption: str) -> int:
        return len(
            self.tokenizer(caption, add_special_tokens=False, truncation=False, verbose=False).input_ids
        )

    def encode_text(self, captions: Sequence[str]) -> Tensor:
        """Hidden states [n, 77, width] of the `clip_skip`-th layer from the end, then the final norm (S027)."""
        ids = self.tokenizer(
            list(captions), padding="max_length", truncation=True, max_length=77, return_tensors="pt"
        ).input_ids
        encoder = self.text_encoder
        states = encoder(ids.to(self.unet.device), output_hidden_states=True).hidden_states[-self.clip_skip]
        return getattr(encoder, "text_model", encoder).final_layer_norm(states)

    @torch.no_grad()
    def encode_pictures(self, pixels: Tensor) -> Moments:
        """`pixels` [n, 3, h, w] in -1..1; always in float32, where no VAE overflows."""
        moments = self.vae.encode(pixels.to(self.vae.device, torch.float32)).latent_dist
        return Moments(moments.mean, moments.logvar)

    def latents(self, moments: Moments, noise: Tensor | None) -> Tensor:
        drawn = moments.mean
        if noise is not None:
            drawn = drawn + torch.exp(0.5 * moments.logvar.clamp(-30.0, 20.0)) * noise
        return drawn * self.vae.config.scaling_factor

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        dtype = self.unet.dtype
        return self.unet(noisy.to(dtype), timesteps, conditioning.to(dtype)).sample.float()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        return self.vae.decode(latents.float() / self.vae.config.scaling_factor).sample

    def place(self, device: torch.device, weights: torch.dtype) -> None:
        self.vae.to(device, torch.float32)
        self.unet.to(device, weights)
        self.text_encoder.to(device, weights)

    def use_gradient_checkpointing(self, text: bool) -> None:
        """diffusers and transformers checkpoint only modules in training mode; neither has dropout here."""
        self.unet.enable_gradient_checkpointing()
        self.unet.train()
        if text:
            self.text_encoder.gradient_checkpointing_enable({"use_reentrant": False})
            self.text_encoder.train()


def text_model_path(encoder: nn.Module) -> nn.Module:
    """A root under which the encoder's modules have the names every client of LoRA files expects.

    transformers 5.6 took `text_model` out of the path of CLIPTextModel.
    """
    return encoder if hasattr(encoder, "text_model") else _TextModelPath(encoder)


class _TextModelPath(nn.Module):
    """Puts `text_model.` back before the names of a flat CLIP text model."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.text_model = encoder
