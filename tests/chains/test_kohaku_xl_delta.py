"""The chain of Kohaku XL Delta, on tiny models and a small booru."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.manifest.manifest import open_manifest
from tests.chains.booru import posts, write_hakubooru, write_shard
from tests.chains.twins import stand_in

ORDER = ("quality", "rating", "date", "meta", "general")


@pytest.mark.slow
def test_from_haku_boorus_database_to_base_full_and_adapter(
    tmp_path: Path, base_model: Any, chain_runs: Any
) -> None:
    """S094."""
    file = stand_in("kohaku-xl-delta", tmp_path / "home")
    home = file.parent
    rows = posts(range(1, 91))
    write_hakubooru(home / "posts.db", rows)
    write_shard(home / "shards/0000.tar", rows)
    for seed, name in enumerate(("sdxl", "gamma", "beta")):
        base_model("sdxl", seed, home / "models" / name)
    code, _, err = chain_runs(file)
    assert code == 0, err

    chosen = list(map(int, (home / "kohaku-xl-delta/posts.txt").read_text().split()))
    gone = {row["id"] for row in rows if row["is_deleted"] or row["file_ext"] != "png"}
    assert gone.isdisjoint(chosen)
    assert len([number for number in chosen if number < 30]) <= 10
    assert set(range(50, 91)) - gone == {number for number in chosen if number >= 50}
    assert "5 deleted" in (home / "chains/kohaku-xl-delta/posts.log").read_text()

    with open_manifest(home / "manifests/delta.manifest") as manifest:
        classes = manifest.tag_classes()
        assert manifest.header.subsets[0].rules.tag_dropout == 0.1
        for image in manifest.images():
            assert [classes[tag] for tag in image.parts.head if tag != "1girl"] == [
                "character",
                "copyright",
                "artist",
            ]
            kinds = [classes.get(tag, "general") for tag in image.parts.middle]
            assert kinds[: kinds.index("general")] == sorted(kinds[: kinds.index("general")], key=ORDER.index)
            assert not any("_" in tag for tag in image.parts.middle if tag != ">_<")
    assert "128 images a step" in (home / "kohaku-xl-delta/length.txt").read_text()
    assert "at least 20 images" in (home / "kohaku-xl-delta/bands.txt").read_text()
    card = (home / "kohaku-xl-delta/card.md").read_text()
    assert "emphasis of 1.5 to 2.5" in card
    assert "## Samples" in card
    assert "not trained further" in (home / "kohaku-xl-delta/card-base.md").read_text()

    adapter = load_file(home / "kohaku-xl-delta-lokr.safetensors")
    base, full = (load_file(home / f"kohaku-xl-delta{end}.safetensors") for end in ("-base", ""))
    assert any(name.endswith("lokr_w2") for name in adapter)
    assert any(name.startswith("lora_te2") for name in adapter)
    assert base.keys() == full.keys()
    token = "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight"
    own = load_file(home / "models/sdxl/text_encoder/model.safetensors")[
        "text_model.embeddings.token_embedding.weight"
    ]
    assert torch.equal(base[token], own.half())
    assert torch.equal(full[token], own.half())
    changed = [name for name in base if not torch.equal(base[name], full[name])]
    assert 0 < len(changed) <= len({name.partition(".")[0] for name in adapter})

    code, out, err = chain_runs(file, "--plan", "--set", "bands=30,3")
    again = [line.split("\t")[:3] for line in out.splitlines() if "\tdone\t" not in line]
    assert again[-1] == ["bands", "changed", "its command changed"]
    code, out, err = chain_runs(file)
    assert "0 steps run" in out
