"""Scorers: one number an image, from classes by their names, from a head over an embedding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from curator.contract.errors import UserError
from curator.contract.tagging.zoo import ModelRow, find_model
from tag_models.families.clip_head import ClipHead
from tag_models.families.image_classifier import ImageClassifier
from tag_models.families.onnx_scorer import OnnxScorer
from tag_models.model import Batch, Model
from tests.tag_models.onnx_models import write_model

PREPROCESSOR = {
    "do_resize": True, "size": {"height": 32, "width": 32}, "resample": 2, "do_rescale": True,
    "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
}  # fmt: skip


def pictures(count: int = 5, side: int = 40) -> list[Image.Image]:
    chance = np.random.default_rng(0)
    return [Image.fromarray(chance.integers(0, 255, (side, side + 7 * n, 3), np.uint8)) for n in range(count)]


def answers(model: Model, shown: list[Image.Image]) -> np.ndarray:
    values = model.answer(
        Batch(np.stack([model.frame(each) for each in shown]), [each.size for each in shown])
    ).values
    assert values is not None
    return values


def test_a_score_is_the_mean_of_its_classes(tmp_path: Path) -> None:
    """deepghs' seven steps: the sum of i times the probability of step i; labels by name, in any order."""
    names = ["masterpiece", "best", "great", "good", "normal", "low", "worst"]
    row = find_model_row("anime-aesthetic")
    write_model(
        tmp_path / row.weights,
        np.zeros((3, 7)).tolist(),
        [2.0, 1, 0, 0, 0, 0, -1],
        channels_first=True,
        ending="Identity",
    )
    (tmp_path / row.labels).write_text(json.dumps({"labels": names}))
    model = OnnxScorer(tmp_path, row, "cpu")
    grown = np.exp([2.0, 1, 0, 0, 0, 0, -1])
    expected = float((grown / grown.sum() * [6, 5, 4, 3, 2, 1, 0]).sum())
    values = answers(model, pictures(2))
    assert model.labels.names == ("score", *names)
    np.testing.assert_allclose(values[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(values[:, 1:].sum(axis=1), 1, atol=1e-5)


def find_model_row(name: str) -> ModelRow:
    return find_model(name).row


def test_a_single_number_is_the_score(tmp_path: Path) -> None:
    """skytnt's: RGB from 0 to 1, channels first, black around."""
    row = find_model_row("skytnt-aesthetic")
    write_model(tmp_path / "model.onnx", [[1.0], [0.0], [0.0]], [0.0], channels_first=True, ending="Identity")
    model = OnnxScorer(tmp_path, row, "cpu")
    values = answers(
        model, [Image.new("RGB", (16, 16), (255, 0, 0)), Image.new("RGB", (16, 8), (255, 255, 255))]
    )
    np.testing.assert_allclose(values, [[1.0], [0.5]], atol=1e-6)


def beit(folder: Path, labels: dict[int, str]) -> Path:
    from transformers import BeitConfig, BeitForImageClassification

    torch.manual_seed(0)
    config = BeitConfig(
        image_size=32, patch_size=16, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, num_labels=len(labels), id2label=labels, label2id={v: k for k, v in labels.items()},
    )  # fmt: skip
    BeitForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    return folder


@pytest.mark.parametrize(
    "labels", [{0: "aesthetic", 1: "not_aesthetic"}, {0: "not_aesthetic", 1: "aesthetic"}]
)
def test_a_label_is_found_by_its_name(tmp_path: Path, labels: dict[int, str]) -> None:
    from transformers import BeitForImageClassification

    folder = beit(tmp_path / "cafe", labels)
    model = ImageClassifier(folder, find_model_row("cafe-aesthetic"), "cpu")
    shown = pictures()
    values = answers(model, shown)
    number = next(key for key, name in labels.items() if name == "aesthetic")
    reference = BeitForImageClassification.from_pretrained(folder).eval()
    for picture, row in zip(shown, values, strict=True):
        scaled = np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR), np.float32) / 255
        with torch.no_grad():
            logits = reference(
                pixel_values=torch.from_numpy(((scaled - 0.5) / 0.5).transpose(2, 0, 1)[None].copy())
            ).logits
        assert row[0] == pytest.approx(float(logits.softmax(-1)[0, number]), abs=1e-5)
    alone = np.concatenate([answers(model, [each]) for each in shown])
    np.testing.assert_allclose(alone, values, atol=1e-5)


def test_a_label_the_model_has_not_is_named(tmp_path: Path) -> None:
    folder = beit(tmp_path / "cafe", {0: "anime", 1: "other"})
    with pytest.raises(UserError, match="no label 'aesthetic'"):
        ImageClassifier(folder, find_model_row("cafe-aesthetic"), "cpu")


def clip(folder: Path) -> Path:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    config = CLIPVisionConfig(
        image_size=32, patch_size=16, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, projection_dim=24,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "encoder")
    about = PREPROCESSOR | {
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True,
        "resample": 3,
    }
    (folder / "encoder" / "preprocessor_config.json").write_text(json.dumps(about))
    return folder


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_head_of_linear_layers_over_the_normalised_embedding(tmp_path: Path, ending: str) -> None:
    from transformers import CLIPVisionModelWithProjection

    folder = clip(tmp_path / "laion")
    torch.manual_seed(1)
    widths = [(24, 10), (10, 6), (6, 1)]
    state = {}
    for number, (given, made) in zip((0, 2, 10), widths, strict=True):  # 10 comes after 2
        state[f"layers.{number}.weight"] = torch.randn(made, given)
        state[f"layers.{number}.bias"] = torch.randn(made)
    file = folder / f"head{ending}"
    save_file(state, str(file)) if ending == ".safetensors" else torch.save(state, file)
    model = ClipHead(folder, ModelRow("clip-head", weights=file.name), "cpu")
    shown = pictures(3)
    values = answers(model, shown)
    encoder = CLIPVisionModelWithProjection.from_pretrained(folder / "encoder").eval()
    with torch.no_grad():
        given = (
            torch.stack(
                [torch.from_numpy(model.frame(each).copy()).permute(2, 0, 1) for each in shown]
            ).float()
            / 127.5
            - 1
        )
        made = encoder(pixel_values=given).image_embeds
        made = made / made.norm(dim=-1, keepdim=True)
        for number in (0, 2, 10):
            made = torch.nn.functional.linear(
                made, state[f"layers.{number}.weight"], state[f"layers.{number}.bias"]
            )
    np.testing.assert_allclose(values, made.numpy(), atol=1e-5)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


@pytest.mark.parametrize("what", ["another width", "no single number", "a pickle with code"])
def test_a_head_that_does_not_fit_is_refused(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clip(tmp_path / "laion")
    width, made = (24, 2) if what == "no single number" else (23, 1)
    state: object = {"layers.0.weight": torch.zeros(made, width), "layers.0.bias": torch.zeros(made)}
    torch.save(_Evil() if what == "a pickle with code" else state, folder / "head.pth")
    with pytest.raises(UserError) as raised:
        ClipHead(folder, ModelRow("clip-head", weights="head.pth", encoder="a CLIP"), "cpu")
    assert "weights_only" not in str(raised.value)
    assert "run" not in capsys.readouterr().out
