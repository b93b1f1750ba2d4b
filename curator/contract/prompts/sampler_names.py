"""Names of samplers, as recipes and prompt lines have them; each is a scheduler of diffusers."""

from __future__ import annotations

from typing import Literal, get_args

SamplerName = Literal[
    "ddim",
    "pndm",
    "lms",
    "euler",
    "euler_a",
    "heun",
    "dpm_2",
    "dpm_2_a",
    "dpmsolver",
    "dpmsolver++",
    "dpmsingle",
    "k_lms",
    "k_euler",
    "k_euler_a",
    "k_dpm_2",
    "k_dpm_2_a",
    "dpmpp_2m",
]
SAMPLER_NAMES: tuple[str, ...] = get_args(SamplerName)
# Other names of the same: those of k-diffusion as sd-scripts has them, and one that user interfaces have.
ALSO_CALLED = {
    "k_lms": "lms",
    "k_euler": "euler",
    "k_euler_a": "euler_a",
    "k_dpm_2": "dpm_2",
    "k_dpm_2_a": "dpm_2_a",
    "dpmpp_2m": "dpmsolver++",
}
