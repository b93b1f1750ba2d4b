"""Adapters baked into models: of every kind, at any ratio, into files and folders; what is told and refused."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.merging.adapters import BakeRecipe, adapter_and_ratio
from curator.contract.recipe.toml_file import load_recipe, with_values
from tests.train.small_models import BLOCK1, MIDDLE, small, small_adapter, write_small_models
from tests.train.workshop.adapters.kinds import CONV1, MID, QUERY, SPECS, of_kind
from train.adapters.apply import apply_adapter
from train.adapters.attach import attach
from train.families.load import load_family
from train.models import layout
from train.workshop.adapters.baking import BakeReport, bake
from train.workshop.open_model import open_model

OUT = Path("o.safetensors")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models of a few tensors and adapters for them in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_small_models(tmp_path)
    return tmp_path


def baked(adapters: str, out: Path = OUT, model: str = "a.safetensors", **says: Any) -> BakeReport:
    """A bake of adapters named as on the command line."""
    how = {name: says.pop(name) for name in ("replaces", "is_dry", "verifies") if name in says}
    pairs = [adapter_and_ratio(each) for each in adapters.split()]
    recipe = BakeRecipe(model, tuple(path for path, _ in pairs), tuple(ratio for _, ratio in pairs), **says)
    return bake(recipe, out, lambda done, total: None, **{"replaces": True, **how})


def change(tensors: dict[str, Tensor], module: str) -> Tensor:
    up, down = (tensors[f"{module}.lora_{leaf}.weight"].float() for leaf in ("up", "down"))
    scale = float(tensors[f"{module}.alpha"]) / down.shape[0]
    return scale * torch.einsum("or,ri...->oi...", up.flatten(1), down)


def adapted(base: Path, kind: str, out: Path) -> Path:
    """An adapter of every module of a tiny model, with random numbers."""
    recipe = with_values(
        load_recipe("sd15-lora"),
        {"adapter.kind": kind, "adapter.rank": 4, "adapter.alpha": 2, "optimizer.text_lr": 1e-4},
    )
    family = load_family(str(base))
    adapter = attach(family.adapter_roots, recipe.adapter, recipe.optimizer, 0)
    draw = torch.Generator().manual_seed(1)
    for weight in adapter.weights:
        weight.data += 0.05 * torch.randn(weight.shape, generator=draw)
    save_file({name: value.contiguous() for name, value in adapter.tensors().items()}, out)
    return out


def test_the_change_is_added_in_float32_and_all_else_stays() -> None:
    """S085: base and adapter make the full model, within the type's rounding."""
    before, tensors = small(0), small_adapter(7)
    report = baked("adapter.safetensors@0.8")
    made = load_file(OUT)
    for name, module in ((MIDDLE, MID), (BLOCK1, CONV1)):
        assert torch.equal(made[name], (before[name].float() + 0.8 * change(tensors, module)).half())
    assert all(
        torch.equal(made[name], value) for name, value in before.items() if name not in (MIDDLE, BLOCK1)
    )
    assert (report.baked, report.copied, report.adapters[0].modules) == (2, len(before) - 2, 2)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", sorted(SPECS))
def test_live_is_baked_for_every_kind(home: Path, kind: str, dtype: str) -> None:
    """Each layer of the result says what the path of training says."""
    draw = torch.Generator().manual_seed(9)
    save_file(small(0, torch.float32) | {QUERY: torch.randn(8, 8, generator=draw)}, home / "a.safetensors")
    save_file(of_kind(kind), home / "kind.safetensors")
    report = baked("kind.safetensors@0.7", dtype=dtype, verifies=True)
    assert report.verified is not None
    assert report.verified.holds
    assert (
        len(report.verified.layers)
        == report.adapters[0].modules
        == report.baked
        == (1 if kind == "ia3" else 3)
    )
    assert report.verified.largest_relative < (1e-5 if dtype == "fp32" else 2e-2)
    assert not torch.allclose(load_file(OUT)[QUERY].float(), load_file("a.safetensors")[QUERY], atol=1e-2)


def test_the_weights_are_those_that_samples_are_made_with(tiny_model: Path, home: Path) -> None:
    """S088: an adapter applied to the model in memory, at a ratio, and baked at that ratio."""
    file = adapted(tiny_model, "lokr", home / "kind.safetensors")
    report = baked("kind.safetensors@0.7", model=str(tiny_model))
    assert (report.adapters[0].modules, report.adapters[0].unmatched) == (report.baked, ())
    family = load_family(str(tiny_model))
    apply_adapter(family.adapter_roots, load_file(file), 0.7)
    state = family.unet.state_dict()
    names = {name: place.names[0] for name, place in layout.ldm_unet(family.unet).items()}
    mine = load_file(OUT)
    assert all(torch.allclose(mine[there], state[name], atol=1e-6) for name, there in names.items())


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_verify_allows_what_rounding_does_and_no_more(home: Path, dtype: str) -> None:
    report = baked("adapter.safetensors", dtype=dtype, verifies=True)
    assert report.verified is not None
    assert report.verified.holds
    worst = max(each.largest / each.allowed for each in report.verified.layers)
    assert worst > 0.01  # a bound that means something


