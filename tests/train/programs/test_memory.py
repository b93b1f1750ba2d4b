"""Memory of a run told before it, part by part, is what the run holds after a step."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import pytest
import torch
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
    job.stepper.take(next(iter(job.data.reader.batches(0, 1))))
    live, trained = job.stepper.family, job.stepper.trained
    held = {
        "unet_bytes": bytes_of(tensors_of(live.unet)),
        "text_encoder_bytes": bytes_of(each for each in tensors_of(*live.text_encoders)),
        "vae_bytes": bytes_of(tensors_of(live.vae)),
        "gradient_bytes": bytes_of(each.grad for each in trained.weights if each.grad is not None),
        "average_bytes": bytes_of(getattr(trained, "_average", [])),
    }
    own = {id(each) for each in tensors_of(live.unet, *live.text_encoders)}
    held["adapter_bytes"] = bytes_of(each for each in trained.weights if id(each) not in own)
    state = [entry for entries in job.stepper.optimizer.state.values() for entry in entries.items()]
    held["optimizer_bytes"] = bytes_of(
        each for name, each in state if torch.is_tensor(each) and not name.startswith("qmap")
    )
    on_cpu = "ema.device=cpu" in sets
    device = sum(held.values()) - (held["average_bytes"] if on_cpu else 0)
    assert asdict(told) == held | {"average_on_cpu": on_cpu, "device_bytes": device}
    assert ("ema.decay=0.9" in sets) == (told.average_bytes > 0)


def test_a_full_size_model_is_told_without_its_weights(tmp_path: Path) -> None:
    """SDXL: 2,567 million weights of four bytes and as many gradients, eight bytes of AdamW's; large state by rows."""
    base = tmp_path / "r.toml"
    base.write_text("")
    sets = (f"model.path={FAMILIES['sdxl'].config}", *FULL, "optimizer.text_lr=0")
    told = memory_of(load_recipe(base, sets), print)
    assert told.unet_bytes == told.gradient_bytes == 4 * 2_567_463_684
    assert told.optimizer_bytes == pytest.approx(2 * told.unet_bytes, rel=1e-4)
    small = memory_of(load_recipe(base, [*sets, "optimizer.name=adafactor"]), print)
    assert 0.05 * told.unet_bytes < small.optimizer_bytes < 0.15 * told.unet_bytes


def test_the_program(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def ask(text: str) -> int:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return main()

    assert ask(f'[model]\npath = "{tiny_model}"\n') == 0
    assert json.loads(capsys.readouterr().out)["unet_bytes"] > 0
    assert ask('[model]\npath = "/nowhere/model"\n') == 2
    assert "there is no model" in capsys.readouterr().err


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
    sets = ["--set", "ema.decay=0.9", "--set", "ema.device=cpu", "--set", "model.clip_skip=1"]
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
