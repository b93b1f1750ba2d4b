"""Stable Diffusion XL: its text states, its size numbers, its names.

Two text encoders: of both the layer before the last, without the final norm, side by side; of the second also
the projected end mark of its last layer. Beside them six numbers say how the image was scaled and cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from curator.contract.base_model.modelspec import adapter_implementation, architecture_of, kohya_version
from train.families import clip_text
from train.families.base import StableDiffusion
from train.families.clip_text import Tokens
from train.families.conditioning import Conditioning
from train.families.family import AdapterRoots, BaseFacts
from train.weights.ldm_names import unet_file_names

if TYPE_CHECKING:
    from torch import Tensor

    from train.families.clip_text import TokenBatch
    from train.families.conditioning import Framing

CLIP_SKIP = 2  # as other programs count: the only layer SDXL's UNet knows


class Sdxl(StableDiffusion):
    """Two text encoders, pooled text, size numbers; the text layer is fixed."""

    @property
    def facts(self) -> BaseFacts:
        return BaseFacts(
            source=self.source,
            architecture=architecture_of("sdxl", self.prediction),
            kohya_version=kohya_version("sdxl", self.prediction),
            implementation=adapter_implementation("sdxl"),
            prediction=self.prediction,
            zero_terminal_snr=self.zero_terminal_snr,
            clip_skip=CLIP_SKIP,
            encoder_layer=CLIP_SKIP,
            is_v2=False,
            native_side=1024,
        )

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

    def tokens(self, captions: Sequence[str], framings: Sequence[Framing]) -> Tokens:
        texts = tuple(clip_text.tokenize(tokenizer, captions, self.text) for tokenizer in self.tokenizers)
        sizes = torch.tensor([framing.numbers for framing in framings], dtype=torch.float32)
        return Tokens(texts, clip_text.keys_of(texts, len(captions)), sizes)

    def _read(self, texts: tuple[TokenBatch, ...]) -> Conditioning:
        first, second = (
            encoder(text.ids, output_hidden_states=True)
            for encoder, text in zip(self.text_encoders, texts, strict=True)
        )
        states = [
            clip_text.joined(said.hidden_states[-2], text.weights, self.text)
            for said, text in zip((first, second), texts, strict=True)
        ]
        pooled = second.text_embeds[:: self.text.chunks]  # of the first chunks, and never weighted
        return Conditioning(torch.cat(states, dim=-1), pooled)

    def _added(self, conditioning: Conditioning) -> dict[str, Tensor]:
        assert conditioning.pooled is not None
        assert conditioning.sizes is not None
        return {"text_embeds": conditioning.pooled.to(self._a_weight.dtype), "time_ids": conditioning.sizes}