def test_verify_finds_a_layer_that_was_baked_wrongly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.workshop.adapters import bake as module

    true = module.add_to_weight

    def wrong(change: Any, weight: Tensor) -> None:
        true(change, weight)
        if change.module == MID:
            weight.mul_(1.01)

    monkeypatch.setattr(module, "add_to_weight", wrong)
    verdict = baked("adapter.safetensors", verifies=True).verified
    assert verdict is not None
    assert not verdict.holds
    assert [each.module for each in verdict.layers if not each.holds] == [MID]


@pytest.mark.parametrize(
    ("ratio", "blocks", "middle", "in01"),
    [
        ("0.5", "", 0.5, 0.5),
        ("unet=0.25,text=1", "", 0.25, 0.25),
        ("0.5,M00=1", "", 1.0, 0.5),
        ("IN*=0,unet=2", "", 2.0, 0.0),
        (",".join(["0"] * 13 + ["0.75"] + ["0"] * 12), "", 0.75, 0.0),
        ("0.5", "M00=0.5,IN01=2", 0.25, 1.0),
        ("-1", "", -1.0, -1.0),
    ],
)
def test_ratios_of_parts_and_blocks(ratio: str, blocks: str, middle: float, in01: float) -> None:
    baked(f"adapter.safetensors@{ratio}", blocks=blocks, dtype="fp32")
    made, before, tensors = load_file(OUT), small(0), small_adapter(7)
    for name, module, wanted in ((MIDDLE, MID, middle), (BLOCK1, CONV1, in01)):
        assert torch.allclose(made[name], before[name].float() + wanted * change(tensors, module), atol=1e-6)


def test_several_at_once_are_one_after_the_other() -> None:
    baked("adapter.safetensors@0.5 other.safetensors@0.25", dtype="fp32")
    at_once = load_file(OUT)
    baked("adapter.safetensors@0.5", Path("first.safetensors"), dtype="fp32")
    report = baked("other.safetensors@0.25", model="first.safetensors")
    assert all(torch.equal(at_once[name], value) for name, value in load_file(OUT).items())
    assert report.doubts == ()


def test_a_kind_that_depends_on_weights_meets_what_is_there_and_that_is_told(home: Path) -> None:
    """DoRA behind a LoRA: as programs apply them, one after the other."""
    lengths = torch.linspace(0.5, 1.5, 8).reshape(8, 1, 1, 1)
    save_file(small_adapter(8) | {f"{MID}.dora_scale": lengths}, home / "dora.safetensors")
    report = baked("adapter.safetensors dora.safetensors", dtype="fp32", verifies=True)
    (doubt,) = report.doubts
    assert "what dora.safetensors changes follows from the weights it meets" in doubt["what"]
    assert "in the order given" in doubt["hint"]
    assert report.verified is not None
    assert report.verified.holds
    total = small(0)[MIDDLE].float() + change(small_adapter(7), MID) + change(small_adapter(8), MID)
    wanted = lengths * total / total.flatten(1).norm(dim=1)[:, None, None, None]
    assert torch.allclose(load_file(OUT)[MIDDLE], wanted, atol=1e-6)
    assert not baked("dora.safetensors other.safetensors").doubts


def test_norms_shifts_and_whole_differences(home: Path) -> None:
    norm, bias = "lora_te_text_model_final_layer_norm", BLOCK1.replace(".weight", ".bias")
    save_file(
        small(0)
        | {
            bias: torch.ones(8).half(),
            "cond_stage_model.transformer.text_model.final_layer_norm.bias": torch.zeros(8),
        },
        home / "a.safetensors",
    )
    given = {
        f"{norm}.w_norm": torch.full((8,), 0.5),
        f"{norm}.b_norm": torch.full((8,), 0.25),
        f"{CONV1}.diff": torch.ones(8, 8, 3, 3),
        f"{CONV1}.diff_b": torch.ones(8),
    }
    save_file(given, home / "full.safetensors")
    report = baked("full.safetensors@0.5", dtype="fp32", verifies=True)
    made, before = load_file(OUT), small(0)
    text = "cond_stage_model.transformer.text_model.final_layer_norm"
    assert torch.allclose(made[f"{text}.weight"], before[f"{text}.weight"].float() + 0.25)
    assert torch.equal(made[f"{text}.bias"], torch.full((8,), 0.125))
    assert torch.allclose(made[BLOCK1], before[BLOCK1].float() + 0.5)
    assert torch.equal(made[bias], torch.full((8,), 1.5))
    assert report.verified is not None
    assert report.verified.holds


