"""Stable Diffusion 1.x: its text states, its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.base_model.modelspec import adapter_implementation, architecture_of, kohya_version
from train.families import clip_text
from train.families.base import StableDiffusion
from train.families.clip_text import Tokens
from train.families.conditioning import Conditioning
from train.families.family import AdapterRoots, BaseFacts

if TYPE_CHECKING:
    from train.families.clip_text import TokenBatch
    from train.families.conditioning import Framing


class Sd1(StableDiffusion):
    """One text encoder; `clip_skip` counts its layers from the end."""

    @property
    def facts(self) -> BaseFacts:
        return BaseFacts(
            source=self.source,
            architecture=architecture_of("sd1", self.prediction),
            kohya_version=kohya_version("sd1", self.prediction),
            implementation=adapter_implementation("sd1"),
            prediction=self.prediction,
            zero_terminal_snr=self.zero_terminal_snr,
            clip_skip=self.clip_skip,
            encoder_layer=self.clip_skip,
            is_v2=False,
            native_side=512,
        )

    @property
    def adapter_roots(self) -> AdapterRoots:
        (encoder,) = self.text_encoders
        layers = encoder.config.num_hidden_layers
        unused = range(layers - self.clip_skip + 1, layers)
        names = tuple(f"lora_te_text_model_encoder_layers_{index}_" for index in unused)
        return AdapterRoots(self.unet, (clip_text.text_model_path(encoder),), unused=names)

    def tokens(self, captions: Sequence[str], _framings: Sequence[Framing]) -> Tokens:
        """The UNet is not told how images were cut. Where its layers are told different texts, a batch for each."""
        texts = tuple(
            clip_text.tokenize(self.tokenizers[0], captions, rules) for rules in self.text.of_layers
        )
        return Tokens(texts, clip_text.keys_of(texts, len(captions)))

    def _read(self, texts: tuple[TokenBatch, ...]) -> Conditioning:
        """Hidden states [n, tokens, width] of the `clip_skip`-th layer from the end, then the final norm (S027).

        The states of several texts follow each other.
        """
        return Conditioning(torch.cat([self._states(*text) for text in texts], dim=1))

    def _states(self, ids: Tensor, weights: Tensor | None) -> Tensor:
        (encoder,) = self.text_encoders
        states = encoder(ids, output_hidden_states=True).hidden_states[-self.clip_skip]
        states = getattr(encoder, "text_model", encoder).final_layer_norm(states)
        return clip_text.joined(states, weights, self.text)
