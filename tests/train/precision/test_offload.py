"""Frozen parts that rest in the CPU's memory: on the device while they work, never before or after, to the same end.

The device is the meta device, which has no numbers: where weights lie shows all the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.events import Evaluated, SampleMade, StepDone, Warned
from train.families.conditioning import whole
from train.families.family import Family
from train.families.load import load_family
from train.precision.arithmetic import Arithmetic
from train.precision.offload import Offloaded
from train.prepare.memory import memory_of

CPU, DEVICE = torch.device("cpu"), torch.device("meta")
PIXELS = torch.zeros(1, 3, 32, 32)
FRAMING = whole((32, 32))


def tensors_of(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def devices_of(module: nn.Module) -> set[str]:
    return {each.device.type for each in tensors_of(module)}


@contextmanager
def seen_at_work(*modules: nn.Module) -> Iterator[list[set[str]]]:
    """Where the weights of `modules` lie whenever one of their leaves is computed."""
    seen: list[set[str]] = []
    hooks = [
        leaf.register_forward_pre_hook(lambda leaf, _: seen.append(devices_of(leaf)))
        for module in modules
        for leaf in module.modules()
        if any(True for _ in leaf.parameters(recurse=False))
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def offloaded(model: Path, device: torch.device = DEVICE, vae: torch.dtype = torch.float32) -> Family:
    family = load_family(str(model))
    family.place(Arithmetic(device, vae=vae, offloads_vae=True, offloads_text=True))
    return family


@pytest.fixture
def copies(monkeypatch) -> list[weakref.ref[Tensor]]:
    """All that was copied to a device, as long as it lives."""
    made: list[weakref.ref[Tensor]] = []
    copy = Offloaded._copy

    def copied(self: Offloaded, *args) -> Tensor:
        found = copy(self, *args)
        made.append(weakref.ref(found))
        return found

    monkeypatch.setattr(Offloaded, "_copy", copied)
    return made


@pytest.mark.parametrize(("name", "part"), [("sd1", "vae"), ("sd1", "text"), ("sdxl", "text")])
def test_parts_are_on_the_device_while_they_work_alone(tiny_of, copies, name: str, part: str) -> None:
    """S071: the UNet stays there; what is copied is let go, and the weights that rest are the same ones after it."""
    family = offloaded(tiny_of(name))
    modules = family.text_encoders if part == "text" else (family.vae,)
    resting = [id(each) for module in modules for each in tensors_of(module)]
    assert devices_of(family.unet) == {"meta"}
    with seen_at_work(*modules) as seen:
        if part == "text":
            family.condition(["a cat"], [FRAMING])
        else:
            family.encode_pictures(PIXELS)
    assert seen
    assert set(chain.from_iterable(seen)) == {"meta"}
    assert all(devices_of(each) == {"cpu"} for each in (family.vae, *family.text_encoders))
    assert [id(each) for module in modules for each in tensors_of(module)] == resting
    assert len(copies) == len(resting)
    assert not any(copy() is not None for copy in copies)


def test_many_images_in_one_piece_of_work_move_the_vae_once(tiny_model: Path, copies) -> None:
    family = offloaded(tiny_model, CPU)
    with family.vae_at_work():
        for _ in range(2):
            family.encode_pictures(PIXELS)
    assert len(copies) == len(tensors_of(family.vae))
    family.encode_pictures(PIXELS)
    assert len(copies) == 2 * len(tensors_of(family.vae))


@pytest.mark.parametrize("numbers", [torch.float32, torch.bfloat16, torch.float16])
def test_the_vae_says_the_same_and_is_held_once(tiny_model: Path, numbers: torch.dtype) -> None:
    """S071: in fewer digits too; the one that rests is in float32, and mends what overflows fp16."""
    kept = load_family(str(tiny_model))
    kept.place(Arithmetic(CPU, vae=numbers))
    family = offloaded(tiny_model, CPU, numbers)
    images = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1
    images[1] *= 1e6
    one, other = kept.encode_pictures(images), family.encode_pictures(images)
    assert torch.equal(one.mean, other.mean)
    assert other.mean.isfinite().all()
    assert torch.equal(kept.decode(one.mean[:1]), family.decode(one.mean[:1]))
    assert family.working_vae is family.vae
    assert {each.dtype for each in family.vae.parameters()} == {torch.float32}


def test_a_run_gives_the_same_weights(make_run, work, events_of) -> None:
    """S071, S077: no latents kept, samples and measurements on the way; told where there is nothing to spare."""
    sets = (
        "optimizer.text_lr=0.0",
        "cache.latents=off",
        "precision.vae=bf16",
        "sample.prompts=['a cat']",
        "sample.width=64",
        "sample.height=64",
        "sample.steps=1",
        "sample.at_start=false",
        "evaluate.images=1",
        "length.steps=1",
    )
    found = []
    for offload in ("none", "both"):
        run = make_run(*sets, f"precision.offload={offload}", name=offload)
        assert work(run) == 0
        events = events_of(run)
        (sample,) = [run.path / event.path for event in events if isinstance(event, SampleMade)]
        numbers = [event.loss for event in events if isinstance(event, (StepDone, Evaluated))]
        weights = load_file(run.output_dir / f"{offload}.safetensors")
        found.append((numbers, sample.read_bytes(), {name: each.tolist() for name, each in weights.items()}))
        told = [event.what for event in events if isinstance(event, Warned)]
        assert ("precision.offload spares nothing: there is no GPU" in told) == (offload == "both")
    assert found[0] == found[1]


def test_memory_is_told_without_them(tiny_model: Path, tmp_path: Path) -> None:
    base = tmp_path / "r.toml"
    base.write_text("")
    sets = [f"model.path={tiny_model}", "optimizer.text_lr=0.0"]
    plain = memory_of(load_recipe(base, sets), print)
    for offload, spared in (
        ("vae", plain.vae_bytes),
        ("text", plain.text_encoder_bytes),
        ("both", plain.vae_bytes + plain.text_encoder_bytes),
    ):
        told = memory_of(load_recipe(base, [*sets, f"precision.offload={offload}"]), print)
        assert (told.vae_on_cpu, told.text_encoders_on_cpu) == (offload != "text", offload != "vae")
        assert plain.device_bytes - told.device_bytes == spared > 0


def test_text_encoders_that_a_rule_trains_are_refused(make_run, work, capsys) -> None:
    run = make_run(
        "optimizer.text_lr=0.0",
        "adapter.rules=['lora_te* lr=1e-3']",
        "precision.offload=text",
        "length.steps=1",
    )
    assert work(run) == 3
    assert (
        "precision.offload = 'text' cannot be followed: text encoders are trained" in capsys.readouterr().err
    )