def test_the_result_says_what_it_is_made_of_and_keeps_its_marks(home: Path) -> None:
    """S090: sources with hashes; a model of v-prediction stays one."""
    import hashlib

    marks = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    save_file(small(0) | marks, home / "a.safetensors")
    baked("adapter.safetensors@unet=0.5,text=1")
    with safe_open(OUT, "pt") as file:
        about = file.metadata()
    toml = tomllib.loads(about["frieze.bake"])
    names = ("a.safetensors", "adapter.safetensors")
    hashes = [hashlib.sha256((home / name).read_bytes()).hexdigest() for name in names]
    assert toml == {
        "model": names[0], "adapters": [names[1]], "ratios": ["unet=0.5,text=1"], "sha256": hashes,
    }  # fmt: skip
    assert about["modelspec.merged_from"] == ", ".join(
        f"{name} (sha256 {each})" for name, each in zip(names, hashes, strict=True)
    )
    assert about["modelspec.prediction_type"] == "v"
    assert marks.keys() <= load_file(OUT).keys()


def test_a_folder_becomes_a_folder_or_a_file(tiny_sdxl: Path, home: Path) -> None:
    """The same weights either way: queries, keys and values of the second text encoder apart, and in one."""
    shutil.copytree(tiny_sdxl, home / "base")
    (home / "base" / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"stale")
    adapted(tiny_sdxl, "lora", home / "xl.safetensors")
    report = baked("xl.safetensors@0.5", Path("baked"), model="base", verifies=True)
    assert report.verified is not None
    assert report.verified.holds
    assert len(report.verified.layers) == 240
    assert "1 file of weights more" in report.doubts[0]["what"]
    assert not (home / "baked" / "unet" / "diffusion_pytorch_model.fp16.safetensors").exists()
    load_family("baked")
    baked("xl.safetensors@0.5", model="base")
    single, folder = open_model(OUT), open_model(Path("baked"))
    assert single.tensors == folder.tensors
    assert all(torch.equal(single.whole(name), folder.whole(name)) for name in single.tensors)
    with safe_open(home / "baked" / "unet" / "diffusion_pytorch_model.safetensors", "pt") as file:
        assert tomllib.loads(file.metadata()["frieze.bake"])["model"] == "base"


def test_what_the_model_has_not_is_listed(home: Path) -> None:
    save_file(
        small_adapter(7) | {"lora_unet_nowhere.lora_down.weight": torch.ones(2, 2)}, home / "odd.safetensors"
    )
    report = baked("odd.safetensors")
    assert report.adapters[0].unmatched == ("lora_unet_nowhere",)
    assert "1 module of odd.safetensors not in the model: lora_unet_nowhere" in report.doubts[0]["what"]


def test_numbers_beyond_float16_are_told(home: Path) -> None:
    large = {
        name: value * 1000 if "lora" in name and "alpha" not in name else value
        for name, value in small_adapter(7).items()
    }
    save_file(large, home / "large.safetensors")
    report = baked("large.safetensors@1000")
    assert report.overflowed.keys() == {MIDDLE, BLOCK1}
    assert "numbers are beyond" in report.doubts[0]["what"]
    assert torch.isfinite(load_file(OUT)[MIDDLE]).all()


