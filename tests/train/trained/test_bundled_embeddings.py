"""Embeddings of words inside adapter files: the adapter counts, and they are told of or trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from curator.contract.errors import UserError
from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.recipe import Embeddings, Optimizer, Recipe
from curator.contract.run.events import Warned
from train.adapters.apply import apply_adapter
from train.adapters.attach import attach
from train.adapters.bundled import unbundled
from train.families.load import load_family
from train.programs.verify_lora import main
from train.trained.embeddings import add_embeddings
from train.weights.lora_file import read_lora, write_lora

VECTORS = torch.arange(2 * 64.0).reshape(2, 64) / 100
STYLES = {
    "one text encoder": ({"bundle_emb.s.l-s.clip_l": VECTORS}, {"clip_l": VECTORS}),
    "two": (
        {"bundle_emb.s.l-s.clip_l": VECTORS, "bundle_emb.s.l-s.clip_g": VECTORS + 1},
        {"clip_l": VECTORS, "clip_g": VECTORS + 1},
    ),
    "of their states": (
        {"bundle_emb.s.l-s.clip_l": VECTORS, "bundle_emb.s.l-s.clip_l_out": VECTORS + 1},
        {"clip_l": VECTORS, "clip_l_out": VECTORS + 1},
    ),
    "Automatic1111": ({"bundle_emb.s.l-s.string_to_param.*": VECTORS}, {"clip_l": VECTORS}),
}


def width_of(model: Path) -> int:
    return load_family(str(model)).text_encoders[0].config.hidden_size


@pytest.mark.parametrize("style", STYLES)
def test_styles(style: str) -> None:
    given, expected = STYLES[style]
    adapter, words = unbundled({"lora_unet_x.alpha": torch.tensor(1.0), **given})
    assert list(adapter) == ["lora_unet_x.alpha"]
    assert list(words) == ["s.l-s"]
    assert words["s.l-s"].keys() == expected.keys()
    assert all(torch.equal(words["s.l-s"][name], expected[name]) for name in expected)


def test_the_adapter_is_applied_compared_and_gone_on_from(
    tiny_model: Path, tmp_path: Path, make_run, work, events_of, capsys
) -> None:
    family = load_family(str(tiny_model))
    adapter = attach(family.adapter_roots, Adapter(rank=2, alpha=2.0), Optimizer(), seed=3)
    for weight in adapter.weights:
        weight.data.add_(0.05)
    path, width = tmp_path / "bundle.safetensors", width_of(tiny_model)
    bundled = {**adapter.tensors(), "bundle_emb.sls.clip_l": torch.ones(3, width)}
    write_lora(path, bundled, {}, "fp32")
    assert apply_adapter(load_family(str(tiny_model)).adapter_roots, bundled) == len(adapter.modules)
    assert main([str(tiny_model), str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == ["sls"]
    assert main([str(tiny_model), str(path)]) == 0
    assert "embeddings of 'sls' lie in the file as well" in capsys.readouterr().out
    rates = ("optimizer.unet_lr=1e-12", "optimizer.text_lr=1e-12")
    run = make_run(f"adapter.start={path}", *rates, "length.steps=1", name="on")
    assert work(run) == 0
    after, _ = read_lora(run.output_dir / "on.safetensors")
    assert all(torch.allclose(after[name], tensor, atol=1e-6) for name, tensor in adapter.tensors().items())
    told = [event.what for event in events_of(run) if isinstance(event, Warned)]
    assert any("holds embeddings of words as well, which are not used: 'sls'" in what for what in told)


def test_embeddings_go_on_from_the_file_of_an_adapter(tiny_model: Path, tmp_path: Path) -> None:
    """Those of the recipe's word; a file without it is refused."""
    path, vectors = tmp_path / "bundle.safetensors", torch.rand(3, width_of(tiny_model))
    write_lora(path, {"lora_unet_x.alpha": torch.tensor(1.0), "bundle_emb.sls.clip_l": vectors}, {}, "fp32")

    def started(word: str) -> dict[str, torch.Tensor]:
        knobs = Embeddings(word=word, vectors=3, start=str(path))
        return add_embeddings(load_family(str(tiny_model)), Recipe(embeddings=knobs)).state()

    assert torch.equal(started("sls")["emb_params"], vectors)
    with pytest.raises(UserError, match=r"embeddings\.start: .*emb_params is missing"):
        started("other")
