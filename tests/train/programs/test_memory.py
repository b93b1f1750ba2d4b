"""Memory of a run told before it, part by part, is what the run holds after a step."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.event_log import EventLog
from curator.contract.run.stop_signals import StopSignals
from train.families.rows import FAMILIES
from train.prepare.job import prepare
from train.prepare.memory import memory_of
from train.programs.memory import main
from train.report import Reporter

FULL = ("trains=full", "optimizer.unet_lr=1e-4", "optimizer.text_lr=1e-4")
WORD = ("trains=embeddings", "embeddings.word=smile", "embeddings.initial=face", "embeddings.vectors=2")
SD1, SDXL = "tiny_model", "tiny_sdxl"
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "adapter": (SD1, ()),
    "adapter of two encoders": (SDXL, ()),
    "half the model": (SD1, ("precision.mixed=bf16", "adapter.kind=dora", "adapter.conv_rank=2")),
    "a text layer nobody reads": (SD1, ("model.clip_skip=2", "ema.decay=0.9")),
    "average on the CPU": (SDXL, ("ema.decay=0.9", "ema.device=cpu", "optimizer.text_lr=0")),
    "8-bit state of large weights alone": (SD1, ("optimizer.name=adamw8bit", "adapter.rank=64")),
    "full": (SD1, FULL),
    "full, text encoder alone": (SD1, (*FULL, "optimizer.unet_lr=0", "precision.mixed=bf16")),
    "full, rows and columns": (SDXL, (*FULL, "optimizer.text_lr=0", "optimizer.name=adafactor")),
    "full in bf16, and half the VAE": (
        SD1,
        (*FULL, "precision.mixed=bf16", "precision.weights=bf16", "precision.vae=fp16"),
    ),
    "frozen parts offloaded": (
        SDXL,
        ("optimizer.text_lr=0", "precision.mixed=bf16", "precision.vae=bf16", "precision.offload=both"),
    ),
    "a word": (SDXL, (*WORD, "optimizer.name=prodigy", "embeddings.lr=1")),
}


def bytes_of(tensors: Iterable[Tensor]) -> int:
    return sum(each.nbytes for each in {id(each): each for each in tensors}.values())


def tensors_of(*modules: nn.Module) -> Iterable[Tensor]:
    return chain.from_iterable((*each.parameters(), *each.buffers()) for each in modules)


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_a_run_holds(make_run, request, case: str) -> None:
    model, sets = CASES[case]
    run = make_run(f"model.path={request.getfixturevalue(model)}", *sets)
    told = memory_of(load_recipe(run.recipe_path), print)
    job = prepare(run, lambda _: Reporter(EventLog(run.events_path)), StopSignals())
    job.stepper.take(next(iter(job.data.feed.batches(0, 1))))
    live, trained = job.stepper.family, job.stepper.trained
    held = {
        "unet_bytes": bytes_of(tensors_of(live.unet)),
        "text_encoder_bytes": bytes_of(each for each in tensors_of(*live.text_encoders)),
        "vae_bytes": bytes_of(tensors_of(live.working_vae)),
        "gradient_bytes": bytes_of(each.grad for each in trained.weights if each.grad is not None),
        "average_bytes": bytes_of(getattr(trained, "_average", [])),
    }
    own = {id(each) for each in tensors_of(live.unet, *live.text_encoders)}
    held["adapter_bytes"] = bytes_of(each for each in trained.weights if id(each) not in own)
    state = [entry for entries in job.stepper.update.optimizer.state.values() for entry in entries.items()]
    held["optimizer_bytes"] = bytes_of(
        each for name, each in state if torch.is_tensor(each) and not name.startswith("qmap")
    )
    is_offloaded = "precision.offload=both" in sets
    on_cpu = {"average": "ema.device=cpu" in sets, "text_encoders": is_offloaded, "vae": is_offloaded}
    names = {"average": "average_bytes", "text_encoders": "text_encoder_bytes", "vae": "vae_bytes"}
    device = sum(held.values()) - sum(held[names[part]] for part, is_there in on_cpu.items() if is_there)
    there = {f"{part}_on_cpu": is_there for part, is_there in on_cpu.items()}
    assert asdict(told) == held | there | {"device_bytes": device}
    assert ("ema.decay=0.9" in sets) == (told.average_bytes > 0)


def test_a_full_size_model_is_told_without_its_weights(tmp_path: Path) -> None:
    """SDXL: 2,567 million weights of four bytes and as many gradients, eight bytes of AdamW's; large state by rows."""
    base = tmp_path / "r.toml"
    base.write_text("")
    sets = (f"model.path={FAMILIES['sdxl'].config}", *FULL, "optimizer.text_lr=0")
    told = memory_of(load_recipe(base, sets), print)
    assert told.unet_bytes == told.gradient_bytes == 4 * 2_567_463_684
    assert told.optimizer_bytes == pytest.approx(2 * told.unet_bytes, rel=1e-4)
    fused = ("precision.fused_backward=true", "optimizer.max_grad_norm=0", "precision.weights=bf16")
    least = memory_of(load_recipe(base, [*sets, *fused]), print)
    assert least.gradient_bytes < 0.01 * told.gradient_bytes
    assert (least.unet_bytes, least.optimizer_bytes) == (told.unet_bytes // 2, told.optimizer_bytes)
    small = memory_of(load_recipe(base, [*sets, "optimizer.name=adafactor"]), print)
    assert 0.05 * told.unet_bytes < small.optimizer_bytes < 0.15 * told.unet_bytes


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys) -> Callable[[object], tuple[int, str]]:
    """What the program answers of a model, in this process: its exit code and its words."""

    def asked(model: object) -> tuple[int, str]:
        text = f'[model]\npath = "{model}"\n'
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code = main()
        said = capsys.readouterr()
        return code, said.err if code else said.out

    return asked


