"""The chain of Roukin8: a tree of screenshots, LoHa, LoCon and the whole model, and the grids that compare them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curator.contract.locations import manifest_file
from curator.contract.manifest.manifest import open_manifest
from curator.session.session import Session
from tests.chains.twins import stand_in

TRIGGERS = ("yamanomitsuha", "sabine", "colette", "beatrice", "adelaide", "edstyle")
"""Of five characters and a style."""


def write_tree(home: Path) -> None:
    """Folders as the anime screenshot pipeline leaves them: images, captions beside them, a number for each folder."""
    for place, trigger in enumerate(TRIGGERS):
        folder = home / ("style" if trigger == "edstyle" else "character") / trigger
        folder.mkdir(parents=True)
        (folder / "multiply.txt").write_text(f"{1 + place / 2}\n")
        for number in range(2):
            dots = np.random.default_rng([place, number]).integers(0, 255, (8, 8, 3), np.uint8)
            size = ((64, 64), (96, 64))[number]
            Image.fromarray(dots).resize(size, Image.Resampling.NEAREST).save(folder / f"{number}.png")
            (folder / f"{number}.txt").write_text("1girl, smile")


@pytest.mark.slow
def test_from_a_tree_of_screenshots_to_grids(tmp_path: Path, base_model: Any, chain_runs: Any) -> None:
    """S094; S010, S022, S048: folders, triggers, repeats; S065 to S067, S089: three trainings, steps kept, grids."""
    file = stand_in("roukin8", tmp_path / "home")
    home = file.parent
    write_tree(home / "shots")
    base_model("sd1", 0, home / "models/base")
    code, out, err = chain_runs(file)
    assert code == 0, out + err
    with Session.open(home) as session:
        given = {each.rules.trigger: each.repeats for each in session.subsets.all()}
    assert given == {trigger: 1 + place / 2 for place, trigger in enumerate(TRIGGERS)}
    assert _dropout(home, "roukin8") == {0.0}
    assert _dropout(home, "roukin8-full") == {0.08}
    plans = [json.loads((home / f"{kind}-plan.json").read_text()) for kind in ("loha", "locon")]
    assert plans[0]["bytes"] == plans[1]["bytes"] == pytest.approx(30e6, rel=0.05)
    steps = json.loads((home / "grid-steps/grid.json").read_text())
    assert [axis["labels"] for axis in steps["axes"]][::2] == [
        ["step 1", "step 2", "step 3", "step 4"],
        ["loha", "locon"],
    ]
    kinds = json.loads((home / "grid-kinds/grid.json").read_text())
    for grid, noises in ((steps, 1), (kinds, 2)):
        rows = next(axis for axis in grid["axes"] if axis["place"] == "rows")["labels"]
        assert [row.partition(",")[0] for row in rows] == list(TRIGGERS)
        folder = home / ("grid-steps" if grid is steps else "grid-kinds")
        told = [json.loads(each.read_text()) for each in folder.glob("cells/*.json")]
        assert len({each["noise"] for each in told}) == noises
    assert re.search(r"AutoV2 +[0-9a-f]{10}$", (home / "hash.txt").read_text(), re.MULTILINE)
    card = (home / "card.md").read_text()
    assert all(f"`{trigger}`" in card for trigger in TRIGGERS)
    code, out, err = chain_runs(file)
    assert (code, "0 steps run" in out + err) == (0, True)


def _dropout(home: Path, name: str) -> set[float]:
    with open_manifest(manifest_file(home, name)) as manifest:
        return {subset.rules.caption_dropout for subset in manifest.header.subsets}
