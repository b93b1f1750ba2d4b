"""What Stable Diffusion models of all families share: UNet, VAE, noise schedule, text rules, placement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import send_to_device
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTokenizer

from curator.contract.base_model.check import check_clip_skip
from train.families import clip_text
from train.families.frozen_text import FrozenText
from train.families.vae import Autoencoder, Moments, scaled_latents
from train.objective.noise_schedule import alphas_cumprod
from train.precision.attention import check_kernel, checkpointing_by, kernel
from train.precision.offload import Offloaded

if TYPE_CHECKING:
    from curator.contract.base_model.prediction import Chosen
    from curator.contract.recipe.precision import Attention
    from train.cache.store import Store
    from train.families.clip_text import TextRules, TokenBatch, Tokens
    from train.families.conditioning import Conditioning, Framing
    from train.families.family import AdapterRoots, BaseFacts, TextEncoder
    from train.precision.arithmetic import Arithmetic


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
        self._autoencoder = Autoencoder(self.vae)
        self.unet = parts.unet
        self.scheduler_config = {
            **parts.scheduler_config,
            "prediction_type": chosen.prediction,
            "rescale_betas_zero_snr": chosen.zero_terminal_snr,
        }
        self.prediction = chosen.prediction
        self.clip_skip = clip_skip
        self.text = text
        self._order = torch.contiguous_format
        self._attention: Attention = "auto"
        self._offloaded_text: Offloaded | None = None
        self._frozen_text: FrozenText | None = None
        self._alphas = alphas_cumprod(self.scheduler_config)

    @property
    @abstractmethod
    def facts(self) -> BaseFacts: ...

    @property
    @abstractmethod
    def adapter_roots(self) -> AdapterRoots: ...

    @abstractmethod
    def tokens(self, captions: Sequence[str], framings: Sequence[Framing]) -> Tokens: ...

    def encode(self, tokens: Tokens) -> Conditioning:
        said = self._frozen_text.read(tokens) if self._frozen_text else self._said(tokens.texts)
        return replace(said, sizes=tokens.sizes)

    def _said(self, texts: tuple[TokenBatch, ...]) -> Conditioning:
        with self._offloaded_text.at_work() if self._offloaded_text else nullcontext():
            return self._read(texts)

    @abstractmethod
    def _read(self, texts: tuple[TokenBatch, ...]) -> Conditioning:
        """What the text encoders say, without sizes."""

    def freeze_text(self, at_once: int, memory: Store, lasting: Store | None = None) -> None:
        self._frozen_text = FrozenText(self._said, self.text.chunks, at_once, memory, lasting)

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
        return self._autoencoder.encode(pixels)

    def latents(self, moments: Moments, noise: Tensor | None) -> Tensor:
        return scaled_latents(self.vae, moments, noise)

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        dtype = self._a_weight.dtype
        states, added = conditioning.states.to(dtype), self._added(conditioning)
        noisy = noisy.to(dtype, memory_format=self._order)
        with kernel(self._attention):
            return self.unet(noisy, timesteps, states, added_cond_kwargs=added).sample.float()

    def _added(self, _conditioning: Conditioning) -> dict[str, Tensor] | None:
        """What the UNet is told beside the text."""
        return None

    def decode(self, latents: Tensor) -> Tensor:
        return self._autoencoder.decode(latents)

    def place(self, arithmetic: Arithmetic, overflowed: Callable[[], None] | None = None) -> None:
        """Move everything but what is offloaded.

        A part with a trained weight is held in the numbers of trained weights as a whole.
        """
        self._autoencoder.place(self._vae_arithmetic(arithmetic, overflowed), overflowed)
        for module in (self.unet, *self.text_encoders):
            module.to(arithmetic.trained if _is_trained(module) else arithmetic.frozen)
        self.unet.to(arithmetic.device)
        self._order = arithmetic.order
        self.unet.to(memory_format=arithmetic.order)
        if arithmetic.offloads_text:
            self._offloaded_text = Offloaded(self.text_encoders, arithmetic.device)
        else:
            self._offloaded_text = None
            for encoder in self.text_encoders:
                encoder.to(arithmetic.device)

    def vae_at_work(self) -> AbstractContextManager[None]:
        return self._autoencoder.at_work()

    @property
    def vae_numbers(self) -> torch.dtype:
        return self._autoencoder.numbers

    @property
    def working_vae(self) -> AutoencoderKL:
        return self._autoencoder.working

    def _vae_arithmetic(self, arithmetic: Arithmetic, overflowed: Callable[[], None] | None) -> Arithmetic:
        """SDXL's VAE overflows fp16 with nearly every image, unless its configuration says that it was mended."""
        if arithmetic.vae is torch.float16 and self.name == "sdxl" and self.vae.config.force_upcast:
            if overflowed:
                overflowed()
            return replace(arithmetic, vae=torch.float32)
        return arithmetic

    def use_attention(self, name: Attention) -> None:
        """Compute the UNet's attention by a kernel; before `use_gradient_checkpointing`, which goes by it too.

        Raises:
            UserError: the device has none such for it.
        """
        check_kernel(name, self.unet, self._a_weight.device, self._a_weight.dtype)
        self._attention = name

    def use_clip_skip(self, clip_skip: int) -> None:
        """Read text at another layer, counted from the end.

        Raises:
            UserError: the text encoder has no such layer, or the family always reads the same.
        """
        check_clip_skip(clip_skip, self.name, self.text_encoders[0].config.num_hidden_layers)
        self.clip_skip = clip_skip

    def use_gradient_checkpointing(self, text: bool) -> None:
        """diffusers and transformers checkpoint only modules in training mode; neither has dropout here."""
        self.unet.enable_gradient_checkpointing(checkpointing_by(self._attention))
        self.unet.train()
        for encoder in self.text_encoders if text else ():
            encoder.gradient_checkpointing_enable({"use_reentrant": False})
            encoder.train()


def _is_trained(module: nn.Module) -> bool:
    return any(weight.requires_grad for weight in module.parameters())
