"""Full fine-tune: weights that are meant move and no others; saved as a model that loads; resumed exactly (S060)."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file

from curator.contract.run.events import CheckpointSaved, Evaluated, StepDone
from curator.contract.run.stop_signals import StopSignals
from train.families.conditioning import whole
from train.families.load import load_family
from train.prepare.job import prepare
from train.report import Reporter

FULL = (
    "trains=full",
    "full.format=folder",
    "optimizer.unet_lr=1e-3",
    "optimizer.text_lr=1e-3",
    "length.steps=2",
)


@pytest.fixture
def full_run(make_run):
    return lambda *sets, name="full", model=None: make_run(
        *FULL, *([f"model.path={model}"] if model else []), *sets, name=name
    )


def part(folder: Path, name: str) -> dict[str, torch.Tensor]:
    (file,) = (folder / name).glob("*.safetensors")
    return load_file(file)


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sdxl"])
def test_only_what_is_meant_moves(request, full_run, work, model: str) -> None:
    """S060, S083: UNet and text encoders, without their embeddings and without layers nobody reads; not the VAE."""
    base = request.getfixturevalue(model)
    run = full_run(model=base)
    assert work(run) == 0
    out = run.output_dir / "full"
    assert len(moved(part(base, "unet"), part(out, "unet"))) == len(part(base, "unet"))
    assert not moved(part(base, "vae"), part(out, "vae"))
    text = part(base, "text_encoder")
    touched = moved(text, part(out, "text_encoder"))
    resting = {name for name in text if "_embedding." in name}
    if model == "tiny_sdxl":
        resting |= {name for name in text if "layers.1." in name or "final_layer_norm" in name}
    assert touched == text.keys() - resting
    if model == "tiny_sdxl":
        second = part(base, "text_encoder_2")
        assert moved(second, part(out, "text_encoder_2")) == {n for n in second if "_embedding." not in n}


def test_a_text_encoder_without_a_rate_rests_and_embeddings_move_if_wanted(
    full_run, work, events_of, tiny_model
) -> None:
    """S051: bit-equal at 0, and neither a gradient nor the optimiser's memory is kept for it."""
    still = full_run("optimizer.text_lr=0", name="still")
    assert work(still) == 0
    assert {group for event in events_of(still) if isinstance(event, StepDone) for group in event.lr} == {
        "unet"
    }
    assert not moved(part(tiny_model, "text_encoder"), part(still.output_dir / "still", "text_encoder"))
    every = full_run("full.embeddings=true", "optimizer.unet_lr=0", name="every")
    assert work(every) == 0
    touched = moved(part(tiny_model, "text_encoder"), part(every.output_dir / "every", "text_encoder"))
    assert {name for name in touched if "_embedding." in name} == {
        f"text_model.embeddings.{name}_embedding.weight" for name in ("token", "position")
    }
    assert not moved(part(tiny_model, "unet"), part(every.output_dir / "every", "unet"))


