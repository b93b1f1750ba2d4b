"""The chain of Swim in Latent, on tiny models and a small booru."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from curator.contract.manifest.manifest import open_manifest
from tests.chains.booru import posts, write_jsonl, write_shard
from tests.chains.twins import stand_in
from tests.tag_models.onnx_models import write_labels, write_model

NOT_THE_TAGGERS = ("highres", "a show", *(f"{kind} {n}" for kind in ("artist", "hero") for n in range(4)))


@pytest.mark.slow
def test_from_scores_to_a_baked_model(
    tmp_path: Path, base_model: Any, chain_runs: Any, frieze: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S094."""
    file = stand_in("swim-in-latent", tmp_path / "home")
    home = file.parent
    rows = posts(range(1, 61))
    write_jsonl(home / "posts.jsonl", rows)
    write_shard(home / "shards/0000.tar", rows)
    (home / "artists.txt").write_text("artist_1\nartist_2\n")
    base_model("sdxl", 0, home / "models/sdxl")
    monkeypatch.setenv("FRIEZE_MODELS", str(tmp_path / "models"))
    tagger = tmp_path / "models" / "wd-v1-4-swinv2-v2"
    write_model(tagger / "model.onnx", [[0, 0.02], [0, 0], [0.02, 0]], [1.0, -2.0])
    write_labels(tagger / "selected_tags.csv", ("red", 0), ("blue", 0))
    code, _, err = chain_runs(file)
    assert code == 2, err
    assert "the step pick-fine ended with code 1" in err  # nothing is marked yet
    assert "it goes on here" in err
    plan = chain_runs(file, "--plan")[1]
    assert "pick-fine\tfailed\tit ended with code 1" in plan
    assert frieze("mark", "keep", "picked:style", "--yes").code == 0
    code, out, err = chain_runs(file)
    assert code == 0, err
    assert "train-style: done before" in err

    facts = {row["id"]: row for row in rows}
    with open_manifest(home / "manifests/base.manifest") as manifest:
        assert manifest.header.subsets[0].rules.caption_dropout == 0.1
        images = list(manifest.images())
        assert [image.parts.head for image in images] == [
            ("new", "newest", "masterpiece", "best quality")
        ] * len(images)
        assert {tag for image in images for tag in image.parts.middle} <= {"red", "blue", *NOT_THE_TAGGERS}
        chosen = [facts[int(image.path.rpartition("/")[2].removesuffix(".png"))] for image in images]
    assert sorted(row["rating"] == "g" for row in chosen) == [False] * 4 + [True] * 4
    assert min(row["created_at"] for row in chosen) >= "2019-07-29"
    difference = (home / "swim-in-latent/difference.txt").read_text()
    knobs = [line.split("\t")[0] for line in difference.splitlines() if re.match(r"\w+\.\w+\t", line)]
    assert knobs == ["model.path"]  # nothing of the recipe but where it starts
    assert "subset      added: style" in difference

    grid = json.loads((home / "swim-in-latent/ratios/grid.json").read_text())
    assert len(grid["cells"]) == 10
    spec = (home / "swim-in-latent/spec.txt").read_text()
    for said in (
        "sai_model_spec   1.0.1", "architecture     stable-diffusion-xl-v1-base", "implementation   sgm",
        "title            SwimInLatent", "author           ddPn08", "date             2023-07-29",
        "description      StableDiffusionXL model fine-tuned for anime.", "license          CreativeML Open RAIL++-M",
    ):  # fmt: skip
        assert said in spec
    assert 'ratios = ["0.6"]' in spec
    before = (home / "swim-in-latent.safetensors").read_bytes()
    code, out, err = chain_runs(file, "--set", "cell=B1")
    assert code == 0, err
    assert "4 steps run" in out, out
    assert (home / "swim-in-latent.safetensors").read_bytes() != before
