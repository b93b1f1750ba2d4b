"""The chain of Anime Diffusion, on tiny models and a small booru."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.toml_file import load_recipe
from tests.chains.booru import posts, write_jsonl, write_shard
from tests.chains.twins import stand_in
from tests.tag_models.test_scorers import beit

IN_01 = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight"


@pytest.mark.slow
def test_from_a_dump_to_two_merges(
    tmp_path: Path, base_model: Any, chain_runs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S094."""
    file = stand_in("anime-diffusion", tmp_path / "home")
    home = file.parent
    rows = posts(range(1, 25))
    write_jsonl(home / "posts.jsonl", rows)
    write_shard(home / "shards/0000.tar", rows)
    for name, seed in (("base", 0), ("aurora", 1)):
        base_model("sd1", seed, home / "models" / name)
    monkeypatch.setenv("FRIEZE_MODELS", str(tmp_path / "models"))
    for word in ("aesthetic", "waifu"):
        folder = beit(tmp_path / "models" / f"cafe-{word}", {0: word, 1: f"not_{word}"})
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    code, _, err = chain_runs(file)
    assert code == 0, err

    (wide,), (fine,) = (list((home / "runs").glob(f"*-{name}")) for name in ("wide", "fine"))
    for run, epochs in ((wide, 5), (fine, 3)):
        recipe = load_recipe(run / "recipe.toml")
        assert (recipe.length.epochs, recipe.objective.noise_offset, recipe.model.clip_skip) == (
            epochs,
            0.05,
            2,
        )
    with open_manifest(home / "manifests/fine.manifest") as manifest:
        assert manifest.header.subsets[0].rules.caption_dropout == 0.2
        chosen = {image.path for image in manifest.images()}
    with open_manifest(home / "manifests/wide.manifest") as manifest:
        assert chosen < {image.path for image in manifest.images()}

    base, high, low = (
        load_file(home / f"anime-diffusion-{end}.safetensors") for end in ("base", "merge", "low")
    )
    assert {tensor.dtype for tensor in (*base.values(), *high.values()) if tensor.is_floating_point()} == {
        torch.float16
    }
    assert not any("ema" in name for name in base)
    for name in base:  # OUT11 is 0 in both: the last block is the base's; the text encoder as well
        if ".output_blocks.11." in name or name.startswith("cond_stage_model"):
            assert torch.equal(base[name], high[name]), name
            assert torch.equal(base[name], low[name]), name
    middle = "model.diffusion_model.middle_block.0.in_layers.2.weight"
    assert torch.equal(base[middle], high[middle])
    assert not torch.equal(base[middle], low[middle])
    assert torch.equal(base[IN_01], low[IN_01])
    assert not torch.equal(base[IN_01], high[IN_01])
    digest = hashlib.sha256((home / "anime-diffusion-merge.safetensors").read_bytes()).hexdigest()
    assert digest[:10] in (home / "anime-diffusion/hash.txt").read_text().lower()
    assert "clip skip: 2" in (home / "anime-diffusion/card.md").read_text().lower()
