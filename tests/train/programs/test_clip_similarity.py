"""How well samples fit their prompts, by a CLIP model at hand."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

from train.programs import clip_similarity

SIDE = 32


@pytest.fixture
def clip(tmp_path: Path, tiny_model: Path) -> Path:
    """A random CLIP model of the usual shape, with the tokenizer of its kind."""
    torch.manual_seed(5)
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={**small, "bos_token_id": 49406, "eos_token_id": 49407},
        vision_config={**small, "image_size": SIDE, "patch_size": 16},
        projection_dim=16,
    )
    folder = tmp_path / "clip"
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(folder)
    for file in (tiny_model / "tokenizer").iterdir():
        shutil.copy(file, folder)
    return folder


def test_the_cosine_of_each_image_with_its_prompt(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """B10: one that cannot be read has none, and costs the others nothing."""
    image = Image.new("RGB", (48, 32), (200, 30, 30))
    image.save(tmp_path / "red.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    pairs = [
        [str(tmp_path / "red.png"), "a red square"],
        [str(tmp_path / "broken.png"), "x"],
        [str(tmp_path / "red.png"), "a cat"],
    ]
    monkeypatch.setattr("sys.stdin", StringIO(json.dumps(pairs)))
    assert clip_similarity.main([str(clip)]) == 0
    red, broken, cat = json.loads(capsys.readouterr().out)
    model, words = CLIPModel.from_pretrained(clip).eval(), CLIPTokenizer.from_pretrained(clip)
    pixels = CLIPImageProcessor.from_pretrained(clip)(image, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        seen = model.visual_projection(model.vision_model(pixels).pooler_output)
        read = model.text_projection(
            model.text_model(**words(["a red square"], return_tensors="pt")).pooler_output
        )
    assert red == pytest.approx(float(torch.cosine_similarity(seen, read)), abs=1e-5)
    assert broken is None
    assert cat != pytest.approx(red, abs=1e-3)


def test_a_folder_without_a_model_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("[]"))
    assert clip_similarity.main([str(tmp_path)]) == 2
    assert "holds no CLIP model" in capsys.readouterr().err
