"""`frieze subset overfit`: what training on subsets would overfit to (B22)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curator.cli.schemas.manifests import OverfitRow
from tests.cli.conftest import Frieze


@pytest.fixture
def worn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frieze: Frieze) -> Frieze:
    """Ten images of mia, nine of them in one shirt, in a collection of their own; two are one picture."""
    (tmp_path / "worn").mkdir()
    monkeypatch.chdir(tmp_path)
    for number in range(10):
        dots = np.random.default_rng(number % 9).integers(0, 255, (32, 32, 3), np.uint8)
        Image.fromarray(dots).save(tmp_path / f"worn/{number}.png")
        shirt = "" if number == 4 else ", white shirt"
        (tmp_path / f"worn/{number}.txt").write_text(f"mia{shirt}, thing {number}")
    assert frieze("scan", "worn", "--collection", ".").code == 0
    assert frieze("subset", "add", "mia", "mia", "--trigger", "mia").code == 0
    return frieze


def test_it_lists_what_comes_with_the_trigger(worn: Frieze) -> None:
    rows = worn("subset", "overfit", "--json").json
    assert all(row.keys() == OverfitRow.__annotations__.keys() for row in rows)
    assert [(row["kind"], row["what"], row["images"], row["looked_at"]) for row in rows[:1]] == [
        ("tag", "white shirt", 9, 10)
    ]
    assert [(row["kind"], row["images"]) for row in rows[1:]] == [("copy", 2)]
    for row in rows:
        assert len(worn("ls", row["filter"], "--ids").out.split()) == row["images"]
    shown = worn("subset", "overfit", "mia").out
    assert "white shirt" in shown
    assert "90%" in shown


def test_nothing_to_tell_and_bad_words(worn: Frieze) -> None:
    done = worn("subset", "overfit", "--share", 2)
    assert (done.code, "0.8" in done.err) == (2, True)
    done = worn("subset", "overfit", "mai")
    assert (done.code, "mia" in done.err) == (2, True)
    assert worn("subset", "add", "few", "'thing 4'").code == 0
    assert worn("subset", "overfit", "few", "--json").json == []
    assert "nothing to tell" in worn("subset", "overfit", "few").err
