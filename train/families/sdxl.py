"""Stable Diffusion XL: encoding, prediction, decoding.

Two text encoders: of both the layer before the last, without the final norm, side by side; of the second also
the projected end mark of its last layer. Beside them six numbers say how the image was scaled and cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from curator.contract.errors import UserError
from train.families import clip_text
from train.families.clip_text import TextRules
from train.families.conditioning import Conditioning, Framing
from train.families.family import AdapterRoots, BaseFacts, Prediction
from train.families.vae import Moments, decoded, moments_of, scaled_latents
from train.objective.noise_schedule import alphas_cumprod
from train.weights.ldm_names import unet_file_names

_CLIP_SKIP = 2  # as other programs count: the only layer SDXL's UNet knows


class Sdxl:
    """One loaded SDXL model (a `train.families.family.Family`)."""

    def __init__(
        self,
        *,
        source: str,
        tokenizers: tuple[CLIPTokenizer, CLIPTokenizer],
        text_encoders: tuple[CLIPTextModel, CLIPTextModelWithProjection],
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        scheduler_config: Mapping[str, Any],
        prediction: Prediction,
        text: TextRules,
    ) -> None:
        self.source = source
        self.tokenizers = tokenizers
        self.text_encoders = text_encoders
        for encoder in text_encoders:
            encoder.requires_grad_(False)
        self.vae = vae.requires_grad_(False).eval()
        self.unet = unet.requires_grad_(False)
        self.scheduler_config = {**scheduler_config, "prediction_type": prediction}
        self.prediction: Prediction = prediction
        self.text = text
        self._alphas = alphas_cumprod(self.scheduler_config)

    @property
    def facts(self) -> BaseFacts:
        return BaseFacts(
            source=self.source,
            architecture="stable-diffusion-xl-v1-base",
            kohya_version="sdxl_base_v1-0",
            implementation="sgm",  # LoRA names of SDXL follow the original modules
            prediction=self.prediction,
            clip_skip=_CLIP_SKIP,
            is_v2=False,
            native_side=1024,
        )

    @property
    def alphas_cumprod(self) -> Tensor:
        return self._alphas

    @property
    def adapter_roots(self) -> AdapterRoots:
        """The first encoder's last layer is read by nobody; the second's gives the pooled text."""
        last = self.text_encoders[0].config.num_hidden_layers - 1
        return AdapterRoots(
            self.unet,
            tuple(clip_text.text_model_path(encoder) for encoder in self.text_encoders),
            unet_names=unet_file_names(self.unet),
            unused=(f"lora_te1_text_model_encoder_layers_{last}_",),
        )

    @property
    def trained_text_length(self) -> int:
        return self.text.max_tokens

    def token_count(self, caption: str) -> int:
        return clip_text.token_count(self.tokenizers[0], caption, self.text)

    def condition(self, captions: Sequence[str], framings: Sequence[Framing]) -> Conditioning:
        first, _ = self._read(0, captions)
        second, said = self._read(1, captions)
        pooled = said.text_embeds[:: self.text.chunks]  # of the first chunks, and never weighted
        sizes = torch.tensor([framing.numbers for framing in framings], dtype=torch.float32)
        return Conditioning(torch.cat([first, second], dim=-1), pooled, sizes.to(self.unet.device))

    def _read(self, which: int, captions: Sequence[str]) -> tuple[Tensor, Any]:
        """The joined states of one encoder, and all it said of the single chunks."""
        ids, weights = clip_text.tokenize(self.tokenizers[which], captions, self.text)
        said = self.text_encoders[which](ids.to(self.unet.device), output_hidden_states=True)
        return clip_text.joined(said.hidden_states[-2], weights, self.text), said

    def encode_pictures(self, pixels: Tensor) -> Moments:
        return moments_of(self.vae, pixels)

    def latents(self, moments: Moments, noise: Tensor | None) -> Tensor:
        return scaled_latents(self.vae, moments, noise)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        dtype, pooled = self.unet.dtype, conditioning.pooled
        assert pooled is not None
        added = {"text_embeds": pooled.to(dtype), "time_ids": conditioning.sizes}
        states = conditioning.states.to(dtype)
        return self.unet(noisy.to(dtype), timesteps, states, added_cond_kwargs=added).sample.float()

    def decode(self, latents: Tensor) -> Tensor:
        return decoded(self.vae, latents)

    def place(self, device: torch.device, weights: torch.dtype) -> None:
        self.vae.to(device, torch.float32)
        self.unet.to(device, weights)
        for encoder in self.text_encoders:
            encoder.to(device, weights)

    def use_gradient_checkpointing(self, text: bool) -> None:
        """diffusers and transformers checkpoint only modules in training mode; neither has dropout here."""
        self.unet.enable_gradient_checkpointing()
        self.unet.train()
        for encoder in self.text_encoders if text else ():
            encoder.gradient_checkpointing_enable({"use_reentrant": False})
            encoder.train()


def sdxl_of(
    pipeline: Any,
    *,
    source: str,
    vae: AutoencoderKL,
    prediction: Prediction,
    clip_skip: int,
    text: TextRules,
) -> Sdxl:
    """The SDXL model in a diffusers pipeline.

    Raises:
        UserError: another text layer is wanted than the one SDXL was made with.
    """
    if clip_skip > _CLIP_SKIP:
        raise UserError(
            f"clip_skip is {clip_skip}, and SDXL always takes the {_CLIP_SKIP}nd layer from the end",
            "leave model.clip_skip out of the recipe",
        )
    return Sdxl(
        source=source,
        tokenizers=(pipeline.tokenizer, pipeline.tokenizer_2),
        text_encoders=(pipeline.text_encoder, pipeline.text_encoder_2),
        vae=vae,
        unet=pipeline.unet,
        scheduler_config=dict(pipeline.scheduler.config),
        prediction=prediction,
        text=text,
    )
