"""A tagger of seven labels that tells red from blue: its answers follow from an image's mean colour.

Of red, green and blue as shares, `red` is sigmoid(4 r - 2), `long blue hair` sigmoid(4 b - 2), and so on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.tag_models.onnx_models import write_labels, write_model

LABELS = (
    ("general", 9), ("sensitive", 9), ("red", 0), ("long_blue_hair", 0), ("hair", 0), ("miku", 4), ("a,_b", 0),
)  # fmt: skip
RED, BLUE = np.array([0, 0, 4]) / 255, np.array([4, 0, 0]) / 255  # the input is BGR
_NOTHING = np.zeros(3)
_WEIGHTS = np.stack([_NOTHING, _NOTHING, RED, BLUE, BLUE, RED, _NOTHING], axis=1).tolist()
_BIAS = [-1.0, 1.0, -2.0, -2.0, -1.0, -2.0, 3.0]


def write_tagger(folder: Path) -> Path:
    """Its `model.onnx` and `selected_tags.csv`; gives the folder."""
    write_model(folder / "model.onnx", _WEIGHTS, _BIAS)
    write_labels(folder / "selected_tags.csv", *[(f'"{name}"', kind) for name, kind in LABELS])
    return folder
