"""SD2: the text layer it reads, its paddings, its names in files, whole runs of it (S027, S069)."""

from __future__ import annotations

import json

import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.recipe import Optimizer
from curator.contract.run.events import SampleMade, StepDone
from train.adapters.attach import attach, wishes
from train.families.clip_text import text_model_path
from train.families.conditioning import whole
from train.families.family import AdapterRoots
from train.families.load import load_family
from train.families.rows import FAMILIES
from train.models.empty import empty_text_encoder, empty_unet
from train.objective.noise import keyed_normal
from train.weights.lora_file import read_lora

CAPTIONS = ["a photo of a cat", ""]


def test_text_is_what_sd2s_own_pipeline_tells(tiny_sd2) -> None:
    """The last layer that diffusers keeps, which is the penultimate of the encoder; padded with "!"."""
    family = load_family(str(tiny_sd2))
    pipeline = StableDiffusionPipeline.from_pretrained(str(tiny_sd2), safety_checker=None)
    states, _ = pipeline.encode_prompt(CAPTIONS, torch.device("cpu"), 2, do_classifier_free_guidance=False)
    told = family.condition(CAPTIONS, [whole((64, 64))] * 2).states
    assert torch.allclose(told, states[::2], atol=1e-6)
    assert family.tokenizers[0]("a", padding="max_length").input_ids[-1] == 0
    assert FAMILIES["sd2"].text[0].shipped_tokenizer()("a", padding="max_length").input_ids[-1] == 0


@pytest.mark.parametrize(
    ("name", "text", "unet", "with_conv"), [("sd1", 72, 192, 278), ("sd2", 138, 192, 278)]
)
def test_modules_at_true_size(name, text, unet, with_conv) -> None:
    """kohya's counts, of UNets and encoders without weights; SDXL's are in `test_sdxl`."""
    row = FAMILIES[name]
    with torch.device("meta"):
        encoder, net = empty_text_encoder(row.config, row.text[0]), empty_unet(row.config)

    roots = AdapterRoots(net, (text_model_path(encoder),))

    def count(knobs: Adapter, prefix: str) -> int:
        found = wishes(roots, knobs, Optimizer())
        return sum(wish.target.name.startswith(prefix) for wish in found)

    assert count(Adapter(rank=1), "lora_te_text_model_encoder_layers_") == text
    assert count(Adapter(rank=1), "lora_unet_") == unet
    assert count(Adapter(rank=1, conv_rank=1), "lora_unet_") == with_conv


@pytest.mark.parametrize(
    ("prediction", "architecture", "version", "side"),
    [
        ("epsilon", "stable-diffusion-v2-512", "sd_v2", 512),
        ("v_prediction", "stable-diffusion-v2-768-v", "sd_v2_v", 768),
    ],
)
def test_a_run(make_run, work, events_of, tiny_sd2, prediction, architecture, version, side) -> None:
    run = make_run(
        f"model.path={tiny_sd2}", f"model.prediction={prediction}", "sample.prompts=['a cat']", "sample.steps=2",
        "sample.width=64", "sample.height=64",
    )  # fmt: skip
    assert work(run) == 0
    made = [run.path / event.path for event in events_of(run) if isinstance(event, SampleMade)]
    assert [Image.open(path).size for path in made] == [(64, 64)] * 2
    tensors, metadata = read_lora(run.output_dir / "tiny.safetensors")
    for part in ("lora_unet_down_blocks_", "lora_te_text_model_encoder_layers_3_"):
        assert any(
            bool(value.any()) for name, value in tensors.items() if name.startswith(part) and "up" in name
        )
    assert (metadata["ss_v2"], metadata["ss_base_model_version"]) == ("True", version)
    assert metadata["modelspec.architecture"] == f"{architecture}/lora"
    assert metadata["modelspec.prediction_type"] == ("v" if prediction == "v_prediction" else "epsilon")
    assert (metadata["modelspec.encoder_layer"], metadata["ss_clip_skip"]) == ("2", "1")
    assert load_family(str(tiny_sd2), prediction=prediction).facts.native_side == side


def test_a_resumed_run_is_the_run_that_was_not_stopped(
    make_run, work, events_of, tiny_sd2, monkeypatch
) -> None:
    """Bit for bit: killed at its state after two of four steps, and gone on with."""
    sets = (f"model.path={tiny_sd2}", "length.steps=4", "save.state_every_steps=2")
    whole_run = make_run(*sets, name="whole")
    assert work(whole_run) == 0
    cut = make_run(*sets, name="cut")

    from train.step import Stepper

    take = Stepper.take

    def fail_at_third(self, batch):
        if batch.step == 2:
            raise RuntimeError("killed")
        return take(self, batch)

    monkeypatch.setattr(Stepper, "take", fail_at_third)
    assert work(cut) == 3
    monkeypatch.setattr(Stepper, "take", take)
    assert work(cut) == 0
    (ours, _), (theirs, _) = (
        read_lora(run.output_dir / f"{run.info().name}.safetensors") for run in (cut, whole_run)
    )
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    steps = [event.step for event in events_of(cut) if isinstance(event, StepDone)]
    assert sorted(set(steps)) == [1, 2, 3, 4]
    assert json.loads((cut.path / "exit.json").read_text())["how"] == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_small_overfit_halves_the_loss(tiny_sd2, prediction) -> None:
    """Two images, the same noise and times again and again."""
    family = load_family(str(tiny_sd2), prediction=prediction)
    knobs = Adapter(rank=16, alpha=16.0, conv_rank=16, conv_alpha=16.0)
    adapter = attach(family.adapter_roots, knobs, Optimizer(), seed=1)
    optimizer = torch.optim.AdamW(adapter.weights, lr=1e-2)
    noise = torch.stack([keyed_normal((4, 8, 8), index) for index in range(2)])
    latents = torch.stack([keyed_normal((4, 8, 8), 10 + index) for index in range(2)])
    times = torch.tensor([300, 700])
    from train.objective.loss import sample_losses, target_of
    from train.objective.noise_schedule import add_noise

    alphas = family.alphas_cumprod[times]
    target = target_of(family.facts.prediction, latents, noise, alphas)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        told = family.condition(CAPTIONS, [whole((64, 64))] * 2)
        loss = sample_losses(family.predict(add_noise(latents, noise, alphas), times, told), target).mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
