"""Adapters of the difference of two models: what they make of the base, what is told, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.low_rank import Extraction, checked_request
from curator.contract.recipe.recipe import Model
from tests.train.small_models import BLOCK1, CONV, MIDDLE, TEXT, small, write_small_models
from train.adapters.adapter import by_module
from train.adapters.apply import apply_adapter
from train.adapters.attach import targets
from train.adapters.reading import change_of
from train.families.empty import empty_family
from train.families.load import load_family
from train.models.save import single_file_plan
from train.tiny.base import build, save
from train.weights.lora_file import read_lora
from train.workshop.low_rank.extracting import ExtractReport, extract

OUT = Path("o.safetensors")
UNET = "model.diffusion_model."
KEYS = {  # of a module's weight in a single file, by its name in adapters; a third of query, key and value together
    "sd1": {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q": (
            f"{UNET}input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight", None),
        "lora_unet_up_blocks_3_attentions_2_proj_out": (f"{UNET}output_blocks.11.1.proj_out.weight", None),
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj": (
            f"{UNET}middle_block.1.transformer_blocks.0.ff.net.0.proj.weight", None),
        "lora_unet_down_blocks_1_downsamplers_0_conv": (f"{UNET}input_blocks.6.0.op.weight", None),
        "lora_unet_up_blocks_1_upsamplers_0_conv": (f"{UNET}output_blocks.5.2.conv.weight", None),
        "lora_unet_down_blocks_1_resnets_0_time_emb_proj": (f"{UNET}input_blocks.4.0.emb_layers.1.weight", None),
        "lora_te_text_model_encoder_layers_11_self_attn_v_proj": (
            "cond_stage_model.transformer.text_model.encoder.layers.11.self_attn.v_proj.weight", None),
    },
    "sd2": {
        "lora_te_text_model_encoder_layers_0_self_attn_k_proj": (
            "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight", 1),
        "lora_te_text_model_encoder_layers_22_mlp_fc2": (
            "cond_stage_model.model.transformer.resblocks.22.mlp.c_proj.weight", None),
    },
    "sdxl": {
        "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_v": (
            f"{UNET}input_blocks.4.1.transformer_blocks.1.attn2.to_v.weight", None),
        "lora_unet_output_blocks_8_0_skip_connection": (f"{UNET}output_blocks.8.0.skip_connection.weight", None),
        "lora_te1_text_model_encoder_layers_3_mlp_fc1": (
            "conditioner.embedders.0.transformer.text_model.encoder.layers.3.mlp.fc1.weight", None),
        "lora_te2_text_model_encoder_layers_31_self_attn_v_proj": (
            "conditioner.embedders.1.model.transformer.resblocks.31.attn.in_proj_weight", 2),
        "lora_te2_text_model_encoder_layers_0_self_attn_out_proj": (
            "conditioner.embedders.1.model.transformer.resblocks.0.attn.out_proj.weight", None),
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three models in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_small_models(tmp_path)
    return tmp_path


def run(tuned: Path | str, base: Path | str, out: Path = OUT, **asked: Any) -> ExtractReport:
    wanted = checked_request(asked, Extraction)
    return extract(Path(tuned), Path(base), out, wanted, lambda done, total: None, replaces=True)


def changes(path: Path, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the layers of a file change, by our own reading of it; `weights` give the shapes."""
    parts = by_module(load_file(path))
    return {name: change_of(name, each, weights[name]) for name, each in parts.items() if name in weights}


