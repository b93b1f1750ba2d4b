"""Extended textual inversion: vectors of a word for each layer of the UNet that reads text (S068)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Embeddings, Model, Recipe
from curator.contract.run.events import Evaluated
from train.families.conditioning import whole
from train.families.empty import empty_family
from train.families.load import load_family
from train.trained.embeddings import add_embeddings
from train.trained.text_layers import text_layers
from train.weights.lora_file import read_lora, write_lora

RULES = CaptionRules(trigger="sls")
SETS = ("trains=embeddings", "embeddings.word=sls", "embeddings.vectors=2", "embeddings.extended=true")
KOHYAS = [
    "IN01",
    "IN02",
    "IN04",
    "IN05",
    "IN07",
    "IN08",
    "MID",
    "OUT03",
    "OUT04",
    "OUT05",
    "OUT06",
    "OUT07",
    "OUT08",
    "OUT09",
    "OUT10",
    "OUT11",
]


def knobs(**more: object) -> Recipe:
    return Recipe(embeddings=Embeddings(word="sls", vectors=2, initial="red cat", **more))


def names_of(model: Path) -> list[str]:
    return list(text_layers(UNet2DConditionModel.from_pretrained(str(model), subfolder="unet")))


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_the_layers_of_the_standard_models_are_called_as_kohya_calls_them(family: str) -> None:
    assert list(text_layers(empty_family(family, Model()).unet)) == KOHYAS


@pytest.mark.parametrize("name", ["sd1", "sd2"])
def test_every_layer_reads_its_own_vectors(tiny_of, name: str) -> None:
    """As they start, the model says what it says of the plain word; then each vector reaches one layer alone."""
    family, plain = load_family(str(tiny_of(name))), load_family(str(tiny_of(name)))
    trained = add_embeddings(family, knobs(extended=True))
    add_embeddings(plain, knobs())
    noisy, when = torch.randn(1, 4, 8, 8), torch.tensor([300])

    def said(of) -> torch.Tensor:
        with torch.no_grad():
            return of.predict(noisy, when, of.condition(["a sls, on a mat"], [whole((64, 64))]))

    assert torch.allclose(said(family), said(plain), atol=1e-5)
    heard: dict[str, torch.Tensor] = {}
    layers = text_layers(family.unet)
    for layer, module in layers.items():
        block = module.transformer_blocks[0].attn2.to_k
        block.register_forward_pre_hook(lambda _, args, layer=layer: heard.update({layer: args[0].clone()}))
    said(family)
    before, state = dict(heard), trained.state()
    assert list(state) == list(layers)
    for layer in layers:
        trained.load({**state, layer: state[layer] + 1.0})
        said(family)
        assert {each for each in layers if not torch.equal(heard[each], before[each])} == {layer}


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sd2"])
def test_a_run_is_saved_as_kohya_saves_it_resumed_exactly_and_gone_on_from(
    request, make_run, frozen, work, events_of, model: str
) -> None:
    base, data = request.getfixturevalue(model), frozen(rules=RULES)
    sets = (*SETS, f"model.path={base}", "evaluate.images=2", "save.state_every_steps=2")
    run = make_run(*sets, "length.steps=3", "embeddings.lr=0.1", frozen=data, name="word")
    assert work(run) == 0
    file = run.output_dir / "word.safetensors"
    tensors, _ = read_lora(file)
    assert sorted(tensors) == names_of(base)
    assert all(tensor.shape[0] == 2 for tensor in tensors.values())
    rows = torch.stack(list(tensors.values())).flatten(1)
    assert len(torch.unique(rows, dim=0)) == len(tensors)
    losses = [event.loss for event in events_of(run) if isinstance(event, Evaluated)]
    assert losses[-1] < losses[0]
    file.unlink()
    (run.path / "exit.json").unlink()
    shutil.rmtree(run.state_dir / "step-00000003")
    assert work(run) == 0
    again, _ = read_lora(file)
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    more = make_run(*sets, "length.steps=1", f"embeddings.start={file}", frozen=data, name="more")
    assert work(more) == 0
    start = next(event.loss for event in events_of(more) if isinstance(event, Evaluated))
    assert start == pytest.approx(losses[-1], abs=1e-6)


def test_sdxl_and_files_of_another_shape_are_refused(
    tiny_model: Path, tiny_sdxl: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="one text encoder"):
        add_embeddings(load_family(str(tiny_sdxl)), knobs(extended=True))
    path = tmp_path / "plain.safetensors"
    plain = add_embeddings(load_family(str(tiny_model)), knobs())
    write_lora(path, plain.state(), {}, "fp32")
    with pytest.raises(UserError, match=r"embeddings\.start.*IN01 is missing"):
        add_embeddings(load_family(str(tiny_model)), knobs(extended=True, start=str(path)))
