"""What an adapter would hold, told before it is trained: kohya's modules, and the file a run writes (S065)."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from safetensors.torch import load_file

from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Model
from curator.contract.recipe.toml_file import load_recipe
from train.adapters.attach import wishes
from train.adapters.plan import plan_of
from train.families.empty import empty_family, empty_model

TEXT = ("optimizer.text_lr=1e-5", "model.family=auto", "model.clip_skip=1")


@pytest.mark.parametrize(
    ("family", "unet", "text", "convolutions"),
    [("sd1", 192, 72, 278), ("sd2", 192, 138, 278), ("sdxl", 722, 264, 788)],
)
def test_modules_of_the_standard_models_are_kohyas(
    family: str, unet: int, text: int, convolutions: int
) -> None:
    roots = empty_family(family, Model()).adapter_roots
    planned = plan_of(roots, load_recipe("sd15-lora", TEXT))
    parts = Counter(module.name.split("_")[1] for module in planned.modules)
    assert parts.pop("unet") == unet
    assert parts.total() == text
    assert set(parts) == ({"te1", "te2"} if family == "sdxl" else {"te"})
    assert planned.bytes == 2 * (planned.parameters + len(planned.modules))
    more = plan_of(
        roots, load_recipe("sd15-lora", ["model.clip_skip=1", "optimizer.text_lr=0", "adapter.conv_rank=4"])
    )
    assert len(more.modules) == convolutions


@pytest.mark.parametrize(
    "sets",
    [
        ("adapter.conv_rank=1", "adapter.norms=true"),
        ("adapter.kind=lokr", "adapter.lokr.factor=8"),
        ("adapter.kind=dylora", "adapter.rank=4", "adapter.dylora.unit=2"),
        ("adapter.kind=ia3",),
        ("adapter.rules=['*attn1* kind=loha rank=3 alpha=1', 'lora_te_* kind=none', '*ff* lr=1e-3']",),
    ],
)
def test_the_plan_is_the_file(make_run, work, tiny_model: Path, sets) -> None:
    base = () if "adapter.kind=ia3" not in sets else ("adapter.rank=16", "adapter.alpha=8.0")
    run = make_run("length.steps=1", "save.dtype=fp16", *base, *sets)
    recipe = load_recipe(run.recipe_path)
    planned = plan_of(empty_model(recipe.model).adapter_roots, recipe)
    assert work(run) == 0
    path = run.output_dir / "tiny.safetensors"
    tensors = load_file(path)
    names = {
        f"{module.name}.{name}": shape for module in planned.modules for name, shape in module.shapes.items()
    }
    assert names == {
        name: tuple(tensor.shape) for name, tensor in tensors.items() if not name.endswith(".alpha")
    }
    for module in planned.modules:
        alpha = tensors.get(f"{module.name}.alpha")
        assert (None if alpha is None else float(alpha)) == module.alpha
    header = struct.unpack("<Q", path.read_bytes()[:8])[0]
    assert path.stat().st_size - 8 - header == planned.bytes


def test_each_text_encoder_has_its_own_rate() -> None:
    """S051: the second one goes with the first unless it has its own; 0 leaves it alone; rules have a last word."""
    roots = empty_family("sdxl", Model()).adapter_roots

    def rates(*sets: str) -> dict[str, float]:
        recipe = load_recipe("sdxl-lora", ["optimizer.unet_lr=1e-4", "optimizer.text_lr=1e-5", *sets])
        return {wish.group: wish.rate for wish in wishes(roots, recipe.adapter, recipe.optimizer)}

    assert rates() == {"unet": 1e-4, "text": 1e-5}
    assert rates("optimizer.text_2_lr=2e-5") == {"unet": 1e-4, "text": 1e-5, "text_2": 2e-5}
    assert rates("optimizer.text_2_lr=0") == {"unet": 1e-4, "text": 1e-5}
    assert rates("adapter.rules=['lora_te2_* lr=3e-5']") == {"unet": 1e-4, "text": 1e-5, "lora_te2_*": 3e-5}
    alone = empty_family("sd1", Model()).adapter_roots
    recipe = load_recipe("sdxl-lora", ["optimizer.text_2_lr=1e-5"])
    with pytest.raises(UserError, match="no second text encoder"):
        wishes(alone, recipe.adapter, recipe.optimizer)


def test_rules_reach_what_they_name(tiny_model: Path) -> None:
    rules = "adapter.rules=['*attn1* kind=lokr factor=4', '*attn2* rank=3 alpha=1', 'lora_te_* kind=none', '*ff* lr=0']"
    recipe = load_recipe("sd15-lora", [f"model.path={tiny_model}", rules])
    planned = plan_of(empty_model(recipe.model).adapter_roots, recipe).modules
    kinds = {module.name: (module.kind, module.rank, module.alpha) for module in planned}
    block = "lora_unet_mid_block_attentions_0_transformer_blocks_0"
    assert kinds[f"{block}_attn1_to_q"][0] == "lokr"
    assert kinds[f"{block}_attn2_to_q"] == ("lora", 3, 1.0)
    assert kinds["lora_unet_mid_block_attentions_0_proj_in"] == ("lora", 16, 8.0)
    assert not any("_ff_" in name or name.startswith("lora_te") for name in kinds)


def test_the_program_tells_json_and_refuses_in_sentences(tiny_model: Path, tmp_path: Path) -> None:
    def ask(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "train.programs.adapter_plan", *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    told = ask(text=f'[model]\npath = "{tiny_model}"\n')
    assert {"modules", "parameters", "bytes"} == set(json.loads(told.stdout))
    refused = ask("sd4", text="")
    assert refused.returncode == 2
    assert "no family is called 'sd4'" in refused.stderr
    missing = ask(text=f'[model]\npath = "{tmp_path}/none"\n')
    assert missing.returncode == 2
    assert "there is no model" in missing.stderr
    unfit = ask(text=f'[model]\npath = "{tiny_model}"\n[adapter]\nrules = ["*nowhere* rank=2"]\n')
    assert "no module of this model is called '*nowhere*'" in unfit.stderr


def test_the_command(tiny_model: Path, capsys) -> None:
    from curator.cli.main import dispatch

    asked = ["adapter", "plan", "sd15-lora", "--model", str(tiny_model)]
    assert dispatch([*asked, "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (
        planned["parameters"]
        == plan_of(
            empty_model(Model(path=str(tiny_model))).adapter_roots,
            load_recipe("sd15-lora", ["model.clip_skip=1"]),
        ).parameters
    )
    assert dispatch(asked) == 0
    assert "parameters" in capsys.readouterr().out.splitlines()[-1]
    for wrong, what in ((["--family", "sd1"], "two models"), (["--set", "trains=full"], "trains no adapter")):
        with pytest.raises(UserError, match=what):
            dispatch([*asked, *wrong])
