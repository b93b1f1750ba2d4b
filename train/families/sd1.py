"""Stable Diffusion 1.x: encoding, prediction, decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from curator.contract.errors import UserError
from train.families import clip_text
from train.families.clip_text import TextRules
from train.families.conditioning import Conditioning, Framing
from train.families.family import AdapterRoots, BaseFacts, Prediction
from train.families.vae import Moments, decoded, moments_of, scaled_latents
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
        text: TextRules,
    ) -> None:
        self.source = source
        self.tokenizer = tokenizer
        self.text_encoder = text_encoder.requires_grad_(False)
        self.vae = vae.requires_grad_(False).eval()
        self.unet = unet.requires_grad_(False)
        self.scheduler_config = {**scheduler_config, "prediction_type": prediction}
        self.prediction: Prediction = prediction
        self.clip_skip = clip_skip
        self.text = text
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
            native_side=512,
        )

    @property
    def alphas_cumprod(self) -> Tensor:
        return self._alphas

    @property
    def adapter_roots(self) -> AdapterRoots:
        layers = self.text_encoder.config.num_hidden_layers
        unused = range(layers - self.clip_skip + 1, layers)
        names = tuple(f"lora_te_text_model_encoder_layers_{index}_" for index in unused)
        return AdapterRoots(self.unet, (clip_text.text_model_path(self.text_encoder),), unused=names)

    @property
    def trained_text_length(self) -> int:
        return self.text.max_tokens

    def token_count(self, caption: str) -> int:
        return clip_text.token_count(self.tokenizer, caption, self.text)

    def condition(self, captions: Sequence[str], _framings: Sequence[Framing]) -> Conditioning:
        """Hidden states [n, tokens, width] of the `clip_skip`-th layer from the end, then the final norm (S027).

        SD1 is not told how images were cut.
        """
        ids, weights = clip_text.tokenize(self.tokenizer, captions, self.text)
        encoder = self.text_encoder
        states = encoder(ids.to(self.unet.device), output_hidden_states=True).hidden_states[-self.clip_skip]
        states = getattr(encoder, "text_model", encoder).final_layer_norm(states)
        return Conditioning(clip_text.joined(states, weights, self.text))

    def encode_pictures(self, pixels: Tensor) -> Moments:
        return moments_of(self.vae, pixels)

    def latents(self, moments: Moments, noise: Tensor | None) -> Tensor:
        return scaled_latents(self.vae, moments, noise)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        dtype = self.unet.dtype
        return self.unet(noisy.to(dtype), timesteps, conditioning.states.to(dtype)).sample.float()

    def decode(self, latents: Tensor) -> Tensor:
        return decoded(self.vae, latents)

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


def sd1_of(
    pipeline: Any,
    *,
    source: str,
    vae: AutoencoderKL,
    prediction: Prediction,
    clip_skip: int,
    text: TextRules,
) -> Sd1:
    """The SD1 model in a diffusers pipeline.

    Raises:
        UserError: its text encoder has not so many layers.
    """
    layers = pipeline.text_encoder.config.num_hidden_layers
    if not 1 <= clip_skip <= layers:
        raise UserError(f"clip_skip is {clip_skip}", f"this model's text encoder has {layers} layers")
    return Sd1(
        source=source,
        tokenizer=pipeline.tokenizer,
        text_encoder=pipeline.text_encoder,
        vae=vae,
        unet=pipeline.unet,
        scheduler_config=dict(pipeline.scheduler.config),
        prediction=prediction,
        clip_skip=clip_skip,
        text=text,
    )
