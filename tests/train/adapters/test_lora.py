"""The LoRA: where it attaches, how it starts, what its file means to us and to diffusers (S051, S065, S027)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from curator.contract.errors import UserError
from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.recipe import Optimizer
from train.adapters.attach import attach
from train.adapters.reading import change_of
from train.families.conditioning import Framing
from train.families.load import load_family
from train.programs.verify_lora import main, verify
from train.weights.lora_file import read_lora, write_lora

CAPTIONS = ["a photo of a cat", ""]
FRAMINGS = [Framing((300, 200), (10, 0), (64, 64)), Framing((64, 64), (0, 0), (64, 64))]


def lora(family, seed: int = 5, **knobs):
    return attach(family.adapter_roots, Adapter(**knobs), Optimizer(), seed)


def predict(family) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    noisy = torch.randn(2, 4, 8, 8, generator=generator)
    with torch.no_grad():
        return family.predict(noisy, torch.tensor([10, 500]), family.condition(CAPTIONS, FRAMINGS))


def stir(adapter) -> None:
    """Weights as after some training."""
    generator = torch.Generator().manual_seed(4)
    for weight in adapter.weights:
        weight.data.copy_(0.2 * torch.randn(weight.shape, generator=generator))


@pytest.mark.parametrize(("model", "conv"), [("tiny_model", 0), ("tiny_model", 2), ("tiny_sdxl", 2)])
def test_diffusers_and_our_own_reading_agree(request, tmp_path: Path, capsys, model, conv) -> None:
    """S065: the file of a LoRA, with and without convolutions, means the same to both."""
    base = str(request.getfixturevalue(model))
    family = load_family(base)
    plain = predict(family)
    adapter = lora(family, rank=4, alpha=2.0, conv_rank=conv, conv_alpha=1.0)
    assert torch.equal(predict(family), plain)  # a new LoRA changes nothing
    stir(adapter)
    path = tmp_path / "one.safetensors"
    write_lora(path, adapter.tensors(), {}, "fp32")
    verdict = verify(base, path)
    assert verdict.equal
    assert verdict.difference < 1e-5
    assert verdict.effect > 0.05
    assert main([base, str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["modules"] == verdict.modules


def test_names_and_counts_are_kohyas(whole_model) -> None:
    """192 linear modules of an SD1 UNet; text encoder names with `text_model`, whatever transformers calls it."""
    adapter = lora(load_family(str(whole_model)), rank=4, alpha=2.0)
    names = {name.split(".", 1)[0] for name in adapter.state()}
    assert sum(name.startswith("lora_unet_") for name in names) == 192
    assert "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q" in names
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj" in names
    alpha = adapter.tensors()["lora_te_text_model_encoder_layers_0_mlp_fc1.alpha"]
    assert alpha.shape == ()
    assert float(alpha) == 2.0


def test_layers_behind_the_clip_skip_get_no_modules(whole_model) -> None:
    """S027: they would never see a gradient."""
    names = lora(load_family(str(whole_model), clip_skip=2)).state()
    assert any("layers_2_" in name for name in names)
    assert not any("layers_3_" in name for name in names)


def test_the_start_is_a_function_of_seed_and_name(tiny_model) -> None:
    def start(seed: int, **shape) -> dict[str, torch.Tensor]:
        torch.manual_seed(len(shape))
        return lora(load_family(str(tiny_model)), seed=seed, **shape).state()

    one, again, other = start(1), start(1, conv_rank=3), start(2)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_dropout_has_an_effect_in_training_alone(tiny_model) -> None:
    family = load_family(str(tiny_model))
    adapter = lora(family, dropout=0.5)
    stir(adapter)
    assert not torch.equal(predict(family), predict(family))
    with adapter.at_rest():
        assert torch.equal(predict(family), predict(family))


def test_delta_is_scaled_up_times_down() -> None:
    """S065: the change has at most the LoRA's rank; alpha 0 or none means the rank."""
    up, down, weight = torch.randn(6, 2), torch.randn(2, 5), torch.zeros(6, 5)
    tensors = {"lora_up.weight": up, "lora_down.weight": down, "alpha": torch.tensor(4.0)}
    assert torch.allclose(change_of("m", tensors, weight), 2 * up @ down)
    assert torch.linalg.matrix_rank(change_of("m", tensors, weight)) == 2
    for alpha in (None, torch.tensor(0.0)):
        tensors["alpha"] = alpha
        given = {name: tensor for name, tensor in tensors.items() if tensor is not None}
        assert torch.allclose(change_of("m", given, weight), up @ down)


def test_a_lora_of_something_else_is_refused(tiny_model, tmp_path: Path, capsys) -> None:
    path = tmp_path / "strange.safetensors"
    tensors = {
        "lora_unet_nowhere.lora_up.weight": torch.ones(2, 1),
        "lora_unet_nowhere.lora_down.weight": torch.ones(1, 2),
    }
    write_lora(path, tensors, {}, "fp32")
    with pytest.raises(UserError, match="lora_unet_nowhere"):
        verify(str(tiny_model), path)
    path.write_bytes(b"no safetensors")
    assert main([str(tiny_model), str(path)]) == 2
    with pytest.raises(UserError, match="no file"):
        read_lora(tmp_path / "missing.safetensors")
