"""Sample images and evaluation: repeatable, and without a trace in the training (S077, S027)."""

from __future__ import annotations

import inspect

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from curator.contract.manifest.manifest import open_manifest
from curator.contract.prompts.sampler_names import SAMPLER_NAMES
from curator.contract.recipe.recipe import SamplePictures
from train.evaluate import Evaluation
from train.families.load import load_family
from train.preview.samplers import make_sampler
from train.preview.samples import SamplingStoppedError, Wanted, make_picture, wanted_pictures

CPU = torch.device("cpu")


def wanted(**changes) -> Wanted:
    about = {"prompt": "a cat", "negative": "", "seed": 3, "steps": 3, "cfg": 4.0, "width": 64, "height": 128}
    return Wanted(**{**about, "sampler": "ddim", **changes})


@pytest.fixture
def family(tiny_model):
    return load_family(str(tiny_model))


@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_pictures_are_repeatable_and_leave_the_generators_alone(family, sampler) -> None:
    """S077: bit test of torch's global generator; each seed its own image."""
    before = torch.get_rng_state()
    one = np.asarray(make_picture(family, wanted(sampler=sampler), CPU, lambda: True))
    assert torch.equal(torch.get_rng_state(), before)
    assert one.shape == (128, 64, 3)
    torch.manual_seed(99)
    assert (np.asarray(make_picture(family, wanted(sampler=sampler), CPU, lambda: True)) == one).all()
    assert (np.asarray(make_picture(family, wanted(sampler=sampler, seed=4), CPU, lambda: True)) != one).any()


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sdxl"])
def test_a_picture_is_what_diffusers_own_pipeline_makes(request, model) -> None:
    """Guidance, both encoders, pooled text and size numbers included."""
    folder = str(request.getfixturevalue(model))
    family, pipeline = load_family(folder), DiffusionPipeline.from_pretrained(folder)
    pipeline.scheduler = make_sampler("ddim", family.scheduler_config)
    theirs = pipeline(
        "a cat",
        negative_prompt="",
        width=64,
        height=128,
        num_inference_steps=3,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(3),
        output_type="np",
    ).images[0]
    ours = np.asarray(make_picture(family, wanted(), CPU, lambda: True)) / 255
    assert np.abs(ours - theirs).max() < 0.01


@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_a_sampler_follows_the_models_own_schedule(family, sampler) -> None:
    """Also to zero signal, where the model was made so."""
    plain = make_sampler(sampler, family.scheduler_config)
    assert torch.allclose(plain.alphas_cumprod, family.alphas_cumprod, atol=1e-6)
    rescaled = make_sampler(sampler, {**family.scheduler_config, "rescale_betas_zero_snr": True})
    assert float(rescaled.alphas_cumprod[-1]) < 1e-6


DIFFUSERS = {
    "ddim": ("DDIM", {"clip_sample": False, "set_alpha_to_one": False}),
    "pndm": ("PNDM", {"skip_prk_steps": True}),
    "lms": ("LMSDiscrete", {}),
    "euler": ("EulerDiscrete", {}),
    "euler_a": ("EulerAncestralDiscrete", {}),
    "heun": ("HeunDiscrete", {}),
    "dpm_2": ("KDPM2Discrete", {}),
    "dpm_2_a": ("KDPM2AncestralDiscrete", {}),
    "dpmsolver": (
        "DPMSolverMultistep",
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
    ),
    "dpmsolver++": ("DPMSolverMultistep", {}),
    "dpmsingle": ("DPMSolverSinglestep", {"lower_order_final": True}),
}


@pytest.mark.parametrize("name", SAMPLER_NAMES)
def test_a_sampler_makes_what_diffusers_scheduler_makes_in_its_pipeline(tiny_model, family, name) -> None:
    """S077: the eleven samplers of the seed and sd-scripts' names for them, noise of the ancestral ones included."""
    plain = {"dpmpp_2m": "dpmsolver++"}.get(name, name.removeprefix("k_"))
    scheduler, settings = DIFFUSERS[plain]
    kind = getattr(diffusers, f"{scheduler}Scheduler")
    given = inspect.signature(kind.__init__).parameters
    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    offset = {"steps_offset": 1} if "steps_offset" in given else {}
    pipeline = DiffusionPipeline.from_pretrained(str(tiny_model))
    pipeline.scheduler = kind(**schedule, **settings, **offset)
    theirs = pipeline(
        "a cat",
        negative_prompt="",
        width=64,
        height=64,
        num_inference_steps=5,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(3),
        output_type="np",
    ).images[0]
    ours = make_picture(family, wanted(sampler=name, steps=5, height=64), CPU, lambda: True)
    assert np.abs(np.asarray(ours) / 255 - theirs).max() < 0.01


def test_every_knob_of_a_picture_has_an_effect(family) -> None:
    plain = np.asarray(make_picture(family, wanted(), CPU, lambda: True))
    for changes in (
        {"prompt": "a dog"},
        {"negative": "blurry"},
        {"cfg": 1.0},
        {"steps": 2},
        {"sampler": "euler"},
    ):
        assert (np.asarray(make_picture(family, wanted(**changes), CPU, lambda: True)) != plain).any(), (
            changes
        )


def test_sampling_can_be_given_up(family) -> None:
    answers = iter([True, False])
    with pytest.raises(SamplingStoppedError):
        make_picture(family, wanted(), CPU, lambda: next(answers))


def test_evaluation_does_not_depend_on_the_run(family, freeze) -> None:
    """Fixed noise and timesteps: the same number twice, whatever torch's generator holds."""
    with open_manifest(freeze().manifest) as manifest:
        first = Evaluation(manifest, family, [0, 3, 5], CPU).measure(torch.no_grad, lambda _: True)
        torch.manual_seed(77)
        assert first
        assert Evaluation(manifest, family, [0, 3, 5], CPU).measure(torch.no_grad, lambda _: True) == first
        assert first.images == 3
        assert Evaluation(manifest, family, [0, 3, 5], CPU).measure(torch.no_grad, lambda _: False) is None


def test_sample_pictures_are_as_large_as_their_family_was_made_for(tiny_model, tiny_sdxl) -> None:
    """S077: 512 for SD1, 1024 for SDXL, each side by itself; what is given is kept."""
    for folder, side in ((tiny_model, 512), (tiny_sdxl, 1024)):
        native = load_family(str(folder)).facts.native_side
        recipe = SamplePictures(prompts=("a", "b"))
        sizes = {(each.width, each.height) for each in wanted_pictures(recipe, native)}
        assert sizes == {(side, side)}
        (given,) = wanted_pictures(SamplePictures(prompts=("a",), width=64), native)
        assert (given.width, given.height) == (64, side)


def test_a_line_gives_its_own_options_and_the_recipe_the_rest() -> None:
    recipe = SamplePictures(
        prompts=("a --n b --w 128 --d 9 --l 1.5 --s 3 --ss k_lms", "c"),
        negative="dull",
        seed=5,
        cfg=4.0,
        height=96,
    )
    first, second = wanted_pictures(recipe, 512)
    assert first == Wanted("a", "b", 9, 3, 1.5, 128, 96, "k_lms")
    assert second == Wanted("c", "dull", 6, 20, 4.0, 512, 96, "euler_a")
