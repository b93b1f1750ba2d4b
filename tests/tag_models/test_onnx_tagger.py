"""ONNX taggers: what they answer, whatever their layout, and what is refused (S028, S030)."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.tagging.zoo import ModelRow, find_model
from tag_models.families.onnx_tagger import OnnxTagger
from tag_models.model import Batch
from tag_models.onnx_session import OnnxSession
from tests.tag_models.onnx_models import write_labels, write_model

CASE = Path(__file__).with_name("cases") / "24-onnx-batch-1-and-thresholds"
ROWS = (("general", 9), ("sensitive", 9), ("red", 0), ("blue", 0))
RED_AND_BLUE = np.array([[0, 0, 0, 4], [0, 0, 0, 0], [0, 0, 4, 0]]) / 255  # of an input that is BGR
BIAS = [-1.0, 1.0, -2.0, -2.0]


def batch_of(model: OnnxTagger, *pictures: Image.Image) -> Batch:
    return Batch(np.stack([model.frame(each) for each in pictures]), [each.size for each in pictures])


def sigmoid(value: float) -> float:
    return 1 / (1 + np.exp(-value))


@pytest.mark.parametrize(("device", "local_rank"), [("auto", "0"), ("cuda", "3")])
def test_each_process_of_a_job_has_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, device: str, local_rank: str
) -> None:
    """Asked of onnxruntime as torchrun numbers the processes; the session is made without a GPU here."""
    import onnxruntime

    asked: list[object] = []
    made = onnxruntime.InferenceSession

    def session(path: str, options: object, providers: list[object]) -> object:
        asked.extend(providers)
        return made(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setenv("LOCAL_RANK", local_rank)
    refused = pytest.raises(UserError, match="CUDA cannot be used") if device == "cuda" else nullcontext()
    with refused:
        OnnxSession(CASE / "in" / "model.onnx", device)
    gpu = {"device_id": int(local_rank)}
    assert asked == [("CUDAExecutionProvider", gpu), "CPUExecutionProvider"]


def test_the_answers_of_a_model_of_one_image_at_a_time() -> None:
    """BGR, 0 to 255, white above and below; a batch axis of 1 is found."""
    expected = json.loads((CASE / "expected.json").read_text())
    zoo = find_model(str(CASE / "in"))
    model = OnnxTagger(zoo.folder, zoo.row, "auto")
    assert model.batch_size == 1
    assert model.device == "cpu"
    for name in ("red", "blue", "grey", "wide"):
        with Image.open(CASE / "in" / f"{name}.png") as picture:
            values = model.answer(batch_of(model, picture)).values
        assert values is not None
        told = dict(zip(model.labels.names, values[0].tolist(), strict=True))
        for label in ("red", "blue", "half", "bright"):
            assert told[label] == pytest.approx(expected[name][label], abs=1e-6)
        assert told["half"] == 0.5
        rating = max(model.labels.of_class("rating"), key=values[0].__getitem__)
        assert [model.labels.names[rating], values[0][rating]] == pytest.approx(
            expected[name]["rating"], abs=1e-6
        )


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("kind", ["float32", "float16"])
@pytest.mark.parametrize("ending", ["Sigmoid", "Identity"])
def test_layout_and_number_type_are_read_and_logits_are_data(
    tmp_path: Path, channels_first: bool, kind: str, ending: str
) -> None:
    write_model(
        tmp_path / "model.onnx",
        RED_AND_BLUE.tolist(),
        BIAS,
        channels_first=channels_first,
        kind=kind,
        ending=ending,
    )
    write_labels(tmp_path / "selected_tags.csv", *ROWS)
    row = ModelRow("onnx-tagger", activation="none" if ending == "Sigmoid" else "sigmoid")
    model = OnnxTagger(tmp_path, row, "cpu")
    pictures = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "black")]
    together = model.answer(batch_of(model, *pictures)).values
    assert together is not None
    expected = [[sigmoid(2), sigmoid(-2)], [sigmoid(-2), sigmoid(2)], [sigmoid(-2), sigmoid(-2)]]
    np.testing.assert_allclose(together[:, 2:], expected, atol=2e-3 if kind == "float16" else 1e-6)
    for number, picture in enumerate(pictures):  # S030: a batch is what its images are alone
        alone = model.answer(batch_of(model, picture)).values
        assert alone is not None
        assert (alone[0] == together[number]).all()


def test_deepdanbooru_is_a_row(tmp_path: Path) -> None:
    """S031: RGB from 0 to 1, scaled by area, edges repeated around; a tag a line, ratings by their prefix."""
    row = find_model("deepdanbooru-v3").row
    assert row.side == 512
    write_model(tmp_path / "model.onnx", [[1.0, 0], [0, 0], [0, 1.0]], [0.0, 0.0], side=4, ending="Identity")
    (tmp_path / "tags.txt").write_text("red\nrating:safe\n")
    model = OnnxTagger(tmp_path, row, "cpu")
    columns = np.array([[255, 0, 0], [255, 0, 0], [0, 0, 255], [0, 0, 255]], np.uint8)
    wide = Image.fromarray(columns.repeat(2, 0)[None].repeat(4, 0))  # 8x4: half red, half blue
    values = model.answer(batch_of(model, wide)).values
    assert values is not None
    assert values[0] == pytest.approx([0.5, 0.5], abs=1e-6)  # with white above and below it would be 0.75
    assert model.labels.classes == ("general", "rating")


def test_ratings_anywhere_or_nowhere(tmp_path: Path) -> None:
    write_model(tmp_path / "model.onnx", np.zeros((3, 3)).tolist(), [0.0, 1.0, 2.0])
    write_labels(tmp_path / "selected_tags.csv", ("red", 0), ("safe", 9), ("blue", 4))
    model = OnnxTagger(tmp_path, ModelRow("onnx-tagger"), "cpu")
    assert model.labels.of_class("rating") == [1]
    write_labels(tmp_path / "selected_tags.csv", ("red", 0), ("safe", 0), ("blue", 4))
    assert OnnxTagger(tmp_path, ModelRow("onnx-tagger"), "cpu").labels.of_class("rating") == []


def no_onnx(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")


def cut_short(folder: Path) -> None:
    data = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(data[: len(data) // 2])


def other_labels(folder: Path) -> None:
    write_labels(folder / "selected_tags.csv", *ROWS[:3])


def no_labels(folder: Path) -> None:
    (folder / "selected_tags.csv").unlink()


def no_images(folder: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    node = helper.make_node("Identity", ["text"], ["output"])
    graph = helper.make_graph(
        [node], "g", [value("text", TensorProto.INT64, [1, 9])], [value("output", TensorProto.INT64, [1, 9])]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(folder / "model.onnx"))


@pytest.mark.parametrize("broken", [no_onnx, cut_short, other_labels, no_labels, no_images])
def test_what_is_no_tagger_is_a_sentence(tmp_path: Path, broken, capfd: pytest.CaptureFixture[str]) -> None:
    write_model(tmp_path / "model.onnx", RED_AND_BLUE.tolist(), BIAS)
    write_labels(tmp_path / "selected_tags.csv", *ROWS)
    broken(tmp_path)
    with pytest.raises(UserError) as raised:
        OnnxTagger(tmp_path, ModelRow("onnx-tagger"), "cpu")
    assert str(tmp_path) in raised.value.what or "model.onnx" in raised.value.what
    assert capfd.readouterr() == ("", "")  # nothing of onnxruntime's own


def test_cuda_that_is_not_there_is_an_error_with_the_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import onnxruntime

    write_model(tmp_path / "model.onnx", RED_AND_BLUE.tolist(), BIAS)
    write_labels(tmp_path / "selected_tags.csv", *ROWS)
    model = OnnxTagger(tmp_path, ModelRow("onnx-tagger"), "auto")
    if model.device == "cuda":
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=r"^CUDA cannot be used: ") as raised:
        OnnxTagger(tmp_path, ModelRow("onnx-tagger"), "cuda")
    assert "\\x1b" not in raised.value.what
    reason = raised.value.what.removeprefix("CUDA cannot be used: ")
    assert reason
    assert "gives no reason" not in reason
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        assert "lib" in reason
    assert capfd.readouterr() == ("", "")
