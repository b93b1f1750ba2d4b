"""Adapters joined to one, and converted: what is exact, what is lost, and what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.merging.adapters import AdapterConversion, JoinRecipe, adapter_and_ratio
from tests.train.small_models import BLOCK1, MIDDLE, small, small_adapter, write_small_models
from tests.train.workshop.adapters.kinds import CONV1, MID, QUERY, SPECS, of_kind
from train.adapters.adapter import by_module
from train.adapters.reading import change_of
from train.workshop.adapters.adapter_file import open_adapter
from train.workshop.adapters.converting import ConversionReport, convert_adapter
from train.workshop.adapters.joining import JoinReport, join

OUT = Path("o.safetensors")
QUERY_MODULE = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
SHAPES = {MID: (8, 8, 1, 1), CONV1: (8, 8, 3, 3), QUERY_MODULE: (8, 8)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models of a few tensors and adapters for them in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_small_models(tmp_path)
    draw = torch.Generator().manual_seed(9)
    save_file(
        small(0, torch.float32) | {QUERY: torch.randn(8, 8, generator=draw)}, tmp_path / "a.safetensors"
    )
    return tmp_path


def joined(adapters: str, **says: Any) -> JoinReport:
    pairs = [adapter_and_ratio(each) for each in adapters.split()]
    said = {"base": "a.safetensors", "dtype": "fp32"} | says
    recipe = JoinRecipe(tuple(path for path, _ in pairs), tuple(ratio for _, ratio in pairs), **said)
    return join(recipe, OUT, lambda done, total: None, replaces=True)


def converted(adapter: str, out: Path = OUT, **says: Any) -> ConversionReport:
    wanted = AdapterConversion(**{"base": "a.safetensors"} | says)
    return convert_adapter(Path(adapter), out, wanted, lambda done, total: None, replaces=True)


def changes(path: Path | str) -> dict[str, Tensor]:
    """What a file changes in each module of the base."""
    base = load_file("a.safetensors")
    weights = {MID: base[MIDDLE], CONV1: base[BLOCK1], QUERY_MODULE: base[QUERY]}
    file = open_adapter(Path(path))
    return {name: change_of(name, file.parts(name), weights[name]) for name in file.modules}


def test_what_fits_the_ranks_is_exact_and_named_as_a_sum() -> None:
    """Two LoRAs of two ranks are one of four."""
    report = joined("adapter.safetensors@0.8 other.safetensors@-0.5", rank=4)
    first, second, made = changes("adapter.safetensors"), changes("other.safetensors"), changes(OUT)
    for name, change in made.items():
        assert torch.allclose(change, 0.8 * first[name] - 0.5 * second[name], atol=1e-6)
    assert {each.rank for each in report.layers} == {4}
    assert report.error < 1e-6
    assert {leaf for _, parts in by_module(load_file(OUT)).items() for leaf in parts} == {
        "lora_up.weight", "lora_down.weight", "alpha",
    }  # fmt: skip


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_what_is_lost_is_told_layer_by_layer(rank: int) -> None:
    """The residual is that of the nearest matrix of the rank, and what the file lacks is as much."""
    report = joined("adapter.safetensors other.safetensors", rank=rank)
    first, second, made = changes("adapter.safetensors"), changes("other.safetensors"), changes(OUT)
    lost = whole = 0.0
    for each in report.layers:
        wanted = (first[each.name] + second[each.name]).flatten(1)
        gap = float((made[each.name].flatten(1) - wanted).norm())
        values = torch.linalg.svdvals(wanted)
        assert each.error == pytest.approx(gap / float(wanted.norm()), abs=1e-5)
        assert gap == pytest.approx(float(values[rank:].norm()), abs=1e-5)
        lost, whole = lost + gap**2, whole + float(wanted.norm()) ** 2
    assert report.error == pytest.approx((lost / whole) ** 0.5, abs=1e-5)


def test_kinds_are_mixed_by_what_they_change(home: Path) -> None:
    """A LoHa, a LoKr and norms with shifts beside a LoRA."""
    norm = "lora_te_text_model_final_layer_norm"
    save_file(of_kind("loha"), home / "loha.safetensors")
    save_file(of_kind("lokr") | {f"{norm}.w_norm": torch.ones(8)}, home / "lokr.safetensors")
    save_file({f"{norm}.w_norm": torch.ones(8), f"{norm}.b_norm": torch.ones(8)}, home / "norm.safetensors")
    base = load_file("a.safetensors")
    text = "cond_stage_model.transformer.text_model.final_layer_norm"
    save_file(base | {f"{text}.bias": torch.zeros(8)}, home / "a.safetensors")
    report = joined("adapter.safetensors loha.safetensors@0.5 lokr.safetensors@2 norm.safetensors", rank=8)
    made = load_file(OUT)
    assert torch.equal(made[f"{norm}.w_norm"], torch.full((8,), 3.0))
    assert torch.equal(made[f"{norm}.b_norm"], torch.ones(8))
    parts = by_module(made)
    loha, lokr = (by_module(of_kind(kind)) for kind in ("loha", "lokr"))
    for name in (MID, QUERY_MODULE):
        weight = torch.zeros(SHAPES[name])
        wanted = 0.5 * change_of(name, loha[name], weight) + 2 * change_of(name, lokr[name], weight)
        if name == MID:
            wanted = wanted + change_of(name, by_module(small_adapter(7))[name], weight)
        assert torch.allclose(change_of(name, parts[name], weight), wanted, atol=1e-5)
    assert report.whole_tensors == 2


def test_the_result_carries_its_recipe(home: Path) -> None:
    import hashlib

    joined("adapter.safetensors@0.8 other.safetensors", rank=2)
    with safe_open(OUT, "pt") as file:
        about = file.metadata()
    toml = tomllib.loads(about["frieze.join"])
    names = ["adapter.safetensors", "other.safetensors"]
    hashes = [hashlib.sha256((home / each).read_bytes()).hexdigest() for each in (*names, "a.safetensors")]
    assert (toml["adapters"], toml["ratios"], toml["sha256"]) == (names, ["0.8", "1"], hashes)
    assert about["modelspec.merged_from"] == ", ".join(
        f"{name} (sha256 {each})" for name, each in zip(names, hashes, strict=False)
    )


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_any_kind_becomes_a_lora_or_a_difference_without_loss(home: Path, kind: str) -> None:
    """Without a rank: a LoRA where that is smaller, else the change itself; both read by all programs."""
    save_file(of_kind(kind), home / "kind.safetensors")
    report = converted("kind.safetensors", kind="lora")
    before, after = changes("kind.safetensors"), changes(OUT)
    assert before.keys() == after.keys()
    for name, change in before.items():
        assert torch.allclose(after[name], change, atol=2e-5), name
    assert report.error < 1e-5
    leaves = {leaf for parts in by_module(load_file(OUT)).values() for leaf in parts}
    assert leaves <= {"lora_up.weight", "lora_down.weight", "alpha", "diff"}


def test_a_dora_at_a_rank_says_what_it_loses(home: Path) -> None:
    save_file(of_kind("dora"), home / "dora.safetensors")
    report = converted("dora.safetensors", kind="lora", rank=2)
    before, after = changes("dora.safetensors"), changes(OUT)
    for each in report.layers:
        gap = (after[each.name] - before[each.name]).norm() / before[each.name].norm()
        assert each.rank == 2
        assert each.error == pytest.approx(float(gap), abs=1e-4)
        assert 0.05 < each.error < 1


@pytest.mark.parametrize("style", ["diffusers", "original", "onetrainer"])
def test_styles_and_back_bit_for_bit(home: Path, style: str) -> None:
    """Case 13-unet-key-styles, written: every style means one change, and none loses a bit on the way back."""
    text = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    weight = "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
    save_file(load_file("a.safetensors") | {weight: torch.ones(8, 8)}, home / "a.safetensors")
    extra = {
        f"{text}.lora_down.weight": torch.ones(2, 8),
        f"{text}.lora_up.weight": torch.ones(8, 2),
        f"{text}.alpha": torch.tensor(2.0),
    }
    given = {name: value.half() for name, value in (small_adapter(7) | extra).items()}
    given |= {name: torch.tensor(2.0).half() for name in given if name.endswith("alpha")}
    save_file(given, home / "kohya.safetensors")
    converted("kohya.safetensors", Path("there.safetensors"), style=style)
    names = sorted(load_file("there.safetensors"))
    starts = {"diffusers": "text_encoder.text_model.", "original": "clip_l.", "onetrainer": "clip_l."}
    assert any(name.startswith(starts[style]) for name in names)
    unet = (
        "diffusion_model.middle_block.1.proj_in."
        if style == "original"
        else "unet.mid_block.attentions.0.proj_in."
    )
    assert any(name.startswith(unet) for name in names)
    assert any(name.endswith("lora_A.weight" if style == "diffusers" else "alpha") for name in names)
    converted("there.safetensors")
    back = load_file(OUT)
    assert back.keys() == given.keys()
    assert all(torch.equal(back[name], value) for name, value in given.items())


def test_an_alpha_that_diffusers_has_not_is_multiplied_in(home: Path) -> None:
    alphas = {f"{MID}.alpha": torch.tensor(1.5), f"{CONV1}.alpha": torch.tensor(0.5)}
    save_file(small_adapter(7) | alphas, home / "odd.safetensors")
    report = converted("odd.safetensors", style="diffusers")
    assert "1 layers have another alpha" in report.doubts[0]["what"]
    before = changes("odd.safetensors")
    converted("o.safetensors", Path("back.safetensors"))
    after = changes("back.safetensors")
    assert all(torch.allclose(after[name], change, rtol=1e-6) for name, change in before.items())


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("dora.safetensors", {"base": ""}, "nothing in dora.safetensors tells which family it is for"),
    (
        "said.safetensors",
        {"base": ""},
        "said.safetensors changes follows from the weights it was trained on (dora)",
    ),
    ("adapter.safetensors xl.safetensors", {}, "a.safetensors is for sd1, and xl.safetensors for sdxl"),
    ("adapter.safetensors@0", {}, "the ratios of all adapters are 0"),
    ("none.safetensors", {}, "none.safetensors has weights for 'lora_unet_x', which a.safetensors has not"),
    ("adapter.safetensors", {"rank": -1}, "a rank is 1 or more"),
    ("adapter.safetensors", {"base": "other.safetensors"}, "other.safetensors is a LoRA"),
]


@pytest.mark.parametrize(("adapters", "says", "words"), REFUSED, ids=[f"{a} {s}" for a, s, _ in REFUSED])
def test_what_cannot_be_joined_is_refused(
    home: Path, adapters: str, says: dict[str, Any], words: str
) -> None:
    module = "lora_unet_mid_block_attentions_0_proj_in"
    dora = {
        f"{module}.lora_down.weight": torch.ones(2, 1280),
        f"{module}.lora_up.weight": torch.ones(1280, 2),
        f"{module}.dora_scale": torch.ones(1280, 1),
    }
    save_file(dora, home / "dora.safetensors")
    save_file(dora, home / "said.safetensors", {"ss_base_model_version": "sd_v1"})
    save_file(small_adapter(7), home / "xl.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    save_file({"lora_unet_x.lora_down.weight": torch.ones(2, 2)}, home / "none.safetensors")
    with pytest.raises(UserError) as refused:
        joined(adapters, **says)
    assert words in str(refused.value)
    assert not OUT.exists()


def test_a_kind_that_diffusers_does_not_read_is_refused(home: Path) -> None:
    save_file(of_kind("loha"), home / "loha.safetensors")
    with pytest.raises(UserError, match="it reads LoRA alone"):
        converted("loha.safetensors", style="diffusers")
    with pytest.raises(UserError, match="--rank is of a LoRA that is made"):
        converted("adapter.safetensors", rank=2)
