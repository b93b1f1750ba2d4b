"""Base models turned into another layout, number type or size."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from curator.contract.errors import UserError
from curator.contract.merging.adapters import AdapterConversion, ModelConversion, conversion
from tests.train.small_models import BLOCK1, IDS, MIDDLE, small, small_adapter
from train.families.load import load_family
from train.families.rows import FAMILIES
from train.workshop import converting
from train.workshop.converting import ModelReport, convert_model
from train.workshop.open_model import open_model

OUT = Path("o.safetensors")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of a few tensors in the current folder."""
    monkeypatch.chdir(tmp_path)
    save_file(small(0), tmp_path / "a.safetensors")
    return tmp_path


def converted(model: str | Path, out: Path = OUT, *, replaces: bool = True, **says: Any) -> ModelReport:
    return convert_model(
        Path(model), out, ModelConversion(**says), lambda done, total: None, replaces=replaces
    )


@pytest.mark.parametrize("dtype", ["fp16", "bf16", "fp32"])
def test_weights_take_the_number_type_and_counters_do_not(dtype: str) -> None:
    converted("a.safetensors", dtype=dtype)
    made, before = load_file(OUT), small(0)
    wanted = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}[dtype]
    assert torch.equal(made[MIDDLE], before[MIDDLE].to(wanted))
    assert torch.equal(made[IDS], before[IDS])
    assert made["alphas_cumprod"].dtype is torch.float32
    converted(OUT, Path("back.safetensors"), dtype="fp16")
    if dtype != "bf16":
        back = load_file("back.safetensors")
        assert all(torch.equal(back[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("averages", "there", "averaged", "dropped"),
    [("drop", False, 0, 1), ("keep", True, 0, 0), ("use", False, 1, 0)],
)
def test_moving_averages(home: Path, averages: str, there: bool, averaged: int, dropped: int) -> None:
    """Pruned of them, kept, or in place of the weights."""
    name = "model_ema.diffusion_modelinput_blocks10in_layers2weight"
    mean = torch.full((8, 8, 3, 3), 0.5)
    save_file(small(0) | {name: mean}, home / "full.safetensors")
    report = converted("full.safetensors", averages=averages)
    made = load_file(OUT)
    assert (name in made) is there
    assert torch.equal(made[BLOCK1].float(), mean) is (averages == "use")
    assert (report.averaged, len(report.dropped)) == (averaged, dropped)
    assert made["model_ema.num_updates"] == 7


def test_numbers_beyond_the_type_are_told(home: Path) -> None:
    save_file(small(0, torch.float32) | {MIDDLE: torch.full((8, 8, 1, 1), 1e6)}, home / "a.safetensors")
    report = converted("a.safetensors", dtype="fp16")
    assert report.overflowed == {MIDDLE: 64}
    assert "64 numbers are beyond" in report.doubts[0]["what"]


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_folder_becomes_a_file_and_a_folder_bit_for_bit(
    request: pytest.FixtureRequest, family: str
) -> None:
    folder = request.getfixturevalue({"sd1": "tiny_model"}.get(family, f"tiny_{family}"))
    before = open_model(folder)
    converted(folder)
    converted(folder, Path("folder"))
    for made in (open_model(OUT), open_model(Path("folder"))):
        assert made.tensors == before.tensors
        assert all(torch.equal(made.whole(name), before.whole(name)) for name in before.tensors)
    for part in ("unet", "vae", "text_encoder"):
        for file in (folder / part).glob("*.safetensors"):
            mine, theirs = load_file(Path("folder") / part / file.name), load_file(file)
            assert all(torch.equal(mine[name], value) for name, value in theirs.items() if name in mine)
            assert mine.keys() <= theirs.keys()
    assert (Path("folder") / "model_index.json").is_file()
    converted("folder", Path("half"), dtype="fp16")
    weights = load_file("half/unet/diffusion_pytorch_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16}


@pytest.fixture
def of_family(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A family's small model, whose sizes count as the family's: single files do not tell them."""

    def found(family: str) -> Path:
        folder = request.getfixturevalue({"sd1": "tiny_model"}.get(family, f"tiny_{family}"))
        monkeypatch.setitem(FAMILIES, family, replace(FAMILIES[family], config=folder))
        return folder

    return found


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_a_file_becomes_a_folder_tensor_by_tensor(
    of_family: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    """Bit for bit, in the type of each tensor, and readable as a whole; few tensors are in memory at once."""
    folder = of_family(family)
    converted(folder, dtype="fp16")
    file, held = open_model(OUT), []

    def counted(work: Any, name: str) -> torch.Tensor:
        value = whole(work, name)
        held.append(weakref.ref(value))
        assert sum(each() is not None for each in held) <= 4  # of hundreds: at hand, being written, waiting
        return value

    whole = converting._Converted.whole
    monkeypatch.setattr(converting._Converted, "whole", counted)
    report = converted(OUT, Path("folder"))
    assert held
    made = open_model(Path("folder"))
    assert file.tensors.keys() - made.tensors.keys() <= set(report.dropped)
    assert all(
        torch.equal(made.whole(name), file.whole(name)) for name in made.tensors.keys() & file.tensors.keys()
    )
    before, after = (load_family(str(each), prediction="epsilon") for each in (folder, "folder"))
    for name, value in before.unet.state_dict().items():
        assert torch.equal(after.unet.state_dict()[name], value.half().float())
    with safe_open("folder/unet/diffusion_pytorch_model.safetensors", "pt") as opened:
        about = opened.metadata()
    assert about["frieze.converted"].startswith("o.safetensors (sha256 ")
    assert about["modelspec.implementation"] == "diffusers"


def test_a_folder_of_a_files_averages_and_of_none(of_family: Callable[[str], Path]) -> None:
    """Averages take the weights' place; beside them a folder has none, and what else has no place is told."""
    converted(of_family("sd1"), dtype="fp16")
    name = "model.diffusion_model.time_embed.0.weight"
    tensors = load_file(OUT)
    tensors |= {
        "model_ema.diffusion_modeltime_embed0weight": torch.full_like(tensors[name], 0.5),
        "model_ema.num_updates": torch.tensor(7),
        "betas": torch.zeros(3),
    }
    save_file(tensors, OUT)
    report = converted(OUT, Path("folder"), averages="use")
    assert (open_model(Path("folder")).whole(name) == 0.5).all()
    assert (report.averaged, "betas" in report.dropped) == (1, True)
    with pytest.raises(UserError, match="a folder has no place for moving averages"):
        converted(OUT, Path("other"), averages="keep")


@pytest.mark.parametrize(
    ("model", "out", "says", "words"),
    [
        ("a.safetensors", "a.safetensors", {}, "is one of the files it would be made of"),
        ("a.safetensors", "b.safetensors", {"replaces": False}, "b.safetensors is there already"),
        ("a.safetensors", "o.safetensors", {"averages": "use"}, "a.safetensors holds no moving averages"),
        ("lora.safetensors", "o.safetensors", {}, "lora.safetensors is a LoRA"),
        ("nan.safetensors", "o.safetensors", {"dtype": "fp32"}, "holds NaN or infinity"),
        ("gone.safetensors", "o.safetensors", {}, "there is no model file gone.safetensors"),
    ],
)
def test_what_cannot_be_is_said(home: Path, model: str, out: str, says: dict[str, Any], words: str) -> None:
    save_file(small(1), home / "b.safetensors")
    save_file(small_adapter(7), home / "lora.safetensors")
    save_file(small(1) | {MIDDLE: torch.full((8, 8, 1, 1), torch.nan).half()}, home / "nan.safetensors")
    before = {each.name: each.read_bytes() for each in home.iterdir()}
    with pytest.raises(UserError) as refused:
        converted(model, Path(out), **says)
    assert words in str(refused.value)
    assert {each.name: each.read_bytes() for each in home.iterdir()} == before


def test_what_only_the_other_has_is_refused() -> None:
    assert conversion(ModelConversion, {"dtype": "bf16"}).dtype == "bf16"
    with pytest.raises(UserError, match="--style is of adapters, and this is a base model"):
        conversion(ModelConversion, {"style": "kohya"})
    with pytest.raises(UserError, match="adapters have no --ema to change"):
        conversion(AdapterConversion, {"averages": "drop"})
    with pytest.raises(UserError, match="the conversion cannot be made"):
        conversion(AdapterConversion, {"style": "mine"})


def test_what_a_file_is_told_it_says(home: Path) -> None:
    """S090: beside what follows from its tensors; a folder is told nothing, and nobody tells an architecture."""
    told = ("title=Half", "modelspec.date=2023-07-29", "license=CreativeML Open RAIL++-M")
    converted("a.safetensors", spec=told)
    with safe_open("o.safetensors", "pt") as file:
        about = file.metadata()
    assert about["modelspec.title"] == "Half"
    assert about["modelspec.date"] == "2023-07-29"
    assert about["modelspec.license"] == "CreativeML Open RAIL++-M"
    for wrong, words in (
        ("architecture=sd1", "cannot be told"), ("title=", "cannot be told"), ("date=July", "no date"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=words):
            converted("a.safetensors", Path("p.safetensors"), spec=(wrong,))
    with pytest.raises(UserError, match="says nothing of itself"):
        converted("a.safetensors", Path("folder"), spec=told)
