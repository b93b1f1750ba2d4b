"""Images of a grid: adapters swapped on one loaded model, the same noise in every cell, collapsed images marked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from curator.contract.grid.job import GridImage, GridJob, image_file, made_image
from curator.contract.recipe.recipe import Model, Recipe
from curator.contract.recipe.toml_file import dump_recipe
from curator.contract.run.sample_job import SampleJob
from tests.train.small_models import write_tiny_lora
from train.adapters.apply import apply_adapter
from train.adapters.live import LiveAdapters
from train.families.load import load_family
from train.preview import stage
from train.preview.collapse import collapse_of
from train.preview.render import render
from train.programs.render_grid import render_grid


def image(name: str, *adapters: tuple[str, float], seed: int = 5, **others: object) -> GridImage:
    made = GridImage(name, 0, adapters, 1, "a cat", "", seed, 2, 7.0, 64, 64, "ddim")
    return replace(made, **others)


@pytest.fixture
def recipe(tiny_model: Path) -> str:
    return dump_recipe(Recipe(model=Model(path=str(tiny_model))))


def pixels(folder: Path, name: str) -> np.ndarray:
    with Image.open(image_file(folder, name)) as picture:
        return np.asarray(picture)


def test_a_ratio_in_a_grid_is_the_image_that_sample_makes_and_the_base_is_read_once(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """S088: live ratios swap in memory; taken off, the weights are what they were, bit for bit."""
    first, second = (
        write_tiny_lora(tmp_path / "a.safetensors", 1),
        write_tiny_lora(tmp_path / "b.safetensors", 2),
    )
    loads: list[object] = []
    load = stage.load_of_recipe
    monkeypatch.setattr(stage, "load_of_recipe", lambda *given: loads.append(given) or load(*given))
    images = (
        image("plain"),
        image("half", (first, 0.5)),
        image("both", (first, 1.0), (second, 0.7)),
        image("again"),
        image("other seed", seed=6),
    )
    render_grid(GridJob((recipe,), images, str(tmp_path)))
    assert len(loads) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["done"] for each in told] == [0, 1, 2, 3, 4, 5]
    assert (pixels(tmp_path, "plain") == pixels(tmp_path, "again")).all()
    noises = [made_image(tmp_path, each.name).noise for each in images]
    assert len(set(noises[:4])) == 1
    assert noises[4] != noises[0]
    for name, adapters in (("half", ((first, 0.5),)), ("both", ((first, 1.0), (second, 0.7)))):
        toml = recipe.replace("prompts = []", "prompts = ['a cat --w 64 --h 64 --d 5 --s 2 --ss ddim']")
        assert toml != recipe
        render(SampleJob(toml, adapters, str(tmp_path / name)))
        with Image.open(tmp_path / name / "sample-0000.png") as made:
            assert (np.asarray(made) == pixels(tmp_path, name)).all()
        assert (pixels(tmp_path, name) != pixels(tmp_path, "plain")).any()


def test_live_adapters_equal_applied_ones_and_leave_no_trace(tiny_model: Path, tmp_path: Path) -> None:
    """S088: after any ratio the weights are those of the plain model again."""
    file, odd = (
        write_tiny_lora(tmp_path / "a.safetensors", 1),
        write_tiny_lora(tmp_path / "odd.safetensors", 1, width=31),
    )
    family, applied = load_family(str(tiny_model)), load_family(str(tiny_model))
    before = {name: weight.clone() for name, weight in family.unet.state_dict().items()}
    live = LiveAdapters(family.adapter_roots, [file, odd])
    for ratio in (0.3, 1.0):
        live.put_on([(file, ratio)])
    apply_adapter(applied.adapter_roots, load_file(file), 1.0)
    for name, weight in applied.unet.state_dict().items():
        assert torch.equal(weight, family.unet.state_dict()[name])
    with pytest.raises(Exception, match=r"odd\.safetensors: .*another size"):
        live.put_on([(file, 1.0), (odd, 1.0)])
    assert all(torch.equal(weight, before[name]) for name, weight in family.unet.state_dict().items())


def test_settings_stay_with_the_image_and_what_fails_costs_its_own_cells(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_tiny_lora(tmp_path / "nan.safetensors", 1, value=float("nan"))
    named = write_tiny_lora(tmp_path / 'it, "is".safetensors', 1)
    gone = str(tmp_path / "gone.safetensors")
    images = (
        image("gone", (gone, 1.0)),
        image("nan", (broken, 1.0)),
        image("fine", (named, 0.5)),
        image("deep", clip_skip=9),
    )
    bad = dump_recipe(Recipe(model=Model(path=str(tmp_path / "no model"))))
    job = GridJob((recipe, bad), (*images, image("none", model=1)), str(tmp_path))
    render_grid(job)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = {each["failed"]["name"]: each["failed"]["what"] for each in told if "failed" in each}
    assert set(failed) == {"gone", "deep", "none"}
    assert "gone.safetensors" in failed["gone"]
    assert "clip_skip is 9" in failed["deep"]
    assert made_image(tmp_path, "nan").collapsed == "NaN"
    fine = made_image(tmp_path, "fine")
    assert (fine.collapsed, fine.adapters, fine.seed) == ("", ((named, 0.5),), 5)
    with Image.open(image_file(tmp_path, "fine")) as picture:
        said = picture.text["parameters"]  # type: ignore[attr-defined]  # of PNG files
    assert said.splitlines()[0] == "a cat"
    assert 'Clip skip: 1, Adapters: "it, \\"is\\": 0.5"' in said


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (torch.full((3, 8, 8), -1.0), "near black"),
        (torch.full((3, 8, 8), 0.3), "flat"),
        (torch.full((3, 8, 8), float("nan")), "NaN"),
        (torch.linspace(-1, 1, 192).reshape(3, 8, 8), ""),
        (torch.where(torch.arange(8) < 1, 0.9, -1.0).expand(3, 8, 8), ""),
    ],
    ids=["black", "flat", "nan", "fine", "dark with a light"],
)
def test_the_guard(pixels: torch.Tensor, said: str) -> None:
    assert collapse_of(pixels) == said
