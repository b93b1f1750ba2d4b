"""Names of tensors in single files, at the families' true sizes; diffusers' own converters are the oracle."""

from __future__ import annotations

import hashlib

import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)

from train.families.load import load_family
from train.families.rows import FAMILIES
from train.models import layout
from train.models.empty import empty_text_encoder, empty_unet, empty_vae
from train.models.save import single_file_plan

# Tensors of UNet, VAE and text in published checkpoints (SDXL's 2,515 are these and two buffers), and a digest of all
# names and shapes, kept for ever.
GOLDEN = {
    "sd1": ((686, 248, 196), "373c6bbd3fb3a51c"),
    "sd2": ((686, 248, 292 - 12), "6b00a6fba7548ff9"),  # without the layer that is not read
    "sdxl": ((1680, 248, 196 + 389), "6ae113e68e3f2e43"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_names_and_shapes_of_full_size_files(name) -> None:
    row = FAMILIES[name]
    unet, vae = empty_unet(row.config), empty_vae(row.config)
    plans = [layout.planned(unet, layout.ldm_unet(unet)), layout.planned(vae, layout.ldm_vae(vae)), {}]
    for part in row.text:
        encoder = empty_text_encoder(row.config, part)
        plans[2] |= layout.planned(encoder, layout.ldm_text(encoder, part))
    shapes = {key: each.shape for plan in plans for key, each in plan.items()}
    lines = [f"{key} {'x'.join(map(str, shapes[key]))}" for key in sorted(shapes)]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    assert (tuple(map(len, plans)), digest) == GOLDEN[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_diffusers_reads_the_file_as_the_same_model(tiny_of, name) -> None:
    """Through its own four converters, which know nothing of our table."""
    family = load_family(str(tiny_of(name)))
    plan = {key: each.read().clone() for key, each in single_file_plan(family).items()}
    unet = convert_ldm_unet_checkpoint(dict(plan), config=dict(family.unet.config))
    assert_holds(unet, family.unet)
    assert_holds(convert_ldm_vae_checkpoint(dict(plan), dict(family.vae.config)), family.vae)
    for encoder, part in zip(family.text_encoders, FAMILIES[name].text, strict=True):
        if part.style == "clip":
            found = convert_ldm_clip_checkpoint(dict(plan), remove_prefix=part.prefix)
        else:
            found = convert_open_clip_checkpoint(encoder, dict(plan), prefix=part.prefix)
        assert_holds({key.removeprefix("text_model."): value for key, value in found.items()}, encoder)


def assert_holds(found, module) -> None:
    for key, value in module.state_dict().items():
        assert torch.equal(found[key.removeprefix("text_model.")].reshape(value.shape), value), key
