"""Merges of models of a few tensors: what goes together, what is told, what is refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from curator.contract.errors import UserError
from curator.contract.merging.recipe import MergeRecipe, load_merge
from tests.train.small_models import (
    BLOCK1,
    CONV,
    IDS,
    MIDDLE,
    TEXT,
    UNET,
    UPDATES,
    small,
    write_small_models,
)
from train.families.load import load_family
from train.workshop.merging import MergeReport, carry_out
from train.workshop.open_model import open_model

OUT = Path("o.safetensors")
ROOT = Path(__file__).parents[3]
VAE = "first_stage_model.decoder.conv_in.weight"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three models in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_small_models(tmp_path)
    return tmp_path


def merge(models: str, out: Path = OUT, *, replaces: bool = True, **says: Any) -> MergeReport:
    """A merge of models named without their endings."""
    paths = tuple(name if "." in name else f"{name}.safetensors" for name in models.split())
    return carry_out(MergeRecipe(models=paths, **says), out, lambda done, total: None, replaces=replaces)


@pytest.mark.parametrize("preset", ["high-res", "low-res"])
def test_the_lists_of_26_numbers_that_ship(home: Path, preset: str) -> None:
    """S086: each block of the first model is 0 and of the second 1, so the result shows the number of each."""
    numbers = {
        "high-res": [0, 0, 1, 1, 0.67, 0.67, 0.33, 0.33, *[0] * 11, 0.33, 0.33, 0.67, 0.67, 1, 1, 0],
        "low-res": [*[0] * 7, 0.33, 0.33, 0.67, 0.67, 1, 1, 1, 1, 1, 0.67, 0.67, 0.33, 0.33, *[0] * 6],
    }[preset]
    places = [
        f"{TEXT}x", *(f"{UNET}input_blocks.{i}.0.x" for i in range(12)), f"{UNET}middle_block.0.x",
        *(f"{UNET}output_blocks.{i}.0.x" for i in range(12)),
    ]  # fmt: skip
    assert len(numbers) == len(places) == 26
    for name, value in (("zero", 0.0), ("one", 1.0)):
        save_file({place: torch.full((2,), value) for place in places}, home / f"{name}.safetensors")
    merge("zero one", blocks=load_merge(preset).blocks)
    made = load_file(OUT)
    assert [round(float(made[place][0]), 6) for place in places] == numbers


def test_a_difference_beyond_float16_whose_sum_is_within(home: Path) -> None:
    """Case 20-merge-integers-and-overflow (AUTOMATIC1111/stable-diffusion-webui#14074).

    Computed in float32; what leaves the range of float16 is told by name and set to the largest number. Numbers of
    positions and counters are copied, not averaged.
    """
    models = {name: load_file(f"{name}.safetensors") for name in "abc"}
    planted = {
        "a": (100.0, -60000.0, 60000.0),
        "b": (60000.0, 60000.0, 60000.0),
        "c": (60000.0, -60000.0, 0.0),
    }
    for name, values in planted.items():
        models[name][MIDDLE][0, :3, 0, 0] = torch.tensor(values)
        save_file(models[name], home / f"{name}.safetensors")
    report = merge("a b c", method="add-difference")
    assert load_file(OUT)[MIDDLE][0, :3, 0, 0].tolist() == [100.0, 60000.0, 65504.0]
    assert report.overflowed == {MIDDLE: 1}
    assert torch.equal(load_file(OUT)[IDS], torch.arange(77)[None])
    assert load_file(OUT)[UPDATES].shape == ()
    assert load_file(OUT)[UPDATES] == 7
    assert "1 numbers are beyond" in report.doubts[0]["what"]
    wide = merge("a b c", method="add-difference", dtype="fp32")
    assert (wide.overflowed, float(load_file(OUT)[MIDDLE][0, 2, 0, 0])) == ({}, 120000.0)


def test_what_has_no_counterpart_is_listed(home: Path) -> None:
    a, b = small(0), small(1)
    del b[VAE]
    save_file(b | {"extra.weight": torch.ones(3)}, home / "b.safetensors")
    report = merge("a b")
    assert (report.only_in_first, report.only_in_others) == ((VAE,), {"b.safetensors": ["extra.weight"]})
    assert torch.equal(load_file(OUT)[VAE], a[VAE])
    told = [doubt["what"] for doubt in report.doubts]
    assert told[0].startswith("1 tensor is in a.safetensors alone")
    assert told[1].startswith("1 tensor of b.safetensors not in a.safetensors")
    assert (report.doubts[1]["hint"], merge("b a").doubts[1]["hint"]) == (
        "left out",
        "left out: the result has no VAE, for b.safetensors has none",
    )


def test_moving_averages_are_left_out_and_told(home: Path) -> None:
    """They would be of the model before the merge, and programs may read them in its place."""
    save_file(small(0) | {"model_ema.diffusion_modelout2weight": torch.ones(4)}, home / "a.safetensors")
    report = merge("a b")
    assert [name for name in load_file(OUT) if name.startswith("model_ema")] == ["model_ema.num_updates"]
    assert "1 moving average " in report.doubts[0]["what"]


def test_text_encoders_of_old_names_meet(home: Path) -> None:
    old = {name.replace(TEXT, TEXT.removesuffix("text_model.")): value for name, value in small(1).items()}
    save_file(old, home / "b.safetensors")
    assert merge("a b").only_in_first == ()


def test_inpainting_merges_its_first_channels(home: Path) -> None:
    wide, plain = small(0, channels=9), small(1)
    save_file(wide, home / "wide.safetensors")
    save_file(plain, home / "plain.safetensors")
    report = merge("wide plain", ratio=0.5)
    made = load_file(OUT)[CONV]
    assert torch.equal(made[:, 4:], wide[CONV][:, 4:])
    assert torch.equal(made[:, :4], torch.lerp(wide[CONV][:, :4].float(), plain[CONV].float(), 0.5).half())
    assert "different channels (wide.safetensors 9, plain.safetensors 4)" in report.doubts[0]["what"]
    merge("plain wide")
    assert load_file(OUT)[CONV].shape == (8, 4, 3, 3)
    merge("plain wide", ratio=0.0)
    assert torch.equal(load_file(OUT)[CONV], plain[CONV])
    merge("a plain wide", method="ties")  # the base is the wide one


def test_a_model_of_v_prediction_keeps_its_marks_and_meets_no_epsilon(home: Path) -> None:
    marks = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    for name, seed in (("v", 0), ("w", 1)):
        save_file(small(seed) | marks, home / f"{name}.safetensors")
    merge("v w")
    assert marks.keys() <= load_file(OUT).keys()
    with safe_open(OUT, "pt") as file:
        assert file.metadata()["modelspec.prediction_type"] == "v"
    with pytest.raises(UserError, match=r"v\.safetensors predicts v_prediction, and b\.safetensors epsilon"):
        merge("v b")
    report = merge("v b c", method="add-difference")
    assert "keeps the marks of the first" in report.doubts[0]["hint"]
    assert "v_pred" in load_file(OUT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_tensor_of_many_pieces_is_whole(
    home: Path, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows come in pieces; of methods that measure whole tensors the pieces count together."""
    whole = {}
    for pieces in (1 << 22, 100):
        monkeypatch.setattr("train.workshop.merge._PIECE_NUMBERS", pieces)
        for method in ("weighted-sum", "slerp", "ties"):
            save_file(small(2, dtype), home / "c.safetensors")
            merge("a b c" if method == "ties" else "a b", method=method)
            made = load_file(OUT)
            before = whole.setdefault(method, made)
            assert all(torch.allclose(value, before[name], atol=1e-3) for name, value in made.items())


def test_equal_seeds_draw_equal_merges() -> None:
    made = []
    for seed in (1, 1, 2):
        merge("a b c", method="dare", drop=0.5, seed=seed)
        made.append(load_file(OUT)[BLOCK1])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_a_pickle_is_read_without_running_it(home: Path) -> None:
    torch.save({"state_dict": small(0)}, home / "p.ckpt")
    merge("p.ckpt b", ratio=0.0)
    assert torch.equal(load_file(OUT)[BLOCK1], small(0)[BLOCK1])


def test_a_float8_file_with_scales_is_refused_and_one_without_is_read(home: Path) -> None:
    eight = {
        name: value.to(torch.float8_e4m3fn) if value.dim() == 4 else value for name, value in small(1).items()
    }
    save_file(eight, home / "b.safetensors")
    merge("a b", ratio=1.0)
    assert torch.equal(load_file(OUT)[BLOCK1], eight[BLOCK1].half())
    scale = BLOCK1.removesuffix("weight") + "scale_weight"
    save_file(eight | {scale: torch.ones(1)}, home / "b.safetensors")
    with pytest.raises(UserError, match="is quantised"):
        merge("a b")


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a", {}, "weighted-sum takes 2 models (A B), and 1 are given"),
    ("a b c", {}, "weighted-sum takes 2 models (A B), and 3 are given"),
    ("a b", {"method": "ties"}, "ties takes 3 or more models (A B BASE), and 2 are given"),
    ("a xl", {}, "a.safetensors is sd1 and xl.safetensors is sdxl"),
    ("a lora", {}, "lora.safetensors is an adapter"),
    ("a cut", {}, "was cut short"),
    ("a nan", {}, f"nan.safetensors: the tensor '{BLOCK1}' holds NaN or infinity"),
    ("nan a", {"ratio": 0.0}, f"nan.safetensors: the tensor '{BLOCK1}' holds NaN or infinity"),
    ("a other", {}, "no tensor is in all of a.safetensors, other.safetensors"),
    ("a large", {}, "models of one size can be merged"),
    ("a ./", {}, "model_index.json is missing"),
    ("a page.safetensors", {}, "is a web page"),
    ("a b", {"blocks": ",".join("0" * 25)}, "25 numbers fit no list of blocks of sd1"),
    ("a b", {"blocks": ",".join("0" * 27)}, "26 are BASE, IN00-IN11, M00, OUT00-OUT11"),
    ("vae vae", {"blocks": "BASE=1"}, "vae.safetensors is a VAE, which has no blocks"),
    ("a b", {"rules": {"*nowhere*": 1.0}}, "the rule '*nowhere*' fits no tensor"),
    ("a b", {"ratio2": 0.5}, "a second ratio has no effect on weighted-sum"),
    ("a b", {"drop": 0.5}, "drop has no effect on weighted-sum"),
    ("a b c", {"method": "dare", "drop": 1.0}, "are shares"),
    ("a b c", {"method": "della", "drop": 0.05}, "are shares"),
    ("a b c", {"method": "ties", "density": 1.5}, "are shares"),
]