def test_the_program(tiny_model: Path, ask) -> None:
    code, said = ask(tiny_model)
    assert (code, json.loads(said)["unet_bytes"] > 0) == (0, True)
    code, said = ask("/nowhere/model")
    assert (code, "there is no model" in said) == (2, True)


class Code:
    """Pickled as a call."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("obeyed",)


def test_tensors_are_compared_by_name_and_shape_alone(tiny_model: Path, tmp_path: Path, ask) -> None:
    """A folder whose weights are missing, of another shape, cut short or a pickle with code; NaN is not looked for."""
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    name = "conv_in.bias"

    def saved(changed: dict[str, Tensor]) -> tuple[int, str]:
        save_file(changed, path)
        return ask(folder)

    assert saved({**tensors, name: tensors[name] * float("nan"), "odd": torch.zeros(1)})[0] == 0
    code, said = saved({**tensors, name: torch.zeros(7)})
    assert (code, f"the tensor '{name}' of its UNet is 7, not" in said) == (2, True)
    code, said = saved({each: value for each, value in tensors.items() if each != name})
    assert (code, f"lacks the tensor '{name}' of its UNet" in said) == (2, True)
    path.write_bytes(path.read_bytes()[:-100])
    code, said = ask(folder)
    assert (code, "was cut short: 100 bytes are missing" in said) == (2, True)
    path.unlink()
    code, said = ask(folder)
    assert (code, "unet holds no weights" in said) == (2, True)
    torch.save({"conv_in.bias": Code()}, folder / "unet" / "diffusion_pytorch_model.bin")
    code, said = ask(folder)
    assert (code, "would run code when it is opened" in said, "obeyed" in said) == (2, True, False)


def test_an_optimizer_that_cannot_be_made_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    base = tmp_path / "r.toml"
    base.write_text("")
    sets = ["optimizer.name=nowhere.Adam", "optimizer.trust_class=true", f"model.path={tiny_model}"]
    with pytest.raises(UserError, match="nowhere"):
        memory_of(load_recipe(base, sets), print)


def test_the_command_tells_it(freeze, tiny_model: Path, capsys) -> None:
    from curator.cli.main import dispatch

    asked = [
        "train",
        str(freeze().manifest),
        "--recipe",
        "sd15-lora",
        "--model",
        str(tiny_model),
        "--dry-run",
    ]
    knobs = ("ema.decay=0.9", "ema.device=cpu", "model.clip_skip=1", "precision.offload=vae")
    sets = [word for knob in knobs for word in ("--set", knob)]
    assert dispatch([*asked, *sets, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["memory"]
    assert dispatch([*asked, *sets]) == 0
    said = capsys.readouterr().out
    for name, part in (
        ("UNet", "unet"),
        ("gradients", "gradient"),
        ("optimizer", "optimizer"),
        ("adapter", "adapter"),
    ):
        assert f"{name} {told[part + '_bytes'] / 2**20:,.1f} MiB" in said
    assert f"{told['average_bytes'] / 2**20:,.1f} MiB of the CPU's memory for the average" in said
    assert f"{told['vae_bytes'] / 2**20:,.1f} MiB of the CPU's memory for the VAE" in said
    assert f"{told['device_bytes'] / 2**20:,.1f} MiB of memory and what a batch needs" in said


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"latent_channels": 16}, "makes latents of 16 channels, and Stable Diffusion takes 4"),
        ({"in_channels": 1}, "has in_channels = 1, and images have 3 channels"),
        ({"out_channels": 4}, "has out_channels = 4, and images have 3 channels"),
    ],
)
def test_a_vae_of_other_channels_is_refused(
    tiny_model: Path, tmp_path: Path, about: dict[str, int], said: str
) -> None:
    """Told by its configuration, before any weight is read."""
    other, recipe = tmp_path / "vae", tmp_path / "r.toml"
    other.mkdir()
    usual = json.loads((tiny_model / "vae" / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(usual | about))
    recipe.write_text("")
    with pytest.raises(UserError, match=said):
        memory_of(load_recipe(recipe, [f"model.path={tiny_model}", f"model.vae={other}"]), print)