def write_odd_files(home: Path) -> None:
    """What cannot be baked."""
    save_file({"lora_unet_x.lora_down.weight": torch.ones(2, 2)}, home / "none.safetensors")
    wide = {f"{MID}.lora_down.weight": torch.ones(2, 9), f"{MID}.lora_up.weight": torch.ones(8, 2)}
    save_file(wide, home / "wide.safetensors")
    save_file(
        small_adapter(7) | {f"{MID}.lora_up.weight": torch.full((8, 2), torch.nan)}, home / "nan.safetensors"
    )
    save_file(small_adapter(7), home / "xl.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    save_file({"lora_te2_text_model_x.lora_down.weight": torch.ones(2, 2)}, home / "te2.safetensors")
    keys = {"lora_unet_x_attn2_to_k.lora_down.weight": torch.ones(2, 1024)}
    save_file(keys, home / "sd2.safetensors")
    save_file({f"{MID}.unheard_of": torch.ones(2)}, home / "kind.safetensors")
    save_file(
        {f"{MID}.lora_down.weight": torch.ones(2, 8), f"{MID}.diff_b": torch.ones(8)},
        home / "bias.safetensors",
    )
    save_file({"what.is.this": torch.ones(2)}, home / "style.safetensors")
    save_file({"bundle_emb.cat.clip_l": torch.ones(2)}, home / "words.safetensors")
    (home / "cut.safetensors").write_bytes((home / "adapter.safetensors").read_bytes()[:-10])


REFUSED = [
    ("none.safetensors", {}, "none of the 1 modules of none.safetensors is in the model, such as 'lora_unet_x'"),
    ("wide.safetensors", {}, f"wide.safetensors: '{MID}' has another size than the model's, which is 8x8x1x1"),
    ("nan.safetensors", {}, "nan.safetensors: the tensor"),
    ("xl.safetensors", {}, "xl.safetensors is an adapter for sdxl, and a.safetensors is sd1"),
    ("te2.safetensors", {}, "te2.safetensors is an adapter for sdxl, and a.safetensors is sd1"),
    ("sd2.safetensors", {}, "sd2.safetensors is an adapter for sd2, and a.safetensors is sd1"),
    ("kind.safetensors", {}, "is of a kind Frieze does not know"),
    ("bias.safetensors", {}, "bias.safetensors shifts the bias of"),
    ("style.safetensors", {}, "style.safetensors: the adapter's tensor 'what.is.this' has a name of no style"),
    ("words.safetensors", {}, "words.safetensors holds no module of an adapter"),
    ("cut.safetensors", {}, "was cut short"),
    ("gone.safetensors", {}, "there is no model file gone.safetensors"),
    ("adapter.safetensors@half", {}, "'half' is no ratio of an adapter"),
    ("adapter.safetensors@IN99=1", {}, "sd1 has no block 'IN99'"),
    ("adapter.safetensors@text2=1", {}, "sd1 has one text encoder"),
    ("adapter.safetensors@nan", {}, "'nan' is no ratio of an adapter"),
    ("adapter.safetensors", {"blocks": "0,1,0"}, "3 numbers fit no list of blocks of sd1"),
    ("adapter.safetensors", {"model": "adapter.safetensors"}, "adapter.safetensors is a LoRA"),
    ("adapter.safetensors", {"out": Path("a.safetensors")}, "a.safetensors is one of the files it would be made of"),
    ("adapter.safetensors", {"out": Path("adapter.safetensors")}, "is one of the files it would be made of"),
    ("adapter.safetensors", {"out": Path("b.safetensors"), "replaces": False}, "b.safetensors is there already"),
    ("adapter.safetensors", {"out": Path("folder")}, "folder does not end in .safetensors"),
]  # fmt: skip


@pytest.mark.parametrize(("adapters", "says", "words"), REFUSED, ids=[f"{a} {s}" for a, s, _ in REFUSED])
def test_what_does_not_go_together_is_refused_and_nothing_is_left(
    home: Path, adapters: str, says: dict[str, Any], words: str
) -> None:
    write_odd_files(home)
    before = {each.name: each.read_bytes() for each in home.iterdir()}
    with pytest.raises(UserError) as refused:
        baked(adapters, **says)
    assert words in str(refused.value)
    assert {each.name: each.read_bytes() for each in home.iterdir()} == before


def test_ratios_of_nothing_and_words_are_told(home: Path) -> None:
    save_file(small_adapter(7) | {"bundle_emb.cat.clip_l": torch.ones(2)}, home / "words.safetensors")
    told = [each["what"] for each in baked("words.safetensors@0").doubts]
    assert "the ratios of words.safetensors are all 0" in told[0]
    assert "holds embeddings of words as well: cat" in told[1]
    assert torch.equal(load_file(OUT)[MIDDLE], small(0)[MIDDLE])


def test_too_little_space_is_told_before_anything_is_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))  # pyright: ignore
    with pytest.raises(UserError, match=r"and its disk has 0\.00 GB left"):
        baked("adapter.safetensors")
    assert not list(home.glob(".frieze-*"))


def test_a_stopped_bake_leaves_what_was_there(home: Path) -> None:
    """Ctrl-C in the middle; a kill is tested with merges, which write alike."""
    OUT.write_bytes(b"before")
    heard: list[int] = []

    def hear(done: int, total: int) -> None:
        heard.append(done)
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bake(BakeRecipe("a.safetensors", ("adapter.safetensors",), ("1",)), OUT, hear, replaces=True)
    assert len(heard) > 2
    assert OUT.read_bytes() == b"before"
    assert not list(home.glob(".frieze-*"))