@pytest.mark.parametrize(("models", "says", "words"), REFUSED, ids=[f"{m} {s}" for m, s, _ in REFUSED])
def test_what_does_not_go_together_is_refused_and_nothing_is_left(
    home: Path, models: str, says: dict[str, Any], words: str
) -> None:
    save_file({"conditioner.embedders.1.model.ln_final.weight": torch.ones(3)}, home / "xl.safetensors")
    save_file({"lora_unet_x.lora_down.weight": torch.ones(3)}, home / "lora.safetensors")
    save_file({f"{TEXT}other.weight": torch.ones(3)}, home / "other.safetensors")
    save_file({VAE: torch.ones(3)}, home / "vae.safetensors")
    (home / "cut.safetensors").write_bytes((home / "a.safetensors").read_bytes()[:-100])
    (home / "page.safetensors").write_text("<!DOCTYPE html><html>")
    save_file(small(1) | {BLOCK1: torch.full((8, 8, 3, 3), torch.nan)}, home / "nan.safetensors")
    save_file(small(1) | {BLOCK1: torch.ones(9, 8, 3, 3)}, home / "large.safetensors")
    with pytest.raises(UserError) as refused:
        merge(models, **says)
    assert words in str(refused.value)
    assert not OUT.exists()
    assert not list(home.glob(".frieze-*"))


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("a.safetensors", "a.safetensors is one of the files it would be made of"),
        ("link.safetensors", "link.safetensors is one of the files it would be made of"),
        ("c.safetensors", "c.safetensors is there already"),
        ("c.ckpt", "c.ckpt does not end in .safetensors"),
    ],
)
def test_a_place_that_cannot_take_the_result(home: Path, out: str, words: str) -> None:
    (home / "link.safetensors").symlink_to("b.safetensors")
    before = (home / "a.safetensors").read_bytes()
    with pytest.raises(UserError) as refused:
        merge("a b", Path(out), replaces=out != "c.safetensors")
    assert words in str(refused.value)
    assert (home / "a.safetensors").read_bytes() == before


