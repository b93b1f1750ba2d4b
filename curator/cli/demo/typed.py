"""Demo's ordinary commands: each is told as one would type it, and run in the demo's folder."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

from curator.cli.shared.output import say
from curator.contract.errors import ExitCode, UserError

_GRID = """\
title = "What the LoRA does"
model = "base"
adapter = ["", "{lora}@0.5", "{lora}"]
prompt = ["coffee, cup, red cup", "cat, animal, tabby"]
seed = 1
steps = 16
scale = 4.0
sampler = "ddim"
width = 64
height = 64
"""
_LOKR = ("adapter.kind=lokr", "adapter.lokr.factor=4", "length.epochs=0", "length.steps=12")


def step(name: str, text: str) -> None:
    """One thing the demo does."""
    say(f"{name:>12}  {text}")


def tag(folder: Path) -> None:
    """A tagger that looks at colours proposes, and what it proposes becomes tags."""
    shipped = resources.files("curator.cli") / "demo" / "tagger"
    with resources.as_file(shipped) as tagger:
        shutil.copytree(tagger, folder / "tagger")
    step("tag", "a tagger of four labels proposes; thresholds can move afterwards without asking it again")
    _type(folder, "propose", "./tagger", "--wait")
    _type(folder, "tag", "accept", "--model", "tagger", "--yes")


def more_weights(folder: Path, lora: Path) -> None:
    """A LoKr of the same manifest, the LoRA baked into the model, and a grid of its ratios.

    Raises:
        UserError: a command fails.
    """
    step("LoKr", "another kind of adapter, of the same manifest; --set changes any knob of the recipe")
    sets = [word for each in _LOKR for word in ("--set", each)]
    _type(folder, "train", "demo", "--recipe", "tiny-demo", "--model", "base", "--name", "lokr", *sets)
    step("bake", "the LoRA put into the model for good, and every layer compared")
    where = os.path.relpath(lora, folder)
    _type(folder, "model", "bake", "base", f"{where}@0.8", "--out", "baked", "--verify", "--quiet")
    step("grid", "the model without the LoRA, with half of it and with all of it, from the same noise")
    (folder / "grid.toml").write_text(_GRID.format(lora=where), "utf-8")
    _type(folder, "grid", "grid.toml", "--out", "grid")


def _type(folder: Path, *words: str) -> None:
    step("", f"frieze {shlex.join(words)}")
    done = subprocess.run([sys.executable, "-m", "curator", *words], cwd=folder, check=False)
    if done.returncode:
        raise UserError(
            f"frieze {words[0]} failed", f"it says why above; try it again in {folder}", ExitCode.RUN_FAILED
        )
