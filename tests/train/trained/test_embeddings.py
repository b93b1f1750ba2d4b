"""Embeddings of a word: learnt alone, read wherever the word stands, saved as other programs read them (S068)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from curator.contract.caption.captions import CaptionRules
from curator.contract.recipe.recipe import Embeddings, Recipe
from curator.contract.run.events import Evaluated
from train.families.conditioning import whole
from train.families.load import load_family
from train.trained.embeddings import add_embeddings
from train.weights.lora_file import read_lora

RULES = CaptionRules(trigger="sls")
WORD = ("trains=embeddings", "embeddings.word=sls", "embeddings.vectors=3", "embeddings.initial=red cat")


@pytest.mark.parametrize(
    ("model", "names"), [("tiny_model", {"emb_params"}), ("tiny_sdxl", {"clip_l", "clip_g"})]
)
def test_a_run(request, make_run, frozen, work, events_of, model: str, names: set[str]) -> None:
    """The vectors move, of their widths; the loss falls; killed states are taken up."""
    base = request.getfixturevalue(model)
    sets = (
        *WORD,
        f"model.path={base}",
        "length.steps=6",
        "embeddings.lr=0.1",
        "evaluate.images=3",
        "batch.size=2",
    )
    run = make_run(*sets, "save.state_every_steps=4", frozen=frozen(rules=RULES), name="word")
    assert work(run) == 0
    tensors, metadata = read_lora(run.output_dir / "word.safetensors")
    assert set(tensors) == names
    assert {tensor.shape[0] for tensor in tensors.values()} == {3}
    assert metadata["modelspec.architecture"].endswith("/textual-inversion")
    assert metadata["modelspec.trigger_phrase"] == "sls"
    losses = [event.loss for event in events_of(run) if isinstance(event, Evaluated)]
    assert losses[-1] < losses[0]
    (run.output_dir / "word.safetensors").unlink()
    (run.path / "exit.json").unlink()
    shutil.rmtree(run.state_dir / "step-00000006")
    assert work(run) == 0
    again, _ = read_lora(run.output_dir / "word.safetensors")
    assert all(torch.equal(tensors[name], again[name]) for name in names)


def test_a_word_no_caption_has_is_refused(make_run, frozen, work, capsys) -> None:
    run = make_run(*WORD, frozen=frozen(rules=CaptionRules(trigger="other")))
    assert work(run) == 3
    assert "no caption has the word 'sls'" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sdxl"])
def test_the_word_is_read_as_its_vectors(request, model: str) -> None:
    """A new word says what its first text says; only captions with the word change when the vectors do."""
    base = str(request.getfixturevalue(model))
    knobs = Embeddings(word="sls", vectors=2, initial="red cat")
    family = load_family(base)
    trained = add_embeddings(family, Recipe(embeddings=knobs))
    plain = load_family(base)

    def said(of, caption: str) -> torch.Tensor:
        with torch.no_grad():
            told = of.condition([caption], [whole((64, 64))])
        return torch.cat([told.states.flatten(), *([] if told.pooled is None else [told.pooled.flatten()])])

    assert family.token_count("a sls, on a mat") == plain.token_count("a red cat, on a mat")
    for mine, theirs in (("a sls on a mat", "a red cat on a mat"), ("SLS", "red cat"), ("slsx", "slsx")):
        assert torch.allclose(said(family, mine), said(plain, theirs), atol=1e-5)
    before = said(family, "a dog"), said(family, "a sls")
    for weight in trained.weights:
        weight.data.add_(1.0)
    assert torch.equal(said(family, "a dog"), before[0])
    assert not torch.allclose(said(family, "a sls"), before[1])


def test_diffusers_reads_the_file(make_run, frozen, work, tiny_model: Path) -> None:
    run = make_run(
        *WORD,
        "length.steps=2",
        "embeddings.lr=0.1",
        "save.dtype=fp32",
        frozen=frozen(rules=RULES),
        name="word",
    )
    assert work(run) == 0
    path = run.output_dir / "word.safetensors"
    pipeline = StableDiffusionPipeline.from_pretrained(
        str(tiny_model), safety_checker=None, local_files_only=True
    )
    pipeline.load_textual_inversion(str(path.parent), weight_name=path.name, token="sls")
    table = pipeline.text_encoder.get_input_embeddings().weight
    assert torch.allclose(table[-3:], load_file(path)["emb_params"])