def test_of_a_folder_comes_a_folder_that_holds_what_the_file_would(tiny_model: Path, tmp_path: Path) -> None:
    """S084: it loads, and every tensor is that of the single file, bit for bit."""
    other = tmp_path / "other"
    shutil.copytree(tiny_model, other)
    unet = other / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: value + 1 for name, value in load_file(unet).items()}, unet)
    recipe = MergeRecipe(models=(str(tiny_model), str(other)), ratio=0.25)
    carry_out(recipe, tmp_path / "one.safetensors", lambda *_: None)
    carry_out(recipe, tmp_path / "folder", lambda *_: None)
    single, folder = open_model(tmp_path / "one.safetensors"), open_model(tmp_path / "folder")
    assert single.tensors.keys() == folder.tensors.keys()
    assert all(torch.equal(single.whole(name), folder.whole(name)) for name in single.tensors)
    name = f"{UNET}out.2.bias"
    assert torch.allclose(folder.whole(name), open_model(tiny_model).whole(name) + 0.25)
    load_family(str(tmp_path / "folder"))
    with pytest.raises(UserError, match="there already"):
        carry_out(recipe, tmp_path / "folder", lambda *_: None)


def test_too_little_space_is_told_before_anything_is_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))  # pyright: ignore
    with pytest.raises(UserError, match=r"and its disk has 0\.00 GB left"):
        merge("a b")
    assert not list(home.glob(".frieze-*"))


