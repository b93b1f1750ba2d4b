"""SDXL: two encoders, the size numbers, its names in files, and whole runs of it (S027, S039, S065, S090)."""

from __future__ import annotations

import json

import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from PIL import Image, ImageOps
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from curator.contract.base_model.prediction import Chosen
from curator.contract.errors import UserError
from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.recipe import Optimizer
from curator.contract.run.events import Evaluated, SampleMade
from curator.contract.run.stop_signals import StopSignals
from train.adapters.apply import apply_adapter
from train.adapters.attach import attach, wishes
from train.families.base import ModelParts
from train.families.clip_text import TextRules, clip_tokenizer
from train.families.conditioning import Framing, whole
from train.families.family import AdapterRoots
from train.families.load import load_family
from train.families.rows import FAMILIES
from train.families.sdxl import Sdxl
from train.precision.arithmetic import Arithmetic
from train.prepare.job import prepare
from train.report import Reporter
from train.weights.ldm_names import unet_file_names
from train.weights.lora_file import read_lora

SDXL_CONFIG = FAMILIES["sdxl"].config
CAPTIONS = ["a photo of a cat", ""]
SQUARES = [whole((64, 64))] * 2


@pytest.fixture
def family(tiny_sdxl):
    return load_family(str(tiny_sdxl))


def test_text_is_what_sdxls_own_pipeline_tells(family, tiny_sdxl) -> None:
    """S027: both encoders' layer before the last, without norm; pooled text of the second; true paddings."""
    from diffusers import StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline.from_pretrained(str(tiny_sdxl))
    states, _, pooled, _ = pipeline.encode_prompt(CAPTIONS, do_classifier_free_guidance=False)
    told = family.condition(CAPTIONS, SQUARES)
    assert torch.allclose(told.states, states, atol=1e-6)
    assert torch.allclose(told.pooled, pooled, atol=1e-6)
    ids = [tokenizer("a", padding="max_length").input_ids[-1] for tokenizer in family.tokenizers]
    assert ids == [49407, 0]


def test_every_part_of_what_is_told_has_an_effect(family) -> None:
    noisy, times = torch.randn(1, 4, 8, 8), torch.tensor([400])
    framings = {
        "plain": Framing((640, 480), (0, 0), (64, 64)),
        "original": Framing((480, 640), (0, 0), (64, 64)),
        "corner": Framing((640, 480), (16, 0), (64, 64)),
        "target": Framing((640, 480), (0, 0), (64, 96)),
    }
    seen = [family.predict(noisy, times, family.condition(["a cat"], [each])) for each in framings.values()]
    seen.append(family.predict(noisy, times, family.condition(["a dog"], [framings["plain"]])))
    assert all(not torch.equal(one, other) for at, one in enumerate(seen) for other in seen[:at])


def test_size_numbers_are_height_first_and_never_rounded(family) -> None:
    """bf16 cannot hold 1333: the numbers stay in float32 up to their sinusoids."""
    assert Framing((1333, 999), (21, 7), (832, 1216)).numbers == (999, 1333, 7, 21, 1216, 832)
    heard: list[torch.Tensor] = []
    family.place(Arithmetic(torch.device("cpu"), torch.bfloat16))
    family.unet.add_time_proj.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        told = family.condition(["a"], [Framing((1333, 999), (21, 7), (832, 1216))])
        family.predict(torch.randn(1, 4, 8, 8), torch.tensor([400]), told)
    assert heard[0].tolist() == [999, 1333, 7, 21, 1216, 832]


