"""Shapes of tiny base models: the true architectures of SD1, SD2 and SDXL at a hundredth of their width.

Weights are random and CLIP's vocabulary is real; only the VAE starts as something sensible.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from train.families.clip_text import clip_tokenizer
from train.tiny.vae import start_as_averaging

_XL_WIDTHS = (32, 48)  # of its two text encoders
_XL_POOLED = 40
_XL_SIZE_WIDTH = 16  # of each of the six size numbers


def tiny_sd1(prediction: str) -> StableDiffusionPipeline:
    """Four levels, one text encoder."""
    return _one_encoder(prediction, "quick_gelu", "<|endoftext|>", attention_head_dim=8)


def tiny_sd2(prediction: str) -> StableDiffusionPipeline:
    """As SD1, with OpenCLIP's activation and padding, linear projections, and heads that grow in number."""
    return _one_encoder(prediction, "gelu", "!", attention_head_dim=(2, 4, 4, 4), use_linear_projection=True)


def _one_encoder(prediction: str, activation: str, pad: str, **unet: Any) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=_vae(scaling_factor=0.18215),
        text_encoder=_apart(CLIPTextModel(_text(64, activation, projection=64))),
        tokenizer=clip_tokenizer(pad),
        unet=UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(32, 64, 64, 64),
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            layers_per_block=2,
            norm_num_groups=8,
            cross_attention_dim=64,
            **unet,
        ),
        scheduler=DDIMScheduler(**_schedule(prediction), clip_sample=False, set_alpha_to_one=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def tiny_sdxl(prediction: str) -> StableDiffusionXLPipeline:
    """Three levels, the first without attention; two text encoders, pooled text, size numbers."""
    first, second = _XL_WIDTHS
    return StableDiffusionXLPipeline(
        vae=_vae(scaling_factor=0.13025),
        text_encoder=_apart(CLIPTextModel(_text(first, "quick_gelu", projection=first))),
        text_encoder_2=_apart(CLIPTextModelWithProjection(_text(second, "gelu", projection=_XL_POOLED))),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(pad_token="!"),  # noqa: S106 (a token of the vocabulary)
        unet=UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(32, 32, 64),
            down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
            up_block_types=("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",),
            layers_per_block=2,
            transformer_layers_per_block=(1, 1, 2),
            norm_num_groups=8,
            attention_head_dim=(2, 2, 4),
            cross_attention_dim=first + second,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=_XL_SIZE_WIDTH,
            projection_class_embeddings_input_dim=_XL_POOLED + 6 * _XL_SIZE_WIDTH,
        ),
        scheduler=EulerDiscreteScheduler(**_schedule(prediction), timestep_spacing="leading"),
        add_watermarker=False,
    )


def _vae(scaling_factor: float) -> AutoencoderKL:
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=128,
        scaling_factor=scaling_factor,
    )
    start_as_averaging(vae)
    return vae


def _text(width: int, activation: str, projection: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=projection,
        hidden_act=activation,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )


def _apart(encoder: Any) -> Any:
    """At CLIP's own start words hardly differ, and a minute of teaching is too short to part them."""
    with torch.no_grad():
        encoder.get_input_embeddings().weight.mul_(10.0)
    return encoder


def _schedule(prediction: str) -> dict[str, Any]:
    return {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "steps_offset": 1,
        "prediction_type": prediction,
    }