def test_a_killed_merge_leaves_no_half_file(home: Path) -> None:
    """The earlier result stays, and what the dead one left is removed by the next."""
    for seed, name in enumerate("ab"):
        big = {f"{UNET}input_blocks.{i}.0.x": torch.full((1024, 1024), float(seed)) for i in range(1, 9)}
        save_file(big, home / f"{name}.safetensors")
    merge("a b")
    before = OUT.read_bytes()
    code = "import sys, time; from train.workshop import merge; cast = merge.Overflow.cast\n" \
           "def slow(*words): time.sleep(0.2); return cast(*words)\n" \
           "merge.Overflow.cast = slow; from train.programs.workshop.merge_models import main\n" \
           "sys.exit(main(['--replace', 'o.safetensors']))"  # fmt: skip
    recipe = 'method = "weighted-sum"\nratio = 0.25\nmodels = ["a.safetensors", "b.safetensors"]\n'
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
    ) as process:  # fmt: skip
        assert process.stdin
        process.stdin.write(recipe)
        process.stdin.close()
        end = time.monotonic() + 120
        while not any(each.stat().st_size for each in home.glob(".frieze-*/o.safetensors")):
            assert time.monotonic() < end, "it writes nothing"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert OUT.read_bytes() == before
    assert list(home.glob(".frieze-*"))
    merge("a b", ratio=0.25)
    assert float(load_file(OUT)[f"{UNET}input_blocks.1.0.x"][0, 0]) == 0.25
    assert not list(home.glob(".frieze-*"))
