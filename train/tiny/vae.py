"""Initial weights of the tiny VAE: it averages colours, so that a minute of teaching is enough.

A random VAE needs thousands of steps before it shows any colour, because its last normalisation takes the level
of each group of channels away. Here a colour x travels in a group as (x, -x, K, -K): the constants keep the
group's deviation, and silu(x) - silu(-x) = x makes the way through the last activation exactly linear.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

_COLOURS = 3
_CONSTANT = 3.0  # well above any colour (-1..1)
_RANDOM_LEFT = 0.1  # of the random start; what is left is where learning begins
_LOGVAR = -6.0


@torch.no_grad()
def start_as_averaging(vae: AutoencoderKL) -> None:
    """Turn random weights into averaging over 8x8 pixels and smooth enlarging, plus a little randomness."""
    for name, weight in vae.named_parameters():
        if name.endswith(("conv2.weight", "to_out.0.weight")):
            weight.mul_(_RANDOM_LEFT)  # residual branches start near nothing
    groups = vae.config.norm_num_groups
    _start_encoder(vae.encoder, groups)
    _start_decoder(vae.decoder, groups)
    for plain in (vae.quant_conv, vae.post_quant_conv):
        plain.weight.copy_(torch.eye(plain.weight.shape[0])[:, :, None, None])
        plain.bias.zero_()


def _start_encoder(encoder: nn.Module, groups: int) -> None:
    average = torch.zeros(3, 3)
    average[:2, :2] = 0.25
    _carry(encoder.conv_in, _centre(3), _plain(_COLOURS), _travelling(encoder.conv_in.out_channels, groups))
    for block in encoder.down_blocks:
        for resnet in block.resnets:
            _carry_shortcut(resnet, groups)
        for sampler in block.downsamplers or ():
            _carry(sampler.conv, average, *_same(sampler.conv, groups))
    _carry_out(encoder.conv_out, groups)
    latents = encoder.conv_out.out_channels // 2
    encoder.conv_out.weight[latents:] *= _RANDOM_LEFT
    encoder.conv_out.bias[latents:] = _LOGVAR


def _start_decoder(decoder: nn.Module, groups: int) -> None:
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    latents = _plain(_COLOURS)
    _carry(decoder.conv_in, _centre(3), latents, _travelling(decoder.conv_in.out_channels, groups))
    for block in decoder.up_blocks:
        for resnet in block.resnets:
            _carry_shortcut(resnet, groups)
        for sampler in block.upsamplers or ():
            _carry(sampler.conv, torch.outer(row, row), *_same(sampler.conv, groups))
    _carry_out(decoder.conv_out, groups)


Channels = list[tuple[int, float]]  # channel and sign: where each colour travels


def _plain(count: int) -> list[Channels]:
    return [[(index, 1.0)] for index in range(count)]


def _travelling(width: int, groups: int) -> list[Channels]:
    size = width // groups
    return [[(index * size, 1.0), (index * size + 1, -1.0)] for index in range(_COLOURS)]


def _same(conv: nn.Conv2d, groups: int) -> tuple[list[Channels], list[Channels]]:
    return _travelling(conv.in_channels, groups), _travelling(conv.out_channels, groups)


def _carry_shortcut(resnet: nn.Module, groups: int) -> None:
    if resnet.conv_shortcut is not None:
        _carry(resnet.conv_shortcut, _centre(1), *_same(resnet.conv_shortcut, groups))


def _carry(conv: nn.Conv2d, kernel: Tensor, sources: list[Channels], targets: list[Channels]) -> None:
    """Let `conv` take colours from `sources` to `targets`, and set the constants beside them."""
    conv.weight.mul_(_RANDOM_LEFT)
    conv.bias.zero_()
    for source, target in zip(sources, targets, strict=True):
        origin, sign_in = source[0]
        for channel, sign in target:
            conv.weight[channel].zero_()
            conv.weight[channel, origin] = sign * sign_in * kernel
        after = target[-1][0] + 1
        conv.weight[after : after + 2].zero_()
        conv.bias[after], conv.bias[after + 1] = _CONSTANT, -_CONSTANT


def _carry_out(conv: nn.Conv2d, groups: int) -> None:
    """The last convolution undoes the normalisation's scale: group size / 2 of (x, -x, K, -K, 0, ...)."""
    size = conv.in_channels // groups
    scale = _CONSTANT * (2.0 / size) ** 0.5
    conv.weight.mul_(_RANDOM_LEFT)
    conv.bias.zero_()
    for index, channels in enumerate(_travelling(conv.in_channels, groups)):
        conv.weight[index].zero_()
        for channel, sign in channels:
            conv.weight[index, channel] = sign * scale * _centre(3)


def _centre(size: int) -> Tensor:
    kernel = torch.zeros(size, size)
    kernel[size // 2, size // 2] = 1.0
    return kernel
