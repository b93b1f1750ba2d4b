"""Base models only PyTorch can look at, before a run: pickles read whole, a hub's by its configuration (S070)."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from curator.contract.recipe.toml_file import dump_recipe, load_recipe
from tests.train.original_layout import original_layout
from train.families import load
from train.families.rows import FAMILIES
from train.programs.check_model import main
from train.tiny.base import build


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys) -> Callable[..., tuple[int, str]]:
    def run(model: object, *sets: str) -> tuple[int, str]:
        recipe = load_recipe("sd15-lora", ["model.clip_skip=1", f"model.path={model}", *sets])
        stdin = io.TextIOWrapper(io.BytesIO(dump_recipe(recipe).encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        code = main()
        said = capsys.readouterr()
        return code, said.err if code else said.out

    return run


def test_a_pickle_is_read_whole(check, tiny_model: Path, tmp_path: Path, monkeypatch) -> None:
    """Sound: told what is odd. Else refused by name: a tensor that is missing, NaN, a text layer that is not there."""
    monkeypatch.setitem(FAMILIES, "sd1", replace(FAMILIES["sd1"], config=tiny_model))
    tensors = original_layout(build(seed=0, family="sd1"), "sd1")
    name = next(each for each in sorted(tensors) if each.startswith("model.diffusion_model.out"))
    path = tmp_path / "m.ckpt"

    def saved(changed: dict[str, torch.Tensor]) -> Path:
        torch.save({"state_dict": changed}, path)
        return path

    code, said = check(saved({**tensors, "odd.weight": torch.zeros(1)}))
    assert code == 0
    assert "'odd.weight'" in json.loads(said)[0]["what"]
    assert check(path, "model.clip_skip=9")[1].startswith("model.clip_skip is 9")
    assert "is sd1, and the recipe trains sdxl" in check(path, "model.family=sdxl")[1]
    nan = tensors[name].clone()
    nan.view(-1)[0] = float("nan")
    code, said = check(saved({**tensors, name: nan}))
    assert (code, "holds NaN or infinity" in said, name in said) == (2, True, True)
    code, said = check(saved({each: value for each, value in tensors.items() if each != name}))
    assert (code, f"lacks the tensor '{name}'" in said) == (2, True)


def test_a_model_of_the_hub_by_its_configuration(check, tiny_model: Path, monkeypatch) -> None:
    monkeypatch.setattr(load, "fetch_about", lambda _name: tiny_model)
    assert check("owner/name") == (0, "[]\n")
    code, said = check("owner/name", "model.clip_skip=9")
    assert (code, said.startswith("model.clip_skip is 9")) == (2, True)