def test_the_corner_is_the_manifests_and_mirrored_with_the_picture(make_run, tiny_sdxl, frozen) -> None:
    """S039: from the manifest to the numbers; the image, mirrored whole and cut there, is what is trained."""
    sizes = ((101, 40), (64, 64), (41, 101), (131, 65), (90, 61))
    run = make_run(
        f"model.path={tiny_sdxl}", "length.epochs=6", "cache.latents=off", frozen=frozen(sizes=sizes)
    )
    job = prepare(run, lambda _: Reporter(None), StopSignals())
    seen = [item for batch in job.data.reader.batches(0, job.data.plan.total_steps) for item in batch.items]
    assert {item.cut.flip for item in seen} == {False, True}
    moved = 0
    for item in seen:
        image = job.data.manifest.image(item.shown.row)
        left, top, right, _ = image.placement.crop
        mirrored = image.placement.resized[0] - right
        moved += item.cut.flip and mirrored != left
        numbers = item.framing.numbers
        assert numbers[:2] == image.size[::-1]
        assert numbers[2:4] == (top, mirrored if item.cut.flip else left)
        assert numbers[4:] == image.placement.bucket[::-1] == tuple(item.loaded.pixels.shape[1:])
        _, _, top, left, high, wide = numbers
        picture = _scaled(job.data.manifest.file_of(image), image.placement.resized)
        whole_one = ImageOps.mirror(picture) if item.cut.flip else picture
        cut = torch.tensor(list(whole_one.crop((left, top, left + wide, top + high)).tobytes()))
        assert torch.equal(cut.view(high, wide, 3).permute(2, 0, 1), item.loaded.pixels.long())
    assert moved
    told = job.stepper.family.condition(
        [item.caption for item in seen[:2]], [item.framing for item in seen[:2]]
    )
    assert told.sizes.tolist() == [list(map(float, item.framing.numbers)) for item in seen[:2]]


def _scaled(path, size: tuple[int, int]) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    shrinks = size[0] < picture.width or size[1] < picture.height
    return picture.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.LANCZOS)


def test_names_and_counts_at_sdxls_true_size() -> None:
    """kohya's: 722 linear modules, 788 with convolutions; the original layout's names."""
    with torch.device("meta"):
        config = UNet2DConditionModel.load_config(str(SDXL_CONFIG), subfolder="unet")
        unet = UNet2DConditionModel.from_config(config)
    roots = AdapterRoots(unet, (torch.nn.Module(),), unet_file_names(unet))
    for conv, count in ((0, 722), (1, 788)):
        knobs = Adapter(rank=1, alpha=1.0, conv_rank=conv)
        names = {wish.target.name for wish in wishes(roots, knobs, Optimizer(text_lr=0.0))}
        assert len(names) == count
        assert "lora_unet_input_blocks_8_1_transformer_blocks_9_attn2_to_out_0" in names
        assert "lora_unet_middle_block_1_proj_in" in names
        assert ("lora_unet_output_blocks_5_2_conv" in names) == bool(conv)
        assert not any("down_blocks" in name or "up_blocks" in name for name in names)


def test_the_shipped_parts_fit_each_other() -> None:
    """Text widths, pooled text and size numbers of the true model, without a single weight."""

    def part(kind, name):
        return kind.from_config(kind.load_config(str(SDXL_CONFIG), subfolder=name))

    with torch.device("meta"):
        encoders = [
            kind(CLIPTextConfig.from_pretrained(str(SDXL_CONFIG), subfolder=name))
            for kind, name in (
                (CLIPTextModel, "text_encoder"),
                (CLIPTextModelWithProjection, "text_encoder_2"),
            )
        ]
        unet, vae = part(UNet2DConditionModel, "unet"), part(AutoencoderKL, "vae")
    parts = ModelParts(
        family="sdxl",
        source="",
        tokenizers=(clip_tokenizer(), clip_tokenizer(pad_token="!")),
        text_encoders=tuple(encoders),
        vae=vae,
        unet=unet,
        scheduler_config=part(EulerDiscreteScheduler, "scheduler").config,
    )
    family = Sdxl(parts, chosen=Chosen("epsilon", False), clip_skip=1, text=TextRules())
    told = family.condition(CAPTIONS, [whole((1024, 1024))] * 2)
    assert (told.states.shape, told.pooled.shape) == ((2, 77, 2048), (2, 1280))
    noisy = torch.empty(2, 4, 128, 128, device="meta")
    assert family.predict(noisy, torch.zeros(2, device="meta"), told).shape == noisy.shape
    assert float(family.alphas_cumprod[-1]) == pytest.approx(0.00466, rel=1e-2)