def test_what_is_saved_loads(full_run, work, events_of) -> None:
    """S064: in the precision asked for, pruned; by us and by diffusers alike; it says what it is."""
    run = full_run(
        "save.dtype=fp16", "save.every_steps=1", "save.keep_last=1", "length.steps=3", "precision.mixed=bf16"
    )
    assert work(run) == 0
    assert sorted(path.name for path in run.output_dir.iterdir()) == ["full", "full-step00000003"]
    saved = [event.path for event in events_of(run) if isinstance(event, CheckpointSaved)]
    assert saved[-1] == "output/full"
    out = run.output_dir / "full"
    assert {
        tensor.dtype for name in ("unet", "text_encoder", "vae") for tensor in part(out, name).values()
    } == {torch.float16}
    with safe_open(out / "unet" / "diffusion_pytorch_model.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1"
    assert metadata["ss_steps"] == "3"
    assert "ss_network_module" not in metadata
    family = load_family(str(out))
    theirs = StableDiffusionPipeline.from_pretrained(str(out), safety_checker=None, local_files_only=True)
    noisy, time_ = torch.ones(1, 4, 8, 8), torch.tensor([300])
    with torch.no_grad():
        told = family.condition(["a cat"], [whole((64, 64))])
        said = theirs.unet(noisy, time_, told.states).sample
        assert torch.allclose(family.predict(noisy, time_, told), said, atol=1e-4)
    assert (
        json.loads((out / "scheduler" / "scheduler_config.json").read_text())["prediction_type"] == "epsilon"
    )


def test_a_single_file_is_the_folder(full_run, work, tiny_model: Path) -> None:
    """S064: what other programs read, by default; the same weights as the folder's."""
    folder, file = full_run(name="folder"), full_run("full.format=file", name="file")
    assert work(folder) == 0
    assert work(file) == 0
    one = load_family(str(folder.output_dir / "folder"))
    other = load_family(str(file.output_dir / "file.safetensors"), config=tiny_model)
    for mine, theirs in zip(one.unet.parameters(), other.unet.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    with safe_open(file.output_dir / "file.safetensors", "pt") as opened:
        assert opened.metadata()["ss_steps"] == "2"


def test_killed_and_resumed_equals_uninterrupted(full_run, work, kill_after, start_worker) -> None:
    """S079."""
    sets = ("length.steps=5", "save.state_every_steps=2")
    whole_run = full_run(*sets, name="whole")
    assert work(whole_run) == 0
    killed = full_run(*sets, name="killed")
    kill_after(killed, 3)
    assert start_worker(killed).wait() == 0, killed.log_path.read_text()
    for name in ("unet", "text_encoder"):
        one = part(whole_run.output_dir / "whole", name)
        assert not moved(one, part(killed.output_dir / "killed", name))


def test_it_learns(full_run, work, events_of) -> None:
    run = full_run(
        "length.steps=20", "evaluate.images=4", "optimizer.text_lr=0", "optimizer.unet_lr=3e-3", name="learns"
    )
    assert work(run) == 0
    first, last = [event.loss for event in events_of(run) if isinstance(event, Evaluated)]
    assert last < 0.8 * first


@pytest.mark.parametrize(
    ("optimizer", "model"), [("adamw", "tiny_model"), ("adamw", "tiny_sdxl"), ("lion", "tiny_model")]
)
def test_nothing_is_held_twice(request, full_run, optimizer: str, model: str) -> None:
    """After a step: the model, a gradient a trained number, and what the optimiser's facts tell; no second copy."""
    base = request.getfixturevalue(model)
    gc.collect()
    before = storages()
    run = full_run(f"optimizer.name={optimizer}", "cache.latents=off", model=base)
    job = prepare(run, lambda _: Reporter(None), StopSignals())
    job.stepper.take(next(job.data.feed.batches(0, 1)))
    gc.collect()
    held = sum(size for place, size in storages().items() if place not in before)
    family, trained = job.stepper.family, job.stepper.trained
    numbers = sum(weight.numel() for weight in trained.weights)
    modules = (family.unet, family.vae, *family.text_encoders)
    model_bytes = sum(4 * weight.numel() for module in modules for weight in module.parameters())
    promised = model_bytes + numbers * (4 + job.recipe.optimizer.facts.state_bytes)
    assert promised <= held <= 1.01 * promised  # beside them: tables of the noise schedule, counters of steps


def storages() -> dict[int, int]:
    """Bytes of every tensor's memory that is alive, by its address: views of one memory count once.

    Tensors that stand for others while a model is compiled have no memory.
    """
    kinds = (torch.Tensor, torch.nn.Parameter)
    alive = [each for each in gc.get_objects() if type(each) in kinds and not each.is_meta]
    tensors = [each for each in alive if not torch._is_functional_tensor(each)]
    gradients = [each.grad for each in tensors if each.is_leaf and each.grad is not None]
    found = (each.untyped_storage() for each in (*tensors, *gradients))
    return {each.data_ptr(): each.nbytes() for each in found}
