"""The chain of kohya's guide: each way of giving data, each kind of training, settings of other trainers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.chains.twins import stand_in
from tests.tag_models.onnx_models import write_labels, write_model
from tests.tag_models.tiny_blip import write_blip

FOLDERS = (
    "train_girls/10_sls 1girl", "train_girls/10_cpc 1girl", "reg_girls/1_1girl", "hoge", "reg", "captioned", "piyo",
    "train_data",
)  # fmt: skip


def write_pictures(home: Path) -> None:
    """Two images in each folder, captions beside those of one, and metadata of another."""
    for place, folder in enumerate(FOLDERS):
        (home / "pictures" / folder).mkdir(parents=True)
        for number in range(2):
            dots = np.random.default_rng([place, number]).integers(0, 255, (8, 8, 3), np.uint8)
            image = Image.fromarray(dots).resize((64, 64), Image.Resampling.NEAREST)
            image.save(home / "pictures" / folder / f"{number}.png")
    for number in range(2):
        caption = home / f"pictures/captioned/{number}.caption"
        caption.write_text(f"a (girl:1.2) in a white shirt, thing {number}\n")
    rows = {str(number): {"caption": "a girl", "tags": "1girl, long_hair, smile"} for number in range(2)}
    (home / "piyo_md.json").write_text(json.dumps(rows))


@pytest.mark.slow
def test_each_way_of_the_guide(
    tmp_path: Path, base_model: Any, chain_runs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S094."""
    pytest.importorskip("bitsandbytes", reason="the optimizers extra is not installed")
    file = stand_in("train-readme", tmp_path / "home")
    home = file.parent
    write_pictures(home)
    for family in ("sd1", "sd2"):
        base_model(family, 0, home / "models" / family)
    monkeypatch.setenv("FRIEZE_MODELS", str(tmp_path / "models"))
    tagger = tmp_path / "models" / "wd-v1-4-convnextv2-v2"
    write_model(tagger / "model.onnx", [[0, 0.02], [0, 0], [0.02, 0]], [1.0, -2.0])
    write_labels(tagger / "selected_tags.csv", ("red_eyes", 0), ("blue", 0))
    captioner = tmp_path / "models" / "blip-large"
    write_blip(captioner)
    torch.save(
        load_file(captioner / "model.safetensors"), captioner / "pytorch_model.bin"
    )  # as the hub has it
    (captioner / "special_tokens_map.json").write_text("{}")
    code, out, err = chain_runs(file)
    assert code == 0, out + err
