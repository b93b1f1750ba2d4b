"""`frieze models`: the zoo, the user's own rows, and plain folders (S028)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Frieze

V2 = {f"wd-v1-4-{name}-v2" for name in ("swinv2", "convnext", "convnextv2", "vit", "moat")}
V3 = {f"wd-{name}-v3" for name in ("swinv2", "convnext", "vit", "vit-large", "eva02-large")}


def write_own(text: str) -> None:
    file = Path(os.environ["XDG_CONFIG_HOME"], "frieze", "models.toml")
    file.parent.mkdir(parents=True)
    file.write_text(text)


def test_the_whole_zoo_is_listed(frieze: Frieze) -> None:
    rows = {row["name"]: row for row in json.loads(frieze("models", "list", "--json").out)}
    assert rows.keys() > V2 | V3
    assert {rows[name]["kind"] for name in V2 | V3} == {"tags"}
    assert rows["cafe-aesthetic"]["kind"] == "score"
    assert rows["blip-base"]["kind"] == "caption"
    assert rows["wd-eva02-large-v3"]["balance"] == 0.5296
    assert rows["wd-swinv2-v3"]["missing"] == ["model.onnx", "selected_tags.csv"]
    shown = frieze("models", "list").out.splitlines()
    assert len(shown) == 1 + len(rows)


def test_all_but_two_of_the_zoo_are_pinned(frieze: Frieze) -> None:
    """No commit of these is known to us, and nobody publishes DeepDanbooru as ONNX: its files are the user's own."""
    rows = {row["name"]: row for row in json.loads(frieze("models", "list", "--json").out)}
    assert {name for name, row in rows.items() if not row["is_pinned"]} == {
        "skytnt-aesthetic",
        "cafe-waifu",
        "deepdanbooru-v3",
    }
    assert all(rows[name]["sha256"].keys() == {"model.onnx", "selected_tags.csv"} for name in V2 | V3)
    assert all(len(rows[name]["revision"]) == 40 for name in V2 | V3)


def test_rows_of_the_user_are_models(frieze: Frieze) -> None:
    write_own('[mine]\nfamily = "onnx-tagger"\nlicence = "mit"\nthresholds = { general = 0.4 }\n')
    shown = frieze("models", "show", "mine").out
    assert "general 0.4, character 0.85" in shown
    assert "mit" in shown


def test_a_folder_is_a_model(frieze: Frieze, tmp_path: Path) -> None:
    folder = tmp_path / "my tagger"
    folder.mkdir()
    refused = frieze("models", "show", str(folder))
    assert refused.code == 2
    assert "holds no model.onnx" in refused.err
    (folder / "model.onnx").touch()
    about = json.loads(frieze("models", "show", str(folder), "--json").out)
    assert (about["name"], about["missing"]) == ("my tagger", [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a", "cannot be used"),
        ("a = " + "[" * 20_000, "cannot be used"),
        ('[a]\nfamily = "no such"\n', "a: 'family'"),
        ('[a]\nfamily = "onnx-tagger"\nweights = "../../x"\n', "outside of the model's folder"),
        ('[a]\nfamily = "onnx-tagger"\ncolour = "red"\n', "'colour' is unknown"),
        ("a = 1\n", "a is no table"),
    ],
)
def test_a_row_that_is_wrong_is_a_sentence(frieze: Frieze, text: str, said: str) -> None:
    write_own(text)
    done = frieze("models", "list")
    assert done.code == 2
    assert said in done.err
    assert "models.toml" in done.err


def test_a_name_that_is_wrong_has_a_suggestion(frieze: Frieze) -> None:
    done = frieze("models", "show", "wd-swin-v3")
    assert done.code == 2
    assert "wd-swinv2-v3" in done.err
