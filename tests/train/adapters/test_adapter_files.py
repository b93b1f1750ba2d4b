"""Adapter files as programs write them: names, missing and odd alphas, shapes; each means one change of a weight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.recipe import Optimizer
from train.adapters.apply import apply_adapter, named_as_attached
from train.adapters.attach import attach
from train.adapters.reading import change_of
from train.families.conditioning import Framing
from train.families.load import load_family
from train.programs.verify_lora import main
from train.weights.lora_file import read_lora, write_lora

PATH = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
ORIGINAL = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"


def random(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator)


def change(parts: dict[str, Tensor], *shape: int) -> Tensor:
    return change_of("module", parts, torch.zeros(shape))


@pytest.mark.parametrize(
    ("alpha", "scale"),
    [
        (None, 1.0),
        (torch.tensor(0.0), 1.0),
        (torch.tensor([1.0]), 0.25),
        (torch.tensor(8), 2.0),
        (torch.tensor(181.0, dtype=torch.bfloat16), 181 / 4),
    ],
    ids=["missing", "zero", "of shape [1]", "a whole number", "bf16"],
)
def test_alpha_forms(alpha: Tensor | None, scale: float) -> None:
    """Case 09-alpha-forms (huggingface/diffusers#14409, bghira/SimpleTuner#2226)."""
    parts = {"lora_down.weight": random(4, 8), "lora_up.weight": random(6, 4)}
    expected = scale * parts["lora_up.weight"] @ parts["lora_down.weight"]
    given = parts if alpha is None else {**parts, "alpha": alpha}
    assert torch.allclose(change(given, 6, 8), expected, atol=1e-5)


def test_lokr_forms() -> None:
    """Case 10-lokr-forms (Comfy-Org/ComfyUI#15114, huggingface/diffusers#13250).

    Whole matrices have no scale; a thin one has alpha / rank; a kernel may stand in a core.
    """
    w1, w2, a, b = random(4, 4), random(8, 6), random(8, 2), random(2, 6)
    alpha = torch.tensor(1.0)
    assert torch.allclose(change({"lokr_w1": w1, "lokr_w2": w2, "alpha": alpha}, 32, 24), torch.kron(w1, w2))
    thin = change({"lokr_w1": w1, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": alpha}, 32, 24)
    assert torch.allclose(thin, 0.5 * torch.kron(w1, a @ b), atol=1e-6)
    c, d = random(4, 2), random(2, 4)
    small = change({"lokr_w1_a": c, "lokr_w1_b": d, "lokr_w2": w2, "alpha": alpha}, 32, 24)
    assert torch.allclose(small, 0.5 * torch.kron(c @ d, w2), atol=1e-6)
    both = {"lokr_w1_a": c, "lokr_w1_b": d, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": alpha}
    assert torch.allclose(change(both, 32, 24), 0.5 * torch.kron(c @ d, a @ b), atol=1e-6)
    kernel = random(8, 6, 3, 3)
    parts = {"lokr_w1": w1, "lokr_w2": kernel, "alpha": alpha}
    assert torch.equal(change(parts, 32, 24, 3, 3), torch.kron(w1[:, :, None, None], kernel))
    core, wa, wb = random(2, 2, 3, 3), random(2, 8), random(2, 6)
    parts = {"lokr_w1": w1, "lokr_t2": core, "lokr_w2_a": wa, "lokr_w2_b": wb, "alpha": alpha}
    large = torch.einsum("ijkl,jr,ip->prkl", core, wb, wa)
    expected = 0.5 * torch.kron(w1[:, :, None, None], large.contiguous())
    assert torch.allclose(change(parts, 32, 24, 3, 3), expected, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1], ids=["by output", "by input"])
def test_dora_counts_on_either_axis(axis: int) -> None:
    """Case 11-dora-output-axis (KohakuBlueleaf/LyCORIS#216, huggingface/diffusers#7366)."""
    weight, down, up = random(6, 8), random(2, 8), random(6, 2)
    total = weight + 0.5 * up @ down
    length = total.norm(dim=1 - axis, keepdim=True)
    wanted = random(*length.shape).abs()
    parts = {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(1.0), "dora_scale": wanted}
    assert torch.allclose(change_of("m", parts, weight), wanted * total / length - weight, atol=1e-5)


def test_shapes_of_convolutions() -> None:
    """Case 12-conv-shapes-and-mid (bmaltais/kohya_ss#2653).

    1x1 kernels as matrices and matrices as 1x1 kernels are the same numbers; a core stands between two 1x1.
    """
    down, up = random(2, 8), random(6, 2)
    plain = up @ down
    flat = {"lora_down.weight": down, "lora_up.weight": up}
    kernels = {"lora_down.weight": down[:, :, None, None], "lora_up.weight": up[:, :, None, None]}
    assert torch.allclose(change(flat, 6, 8, 1, 1), plain[:, :, None, None])
    assert torch.allclose(change(kernels, 6, 8), plain)
    core = random(2, 2, 3, 3)
    expected = torch.einsum("or,rskl,si->oikl", up, core, down)
    assert torch.allclose(change({**kernels, "lora_mid.weight": core}, 6, 8, 3, 3), expected, atol=1e-5)


STYLES = {
    "kohya": ("lora_unet_" + PATH.replace(".", "_"), "lora_down.weight", "lora_up.weight"),
    "diffusers": (f"unet.{PATH}", "lora_A.weight", "lora_B.weight"),
    "diffusers before PEFT": (f"unet.{PATH}", "lora.down.weight", "lora.up.weight"),
    "attention processors": (PATH.replace("to_q", "processor.to_q_lora"), "down.weight", "up.weight"),
    "PEFT": (f"base_model.model.{PATH}", "lora_A.default.weight", "lora_B.default.weight"),
    "OneTrainer": (f"unet.{PATH}", "lora_down.weight", "lora_up.weight"),
    "ComfyUI": (f"diffusion_model.{ORIGINAL}", "lora_A.weight", "lora_B.weight"),
}
TEXT = "encoder.layers.0.mlp.fc1"
TEXT_STYLES = (
    "lora_te_text_model_encoder_layers_0_mlp_fc1",
    f"text_encoder.text_model.{TEXT}",
    f"clip_l.{TEXT}",
)


@pytest.mark.parametrize("style", STYLES)
def test_names_of_programs(style: str, tiny_model: Path) -> None:
    """Case 13-unet-key-styles (Nerogar/OneTrainer#885, #1563).

    All name one module.
    """
    roots = load_family(str(tiny_model)).adapter_roots
    weight = roots.unet.get_submodule(PATH).weight
    before = weight.clone()
    module, down, up = STYLES[style]
    tensors = {f"{module}.{down}": random(4, 32), f"{module}.{up}": random(32, 4)}
    joint = "_lora." if style == "attention processors" else None
    assert joint is None or joint in next(iter(tensors))
    assert apply_adapter(roots, tensors) == 1
    assert torch.allclose(weight - before, random(32, 4) @ random(4, 32), atol=1e-5)


@pytest.mark.parametrize("name", TEXT_STYLES)
def test_names_of_text_encoders(name: str, tiny_model: Path) -> None:
    roots = load_family(str(tiny_model)).adapter_roots
    weight = roots.text_encoders[0].get_submodule(f"text_model.{TEXT}").weight
    before = weight.clone()
    out, inputs = weight.shape
    tensors = {f"{name}.lora_down.weight": random(2, inputs), f"{name}.lora_up.weight": random(out, 2)}
    assert apply_adapter(roots, tensors) == 1
    assert not torch.equal(weight, before)


def test_what_is_not_read_is_refused_by_name(tiny_model: Path) -> None:
    roots = load_family(str(tiny_model)).adapter_roots
    module = "lora_unet_" + PATH.replace(".", "_")
    for tensors, what in (
        ({"transformer.blocks.0.lora_A.weight": random(4, 4)}, "no style Frieze knows"),
        ({"bundle_emb.cat.clip_l": random(4, 4)}, "no module of an adapter"),
        ({f"{module}.other": random(4, 4)}, "a kind Frieze does not know"),
        (
            {f"{module}.lora_down.weight": random(4, 9), f"{module}.lora_up.weight": random(32, 4)},
            "another size",
        ),
        ({f"{module}.lora_down.weight": random(4, 32)}, "another size"),
    ):
        with pytest.raises(UserError, match=what):
            apply_adapter(roots, tensors)


EVERY_KIND = Adapter(
    rank=4,
    alpha=3.0,
    norms=True,
    rules=(
        "*attn1_to_q kind=loha",
        "*attn1_to_k kind=lokr factor=4",
        "*attn1_to_v kind=dora",
        "*attn2_to_k kind=ia3",
        "*attn2_to_q kind=glora",
        "*attn2_to_v kind=oft",
        "*ff_net_0_proj kind=boft",
        "*ff_net_2 kind=dylora unit=2",
        "*conv1 kind=locon rank=2 tucker=true",
        "*conv2 kind=lokr rank=2 factor=4",
    ),
)


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sdxl"])
def test_a_whole_model_answers_alike_live_and_merged(request, tmp_path: Path, model: str) -> None:
    """Every kind in one adapter, through its file."""
    base = str(request.getfixturevalue(model))
    live, other = load_family(base), load_family(base)
    adapter = attach(live.adapter_roots, EVERY_KIND, Optimizer(), seed=3)
    generator = torch.Generator().manual_seed(4)
    for weight in adapter.weights:
        weight.data.add_(0.1 * torch.randn(weight.shape, generator=generator))
    path = tmp_path / "every.safetensors"
    write_lora(path, adapter.tensors(), {}, "fp32")
    plain = said_by(other)
    with adapter.at_rest():
        answer = said_by(live)
    apply_adapter(other.adapter_roots, read_lora(path)[0])
    assert (answer - plain).abs().max() > 0.05
    assert torch.allclose(answer, said_by(other), atol=2e-4)


@torch.no_grad()
def said_by(family) -> Tensor:
    framings = [Framing((64, 64), (0, 0), (64, 64))] * 2
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    return family.predict(noisy, torch.tensor([10, 600]), family.condition(["a cat", ""], framings))


@pytest.mark.parametrize(
    "knobs",
    [
        Adapter(rank=4, alpha=3.0, rank_stabilized=True),
        Adapter(kind="locon", rank=2, alpha=3.0),
        Adapter(kind="dylora", rank=4, alpha=3.0, rules=("*attn2* unit=2",)),
    ],
    ids=["rslora", "locon", "dylora"],
)
def test_diffusers_loads_what_it_can(tiny_model: Path, tmp_path: Path, capsys, knobs: Adapter) -> None:
    adapter = attach(load_family(str(tiny_model)).adapter_roots, knobs, Optimizer(), seed=3)
    for weight in adapter.weights:
        weight.data.add_(0.1 * random(*weight.shape))
    path = tmp_path / "one.safetensors"
    write_lora(path, adapter.tensors(), {}, "fp32")
    assert main([str(tiny_model), str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["effect"] > 0.01


def test_a_run_starts_from_an_adapter(make_run, work, tmp_path: Path) -> None:
    """Of the same shape, its alpha included; another is refused."""
    first = make_run("adapter.kind=lokr", "adapter.rank=4", "adapter.lokr.factor=4", name="first")
    assert work(first) == 0
    start = f"adapter.start={first.output_dir / 'first.safetensors'}"
    same = ("adapter.kind=lokr", "adapter.rank=4", "adapter.lokr.factor=4")
    second = make_run(*same, start, "optimizer.unet_lr=1e-12", "optimizer.text_lr=1e-12", name="second")
    assert work(second) == 0
    before, _ = read_lora(first.output_dir / "first.safetensors")
    after, _ = read_lora(second.output_dir / "second.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    for changed, what in (("adapter.rank=8", "another size"), ("adapter.kind=lora", "missing")):
        sets = tuple(each for each in (*same, start) if "factor" not in each or "kind=lora" not in changed)
        assert work(make_run(*sets, changed, name="other")) == 3, what


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("alpha", [None, 0.0, 4.0])
def test_an_adapter_goes_on_from_names_of_programs(style: str, alpha: float | None, tiny_model: Path) -> None:
    """What applying reads, training goes on from: no alpha and an alpha of 0 mean the rank."""
    roots = load_family(str(tiny_model)).adapter_roots
    adapter = attach(
        roots, Adapter(rank=4, alpha=4.0, rules=("* kind=none", "*attn1_to_q kind=lora")), Optimizer(), 1
    )
    assert len(adapter.modules) > 1
    module, down, up = STYLES[style]
    tensors = adapter.tensors()
    ours = STYLES["kohya"][0]
    for leaf, name, value in (("lora_down", down, random(4, 32)), ("lora_up", up, random(32, 4))):
        tensors.pop(f"{ours}.{leaf}.weight")
        tensors[f"{module}.{name}"] = value
    tensors.pop(f"{ours}.alpha")
    if alpha is not None and style in ("kohya", "OneTrainer", "ComfyUI"):
        tensors[f"{module}.alpha"] = torch.tensor(alpha)
    adapter.start_from(named_as_attached(adapter, roots, tensors))
    trained = next(each for each in adapter.modules if each.name == ours).tensors
    assert torch.equal(trained["lora_down.weight"], random(4, 32))
    assert torch.equal(trained["lora_up.weight"], random(32, 4))


def test_a_run_goes_on_from_peft(make_run, work, tmp_path: Path, tiny_model: Path) -> None:
    first = make_run("adapter.rank=4", "adapter.alpha=4", name="first")
    assert work(first) == 0
    kohyas, _ = read_lora(first.output_dir / "first.safetensors")
    named = load_family(str(tiny_model)).adapter_roots.unet.named_modules()
    paths = {f"lora_unet_{path.replace('.', '_')}": f"base_model.model.unet.{path}" for path, _ in named}
    tensors = {}
    for name, tensor in kohyas.items():
        module, _, leaf = name.partition(".")
        if leaf != "alpha":
            there = {"lora_down.weight": "lora_A.weight", "lora_up.weight": "lora_B.weight"}[leaf]
            if module in paths:
                tensors[f"{paths[module]}.{there}"] = tensor
            else:
                tensors[name] = tensor
    path = tmp_path / "peft.safetensors"
    save_file(tensors, path)
    rates = ("optimizer.unet_lr=1e-12", "optimizer.text_lr=1e-12")
    second = make_run("adapter.rank=4", "adapter.alpha=4", f"adapter.start={path}", *rates, name="second")
    assert work(second) == 0
    after, _ = read_lora(second.output_dir / "second.safetensors")
    assert all(torch.allclose(kohyas[name], after[name], atol=1e-6) for name in kohyas)


def test_matrices_start_kernels_of_one(tiny_model: Path) -> None:
    """As where a file is applied; a matrix of other sides is refused."""
    roots = load_family(str(tiny_model)).adapter_roots
    adapter = attach(
        roots,
        Adapter(kind="locon", rank=4, alpha=4.0, rules=("* kind=none", "*conv_shortcut kind=locon")),
        Optimizer(),
        1,
    )
    tensors = {
        name: tensor.flatten(1) if tensor.dim() == 4 else tensor for name, tensor in adapter.tensors().items()
    }
    adapter.start_from(tensors)
    name = next(each for each in sorted(tensors) if each.endswith("down.weight"))
    with pytest.raises(UserError, match="another size"):
        adapter.start_from({**tensors, name: tensors[name][:2]})


def test_an_adapter_goes_on_with_its_own_alpha_alone(tiny_model: Path) -> None:
    roots = load_family(str(tiny_model)).adapter_roots
    tensors = attach(roots, Adapter(rank=4, alpha=2.0), Optimizer(), seed=1).tensors()
    other = attach(
        load_family(str(tiny_model)).adapter_roots, Adapter(rank=4, alpha=4.0), Optimizer(), seed=1
    )
    with pytest.raises(UserError, match="another alpha"):
        other.start_from(tensors)
