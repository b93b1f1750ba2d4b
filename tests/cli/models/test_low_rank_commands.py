"""`frieze model extract` and `resize`, as a user asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
from safetensors.torch import load_file  # noqa: E402

from tests.train.small_models import write_small_models  # noqa: E402

Frieze = Callable[..., Any]


def test_an_adapter_is_extracted_and_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frieze: Frieze
) -> None:
    """S085: ranks and errors of each layer, in a table or as JSON; --replace is asked for."""
    monkeypatch.chdir(tmp_path)
    write_small_models(tmp_path)
    words = ("a.safetensors", "b.safetensors", "--kind", "lora", "--rank", "16", "--conv-rank", "4")
    done = frieze("model", "extract", *words, "--out", "lora.safetensors", "--json")
    assert done.code == 0, done.err
    ranks = {layer["name"]: layer["rank"] for layer in done.json["layers"]}
    assert ranks == {
        "lora_unet_down_blocks_0_resnets_0_conv1": 4,
        "lora_unet_mid_block_attentions_0_proj_in": 8,
    }
    assert 0 < done.json["error"] < 1
    again = frieze("model", "extract", *words, "--out", "lora.safetensors")
    assert again.code == 2
    assert "is there already" in again.err
    resized = frieze(
        "model", "resize", "lora.safetensors", "--sv-fro", "0.8", "--rank", "3", "--out", "s.safetensors"
    )
    assert resized.code == 0, resized.err
    header, *rows, (last,) = [line.split("\t") for line in resized.out.splitlines()]
    assert header == ["layer", "before", "rank", "error", "kept"]
    made = load_file("s.safetensors")
    assert [(row[0], row[2]) for row in rows] == [
        (row[0], str(made[f"{row[0]}.lora_down.weight"].shape[0])) for row in rows
    ]
    assert "2 layers" in last
    assert "error 0." in last
    refused = frieze("model", "resize", "lora.safetensors", "--rank", "0", "--out", "t.safetensors")
    assert (refused.code, "a rank is 1 or more" in refused.err) == (2, True)
