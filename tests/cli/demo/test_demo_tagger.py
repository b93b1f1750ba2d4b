"""The demo's tagger: a model of four labels that looks at colours alone, made by this file and shipped as it is."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import onnx

from tests.tag_models.onnx_models import write_labels, write_model

LABELS = ("bright image", "dark image", "warm colors", "cold colors")
_CHANNELS = np.array([[12, 12, 12], [-12, -12, -12], [-60, 0, 60], [60, 0, -60]]).T / (
    3 * 255
)  # blue, green, red
_BIAS = [-6.6, 4.2, -2.4, -1.6]


def write_demo_tagger(folder: Path) -> None:
    """`model.onnx` and `selected_tags.csv`, as the WD taggers have them."""
    write_model(folder / "model.onnx", _CHANNELS.tolist(), _BIAS)
    write_labels(folder / "selected_tags.csv", *[(label, 0) for label in LABELS])


def test_the_shipped_tagger_is_the_one_made_here(tmp_path: Path) -> None:
    write_demo_tagger(tmp_path)
    shipped = resources.files("curator.cli") / "demo" / "tagger"
    made = onnx.load(tmp_path / "model.onnx")
    assert onnx.load_from_string((shipped / "model.onnx").read_bytes()).graph == made.graph
    labels = (shipped / "selected_tags.csv").read_text("utf-8")
    assert labels == (tmp_path / "selected_tags.csv").read_text("utf-8")
