"""Precision in a recipe: what cannot be followed is refused; what changes no weight is no part of a run's identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.identity import differences, knobs_of
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import load_recipe

BF16 = "precision.weights=bf16"
FUSED = ("precision.fused_backward=true", "trains=full", "optimizer.max_grad_norm=0.0")


@pytest.fixture
def recipe(tmp_path: Path):
    path = tmp_path / "plain.toml"
    path.write_text("")
    return lambda *sets: load_recipe(path, list(sets))


@pytest.mark.parametrize(
    ("sets", "why", "hint"),
    [
        ((BF16, "precision.mixed=fp32"), "arithmetic of bf16", "precision.mixed = 'bf16'"),
        ((BF16, "precision.mixed=fp16"), "arithmetic of bf16", "precision.mixed = 'bf16'"),
        ((BF16, "trains=embeddings", "embeddings.word=sls"), "kilobytes", "leave precision.weights out"),
        (
            (BF16, "optimizer.name=prodigy", "optimizer.unet_lr=1.0", "optimizer.text_lr=1.0"),
            "all weights",
            "adamw",
        ),
        ((BF16, "optimizer.name=adamw_schedulefree", "schedule.name=constant"), "all weights", "adamw"),
        ((BF16, "ema.decay=0.999"), "average", "ema.decay"),
        (("precision.fused_backward=true", "optimizer.max_grad_norm=0.0"), "whole model", "trains = 'full'"),
        ((*FUSED, "batch.accumulate=2"), "batch.accumulate", "batch.accumulate = 1"),
        ((*FUSED, "optimizer.max_grad_norm=1.0"), "optimizer.max_grad_norm", "optimizer.max_grad_norm = 0"),
        ((*FUSED, "precision.mixed=fp16"), "fp16", "precision.mixed = 'bf16'"),
        (
            ("precision.offload=both", "optimizer.text_lr=1e-4"),
            "text encoders are trained",
            "offload = 'vae'",
        ),
        (
            ("precision.offload=text", "trains=embeddings", "embeddings.word=sls"),
            "text encoders are trained, and stay on the device",
            "precision.offload = 'vae' or 'none'",
        ),
        (
            ("precision.compile=auto", "adapter.kind=dylora"),
            "drawn in each pass",
            "precision.compile = 'off'",
        ),
        (
            ("precision.compile=whole", "adapter.rules=['*attn2* kind=dylora']"),
            "drawn in each pass",
            "another kind",
        ),
        (("precision.attention=flash", "precision.mixed=fp32"), "no arithmetic in fp32", "another kernel"),
        (
            (*FUSED, "optimizer.name=torch.optim.LBFGS", "optimizer.trust_class=true"),
            "torch.optim.LBFGS looks at all weights",
            "adamw",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(recipe, sets: tuple[str, ...], why: str, hint: str) -> None:
    """S056, S071, B12."""
    with pytest.raises(UserError) as caught:
        recipe(*sets)
    assert why in caught.value.what
    assert hint in caught.value.hint


def test_what_can_be_followed_is_read(recipe) -> None:
    assert recipe(*FUSED, BF16, "optimizer.name=adafactor").precision.fused_backward
    assert recipe("precision.offload=vae", "optimizer.text_lr=1e-4").precision.offloads_vae
    assert recipe("precision.offload=both", "optimizer.text_lr=0").precision.offloads_text
    assert recipe("precision.mixed=fp16", "precision.vae=fp16").precision.vae == "fp16"


def test_identity_covers_what_changes_weights_alone(recipe) -> None:
    """S079: the way is free, the numbers are not; and recipes of before have them at their defaults."""
    plain = knobs_of(Recipe())
    assert differences(knobs_of(recipe(*FUSED[1:])), knobs_of(recipe(*FUSED))) == []
    assert differences(plain, knobs_of(recipe("precision.offload=vae", "cache.captions_mib=0"))) == []
    for key, value in (("weights", "bf16"), ("mixed", "fp16"), ("vae", "bf16")):
        changed = knobs_of(recipe(f"precision.{key}={value}"))
        assert [key for key, *_ in differences(plain, changed)] == [f"precision.{key}"]
    older = {key: value for key, value in plain.items() if key not in ("precision.weights", "precision.vae")}
    assert differences(older, plain) == []
