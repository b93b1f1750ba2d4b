"""Memory of the workshop: whatever the size of the models, three tensors and a fixed amount."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.merge import made

SHAPE, COUNT = (10240, 1280), 77  # the largest matrices of SDXL's UNet, 2 GB of them in float16
NUMBERS = SHAPE[0] * SHAPE[1]


def write_zeros(path: Path) -> Path:
    """A model that takes no space on most disks: behind its header nothing is written."""
    header: dict[str, object] = {}
    for number in range(COUNT):
        name = f"model.diffusion_model.middle_block.1.transformer_blocks.{number}.ff.net.0.proj.weight"
        place = number * NUMBERS * 2
        header[name] = {"dtype": "F16", "shape": SHAPE, "data_offsets": [place, place + NUMBERS * 2]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + COUNT * NUMBERS * 2)
    return path


@pytest.mark.slow
def test_a_merge_of_gigabytes_holds_few_tensors_at_once(tmp_path: Path) -> None:
    model = write_zeros(tmp_path / "a.safetensors")
    out = tmp_path / "out.safetensors"
    peak = made("weighted-sum", [model, model], tmp_path / "none", out)
    assert out.stat().st_size > 2e9
    assert peak < 3 * 4 * NUMBERS + 500e6
    out.unlink()