@pytest.mark.parametrize("family", sorted(KEYS))
def test_every_layer_of_a_full_list_of_keys_is_found(family: str) -> None:
    """All names of the family's standard model, its sizes made small; at full rank nothing is lost."""
    model = empty_family(family, Model())
    draw = torch.Generator().manual_seed(0)
    shapes = {
        name: tuple(min(side, 6) if len(each.shape) > 1 else side for side in each.shape)
        for name, each in single_file_plan(model).items()
        if not name.startswith("first_stage_model.") and len(each.shape) > 1
    }
    base = {name: torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    tuned = {name: each + torch.randn(each.shape, generator=draw) for name, each in base.items()}
    save_file(base, "base.safetensors")
    save_file(tuned, "tuned.safetensors")
    report = run("tuned.safetensors", "base.safetensors", kind="locon", ranks={"rank": 64})
    known = {each.name for each in targets(model.adapter_roots) if len(each.module.weight.shape) > 1}
    assert {layer.name for layer in report.layers} == known == set(by_module(load_file(OUT)))
    assert report.error < 1e-5
    made = by_module(load_file(OUT))
    for name, (key, third) in KEYS[family].items():
        change = tuned[key] - base[key]
        wanted = change if third is None else change.chunk(3)[third]
        assert torch.allclose(change_of(name, made[name], wanted), wanted, atol=1e-4), name
    some = run("tuned.safetensors", "base.safetensors", ranks={"rank": 1}, parts=["text"])
    assert {layer.name.split("_text_model")[0] for layer in some.layers} == {
        "lora_te1" if family == "sdxl" else "lora_te"
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny models of two families as diffusers folders."""
    place = tmp_path_factory.mktemp("folders")
    for family in ("sd1", "sdxl"):
        for seed, name in enumerate(("base", "tuned")):
            save(build(seed=seed, family=family), place / f"{family}-{name}")
    return place


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_an_adapter_of_full_rank_makes_the_model_of_its_base(folders: Path, family: str) -> None:
    """S085: norms and biases as well; what lies outside of it is told."""
    tuned, base = folders / f"{family}-tuned", folders / f"{family}-base"
    report = run(tuned, base, kind="locon", ranks={"rank": 4096}, norms=True)
    model, wanted = load_family(str(base)), load_family(str(tuned))
    apply_adapter(model.adapter_roots, read_lora(OUT)[0])
    pairs = list(zip(targets(model.adapter_roots), targets(wanted.adapter_roots), strict=True))
    assert len(pairs) > 100
    for mine, theirs in pairs:
        for leaf in ("weight", "bias"):
            if getattr(mine.module, leaf, None) is not None:
                ours, other = mine.module.get_parameter(leaf), theirs.module.get_parameter(leaf)
                assert torch.allclose(ours, other, atol=2e-5), (mine.name, leaf)
    assert report.error < 1e-5
    assert any("conv_in" in name for name in report.outside.examples) or report.outside.tensors > 3
    assert 0 < report.outside.share < 1


def test_edges() -> None:
    """Case 21-extract-edges (kohya-ss/sd-scripts#325 #2422, huggingface/diffusers#4593)."""
    draw = torch.Generator().manual_seed(9)

    def g(*shape: int) -> Tensor:
        return 0.1 * torch.randn(shape, generator=draw)

    inner = f"{UNET}middle_block.1.transformer_blocks.0."
    conv = f"{UNET}middle_block.0.in_layers.2.weight"
    base = {f"{inner}attn1.to_{x}.weight": g(1 if x == "k" else 8, 8) for x in "qkv"} | {conv: g(8, 8, 3, 3)}
    tuned = {name: each.clone() for name, each in base.items()}
    tuned[f"{inner}attn1.to_q.weight"] += 10 * g(8, 2) @ g(2, 8)
    tuned[f"{inner}attn1.to_k.weight"] += g(1, 8)
    tuned[conv] += (10 * g(8, 3) @ g(3, 72)).reshape(8, 8, 3, 3)
    save_file(base, "base.safetensors")
    save_file(tuned, "tuned.safetensors")
    report = run("tuned.safetensors", "base.safetensors", kind="locon", ranks={"rank": 16})
    stem = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_"
    names = {f"{stem}q": f"{inner}attn1.to_q.weight", f"{stem}k": f"{inner}attn1.to_k.weight",
             "lora_unet_mid_block_resnets_0_conv1": conv}  # fmt: skip
    assert {layer.name: layer.rank for layer in report.layers} == dict(zip(names, (8, 1, 8), strict=True))
    made = load_file(OUT)
    for name, change in changes(OUT, {name: base[key] for name, key in names.items()}).items():
        assert torch.allclose(base[names[name]] + change, tuned[names[name]], atol=1e-5)
        assert float(made[f"{name}.alpha"]) == made[f"{name}.lora_down.weight"].shape[0]
    assert report.unchanged_layers == 1
    assert "3 layers have fewer than 16 ranks" in report.doubts[0]["what"]
    by_norm = run("tuned.safetensors", "base.safetensors", kind="locon", ranks={"sv_fro": 0.9999})
    assert {layer.name: layer.rank for layer in by_norm.layers} == dict(zip(names, (2, 1, 3), strict=True))
    quarter = run("tuned.safetensors", "base.safetensors", ranks={"rank": 1}, alpha=0.25, dtype="fp16")
    assert float(load_file(OUT)[f"{stem}q.alpha"]) == 0.25
    change = (tuned[names[f"{stem}q"]] - base[names[f"{stem}q"]]).double()
    values = torch.linalg.svdvals(change)
    lost = {layer.name: layer.error for layer in quarter.layers}[f"{stem}q"]
    assert lost == pytest.approx(float(values[1:].norm() / values.norm()), rel=1e-3)


@pytest.mark.parametrize("kind", ["lora", "lokr"])
def test_it_is_told_how_many_layers_were_decomposed_by_random_directions(kind: str) -> None:
    draw = torch.Generator().manual_seed(3)
    inner = f"{UNET}middle_block.1.transformer_blocks.0.attn1."
    sides = {"q": (160, 160), "k": (16, 16)}
    base = {f"{inner}to_{x}.weight": torch.randn(shape, generator=draw) for x, shape in sides.items()}
    save_file(base, "base.safetensors")
    tuned = {name: each + torch.randn(each.shape, generator=draw) for name, each in base.items()}
    save_file(tuned, "tuned.safetensors")
    for exact, count in ((False, 1), (True, 0)):
        report = run("tuned.safetensors", "base.safetensors", kind=kind, ranks={"rank": 2}, exact=exact)
        assert report.randomised_layers == count
        with safe_open(OUT, "pt") as file:
            said = json.loads(file.metadata()["frieze.extracted"])
        assert (said["randomised_layers"], said["error"]) == (count, round(report.error, 6))


def conv_models(change: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    base = load_file("b.safetensors")
    tuned = {name: each.clone() for name, each in base.items()}
    tuned = {name: each.float() if each.is_floating_point() else each for name, each in tuned.items()}
    base = dict(tuned)
    tuned[BLOCK1] = base[BLOCK1] + change
    save_file(base, "base.safetensors")
    save_file(tuned, "tuned.safetensors")
    return {BLOCK1: (base[BLOCK1], tuned[BLOCK1])}


@pytest.mark.parametrize(
    ("mode", "parameter", "rule"),
    [("fixed", 3, {"rank": 3}), ("ratio", 0.5, {"sv_ratio": 2.0}), ("threshold", 4.0, {"sv_threshold": 4.0})],
)
def test_a_layer_is_what_lycoris_extracts(mode: str, parameter: float, rule: dict[str, Any]) -> None:
    from lycoris.utils import extract_conv

    change = torch.randn((8, 8, 3, 3), generator=torch.Generator().manual_seed(4))
    conv_models(change)
    report = run("tuned.safetensors", "base.safetensors", kind="locon", ranks=rule)
    (down, up, _), _ = extract_conv(change, mode, parameter, is_cp=True)
    assert report.layers[0].rank == len(down)
    (ours,) = changes(OUT, {report.layers[0].name: change}).values()
    assert torch.allclose(ours, (up.flatten(1) @ down.flatten(1)).reshape(change.shape), atol=1e-4)


def test_a_kronecker_product_is_found_and_the_nearest_of_what_is_none() -> None:
    draw = torch.Generator().manual_seed(5)
    small_, large = torch.randn((2, 2), generator=draw), torch.randn((4, 4, 3, 3), generator=draw)
    whole = torch.kron(small_[:, :, None, None], large)
    conv_models(whole)
    asked: dict[str, Any] = {"kind": "lokr", "factor": 2, "full_matrix": True, "ranks": {"conv_rank": 1}}
    report = run("tuned.safetensors", "base.safetensors", **asked)
    assert report.error < 1e-6
    noise = torch.randn((8, 8, 3, 3), generator=draw)
    conv_models(noise)
    report = run("tuned.safetensors", "base.safetensors", **asked)
    # laid out by hand: a row for each number of the small matrix, with all it is multiplied with
    rows = [noise[4 * o : 4 * o + 4, 4 * i : 4 * i + 4].flatten() for o in range(2) for i in range(2)]
    values = torch.linalg.svdvals(torch.stack(rows).double())
    assert report.layers[0].error == pytest.approx(
        math.sqrt(1 - float(values[0] ** 2 / values.square().sum())), rel=1e-4
    )
    thin = run(
        "tuned.safetensors", "base.safetensors", kind="lokr", factor=2, ranks={"rank": 1, "conv_rank": 1}
    )
    assert thin.layers[0].rank == 1
    assert thin.layers[0].error > report.layers[0].error
    assert {name.rpartition(".")[2] for name in load_file(OUT)} == {
        "lokr_w1",
        "lokr_w2_a",
        "lokr_w2_b",
        "alpha",
    }


def test_a_file_of_a_size_has_it_and_is_better_than_one_of_equal_ranks() -> None:
    draw = torch.Generator().manual_seed(6)
    name = f"{UNET}input_blocks.{{}}.1.transformer_blocks.0.attn1.to_q.weight"
    base = {name.format(block): torch.zeros(64, 64) for block in (1, 2, 4, 5, 7, 8)}
    decays = torch.arange(64.0)[None] * torch.arange(1.0, 7.0)[:, None] * -0.05
    tuned = {
        each: torch.randn((64, 64), generator=draw) * decay.exp()
        for each, decay in zip(base, decays, strict=True)
    }
    save_file(base, "base.safetensors")
    save_file(tuned, "tuned.safetensors")
    equal = run("tuned.safetensors", "base.safetensors", ranks={"rank": 8})
    shared = run("tuned.safetensors", "base.safetensors", ranks={"size_mb": equal.bytes / 1e6})
    assert 0.8 * equal.bytes < shared.bytes <= equal.bytes
    assert shared.error < equal.error
    assert len({layer.rank for layer in shared.layers}) > 1
    with pytest.raises(UserError, match="does not fit into --size-mb"):
        run("tuned.safetensors", "base.safetensors", ranks={"size_mb": 0.01})


def test_the_file_says_what_it_is(home: Path) -> None:
    marks = {"v_pred": torch.zeros(0)}
    save_file(small(0) | marks, home / "v.safetensors", {"modelspec.license": "MIT"})
    report = run("v.safetensors", "b.safetensors", ranks={"rank": 2}, alpha=1.0)
    about = read_lora(OUT)[1]
    assert report.doubts[0]["what"] == "v.safetensors predicts v_prediction, and b.safetensors epsilon"
    assert about["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert about["modelspec.prediction_type"] == "v"
    assert about["modelspec.license"] == "MIT"
    assert about["ss_base_model_version"] == "sd_v1_v"
    assert (about["ss_network_module"], about["ss_network_dim"], about["ss_network_alpha"]) == (
        "networks.lora", "2", "1.0",
    )  # fmt: skip
    origin = json.loads(about["frieze.extracted"])
    assert (origin["tuned"], origin["base"]) == ("v.safetensors", "b.safetensors")
    assert about["ss_new_sd_model_hash"] == origin["base_sha256"]
    assert origin["asked"] == {"alpha": 1.0, "rank": 2}
    assert report.sha256


def test_inpainting_and_small_differences(home: Path) -> None:
    """The convolution of other channels is none that adapters change."""
    save_file(small(0, channels=9), home / "wide.safetensors")
    report = run("wide.safetensors", "b.safetensors", kind="locon", ranks={"rank": 2})
    assert len(report.layers) == 2
    near = small(1)
    near[MIDDLE] = near[MIDDLE] + 0.01
    near[BLOCK1] = near[BLOCK1] + 1.0
    save_file(near, home / "near.safetensors")
    asked: dict[str, Any] = {"kind": "locon", "ranks": {"rank": 2}}
    assert len(run("near.safetensors", "b.safetensors", **asked).layers) == 2
    left = run("near.safetensors", "b.safetensors", **asked, min_difference=0.1)
    assert (len(left.layers), left.unchanged_layers) == (1, 1)


def test_factors_cut_at_a_quantile_have_no_larger_numbers() -> None:
    change = torch.randn((8, 8, 3, 3), generator=torch.Generator().manual_seed(4))
    change[0, 0, 0, 0] = 50.0
    conv_models(change)
    asked: dict[str, Any] = {"kind": "locon", "ranks": {"rank": 2}}
    whole = run("tuned.safetensors", "base.safetensors", **asked)
    before = max(
        float(each.abs().max())
        for name, each in load_file(OUT).items()
        if "lora_" in name.rpartition(".lora_")[1]
    )
    cut = run("tuned.safetensors", "base.safetensors", **asked, clamp_quantile=0.9)
    after = max(
        float(each.abs().max())
        for name, each in load_file(OUT).items()
        if "lora_" in name.rpartition(".lora_")[1]
    )
    assert after < 0.5 * before
    assert cut.error > whole.error


def write_refused(home: Path) -> None:
    names = ("nan", "other", "lora", "large")
    models: dict[str, dict[str, Tensor]] = {name: small(0) for name in names[:2]}
    models["nan"][MIDDLE][0, 0, 0, 0] = torch.nan
    models["other"] = {
        name.replace(UNET, "conditioner.embedders.1."): each for name, each in small(0).items()
    }
    models["lora"] = {"lora_unet_x.lora_down.weight": torch.ones(2, 2)}
    models["large"] = small(0) | {MIDDLE: torch.ones(16, 8, 1, 1)}
    models["text"] = {name: each for name, each in small(0).items() if name.startswith(TEXT)}
    for name, tensors in models.items():
        save_file(tensors, home / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("tuned", "base", "asked", "words"),
    [
        ("a", "a", {}, "no layer of a.safetensors differs from a.safetensors"),
        ("nan", "b", {}, f"nan.safetensors: the tensor '{MIDDLE}' holds NaN or infinity"),
        ("b", "nan", {}, f"nan.safetensors: the tensor '{MIDDLE}' holds NaN or infinity"),
        ("other", "a", {}, "other.safetensors is sdxl and a.safetensors is sd1"),
        ("lora", "a", {}, "lora.safetensors is an adapter"),
        ("large", "a", {}, f"'{MIDDLE}' is 16x8x1x1 in large.safetensors and 8x8x1x1 in a.safetensors"),
        ("text", "a", {}, "share no layer"),
        ("a", "b", {"parts": ["text_2"]}, "sd1 has no second text encoder"),
        ("a", "gone", {}, "there is no model file"),
        ("a", "b", {"kind": "loha"}, "what is asked for 'kind' is none of lora, locon, lokr"),
        ("a", "b", {"ranks": {"rank": 0}}, "--rank 0: a rank is 1 or more"),
        ("a", "b", {"ranks": {"sv_fro": 1.5}}, "--sv-fro 1.5 is out of its limits"),
        ("a", "b", {"ranks": {"sv_fro": 0.5, "sv_ratio": 2.0}}, "a rank has one rule"),
        ("a", "b", {"factor": 4}, "--factor has no effect on lora"),
        ("a", "b", {"kind": "lokr", "alpha": 4.0}, "--alpha has no effect on lokr"),
        ("a", "b", {"kind": "lokr", "full_matrix": True, "ranks": {"rank": 4}}, "a whole matrix has no rank"),
        ("a", "b", {"alpha": 0.0}, "--alpha 0 is no alpha"),
        ("a", "b", {"clamp_quantile": 2.0}, "--clamp-quantile 2 is no share"),
    ],
)
def test_what_is_refused(home: Path, tuned: str, base: str, asked: dict[str, Any], words: str) -> None:
    write_refused(home)
    with pytest.raises(UserError) as refused:
        run(f"{tuned}.safetensors", f"{base}.safetensors", **asked)
    assert words in str(refused.value)
    assert not OUT.exists()


def test_a_place_that_is_taken_stays_and_one_that_is_full_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = home / "a.safetensors", home / "b.safetensors"
    before = b.read_bytes()
    with pytest.raises(UserError, match="is one of the files it would be made of"):
        run(a, b, b)
    with pytest.raises(UserError, match="is there already"):
        extract(a, b, home / "c.safetensors", Extraction(), lambda done, total: None, replaces=False)
    assert b.read_bytes() == before

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(a, b, OUT, Extraction(), stop, replaces=False)
    assert not OUT.exists()
    monkeypatch.setattr("train.workshop.result.shutil.disk_usage", lambda _: type("Full", (), {"free": 0}))
    with pytest.raises(UserError, match="GB, and its disk has"):
        run(a, b)
    assert not OUT.exists()
    assert CONV in load_file(a)