def test_every_weight_of_the_adapter_gets_a_gradient(family) -> None:
    """Both text encoders; the first one's last layer is read by nobody and has no modules."""
    adapter = attach(family.adapter_roots, Adapter(rank=2, alpha=2.0), Optimizer(), seed=1)
    for weight in adapter.weights:
        weight.data.uniform_(-0.1, 0.1)
    told = family.condition(CAPTIONS, SQUARES)
    family.predict(torch.randn(2, 4, 16, 16), torch.tensor([5, 700]), told).square().sum().backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in adapter.weights)
    names = adapter.state()
    assert not any(name.startswith("lora_te1_text_model_encoder_layers_3_") for name in names)
    assert any(name.startswith("lora_te2_text_model_encoder_layers_3_") for name in names)


def test_a_file_with_diffusers_names_is_understood_too(tiny_sdxl) -> None:
    """Some programs write them; the change is the same."""
    predictions = []
    for style in ("original", "diffusers"):
        family = load_family(str(tiny_sdxl))
        names = {"original": "input_blocks_4_1", "diffusers": "down_blocks_1_attentions_0"}
        name = f"lora_unet_{names[style]}_proj_in"
        tensors = {f"{name}.lora_up.weight": torch.ones(32, 1), f"{name}.lora_down.weight": torch.ones(1, 32)}
        assert apply_adapter(family.adapter_roots, tensors) == 1
        told = family.condition(["a"], [whole((64, 64))])
        predictions.append(family.predict(torch.ones(1, 4, 8, 8), torch.tensor([400]), told))
    assert torch.equal(*predictions)


def test_a_run_of_the_preset(make_run, work, events_of, tiny_sdxl) -> None:
    """The recipe `sdxl-lora` with samples and evaluation; what the file says of itself (S090)."""
    pictures = ("sample.prompts=['a cat']", "sample.steps=2", "sample.width=64", "sample.height=96")
    run = make_run(
        f"model.path={tiny_sdxl}", "evaluate.images=1", "precision.mixed=bf16", *pictures, base="sdxl-lora",
    )  # fmt: skip
    assert work(run) == 0
    events = events_of(run)
    made = [run.path / event.path for event in events if isinstance(event, SampleMade)]
    assert [Image.open(path).size for path in made] == [(64, 96)] * 2
    before, after = (event.loss for event in events if isinstance(event, Evaluated))
    assert before != after
    tensors, metadata = read_lora(run.output_dir / "tiny.safetensors")
    for part in ("lora_unet_", "lora_te1_text_model_", "lora_te2_text_model_"):
        moved = [
            bool(value.any())
            for name, value in tensors.items()
            if name.startswith(part) and "up" in name and "te1_text_model_encoder_layers_3" not in name
        ]
        assert sum(moved) > 0.9 * len(moved) > 0
    assert metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert (metadata["modelspec.implementation"], metadata["modelspec.resolution"]) == ("sgm", "64x64")
    assert (metadata["modelspec.encoder_layer"], metadata["ss_v2"]) == ("2", "False")
    assert sum(json.loads(metadata["ss_tag_frequency"])["all"].values()) > 9


def test_another_family_than_the_recipes_is_refused(tiny_model, tiny_sdxl) -> None:
    with pytest.raises(UserError, match="is sdxl, and the recipe trains sd1"):
        load_family(str(tiny_sdxl), family="sd1")
    with pytest.raises(UserError, match="is sd1, and the recipe trains sdxl") as refused:
        load_family(str(tiny_model), family="sdxl")
    assert "model.family = 'sd1'" in refused.value.hint


def test_sdxl_has_one_text_layer(tiny_sdxl) -> None:
    """Other programs call it clip skip 2; a choice that would have no effect is refused."""
    for skip in (2, 3):
        with pytest.raises(UserError, match=f"clip_skip = {skip} would have no effect"):
            load_family(str(tiny_sdxl), clip_skip=skip)


def test_the_factor_is_sdxls(family) -> None:
    moments = family.encode_pictures(torch.zeros(1, 3, 32, 32))
    assert torch.allclose(family.latents(moments, None), moments.mean * 0.13025)
