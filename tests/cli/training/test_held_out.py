"""Images held out for validation, from the subset to the manifest and out of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Frieze


@pytest.fixture
def frozen(collection: Path, frieze: Frieze) -> dict[str, int]:
    """A manifest `set`; how many images it trains and holds out."""
    for seed in range(100):  # of the few images there, some are to be held out and some trained
        options = ("--validation-share", 0.5, "--validation-seed", seed)
        assert frieze("subset", "put", "all", "", *options).code == 0
        (shown,) = frieze("subset", "list", "--json").json
        if shown["held_out"] and shown["images"]:
            break
    assert frieze("freeze", "set").code == 0
    about = frieze("manifest", "show", "set", "--json").json
    assert (about["images"], about["held_out"]) == (shown["images"], shown["held_out"])
    return {"images": shown["images"], "held_out": shown["held_out"]}


def test_the_freeze_tells_what_it_holds_out(frozen: dict[str, int], frieze: Frieze) -> None:
    """B10: before it and after it, in the list, the funnel and the subset's line."""
    said = f"{frozen['held_out']} images held out for validation"
    outlook = frieze("freeze", "again", "--dry-run", "--json").json
    assert (outlook["images"], outlook["held_out"]) == (frozen["images"], frozen["held_out"])
    assert said.replace("1 images", "1 image") in frieze("freeze", "again", "--dry-run").out
    assert "0.5 held out" in frieze("subset", "list").out
    shown = frieze("manifest", "show", "set")
    assert "held out for validation" in shown.out
    funnel = {
        each["reason"]: each["count"] for each in frieze("manifest", "show", "set", "--json").json["funnel"]
    }
    assert (funnel["kept"], funnel["held out for validation"]) == (frozen["images"], frozen["held_out"])
    (row,) = frieze("manifest", "list", "--json").json
    assert (row["images"], row["held_out"]) == (frozen["images"], frozen["held_out"])
    ids = [each["id"] for each in frieze("ls", "--json").json]
    reasons = [frieze("explain", number, "--json").json for number in ids]
    held = [each for each in reasons if each["reason"].startswith("held out for validation, in subset 'all'")]
    assert (len(held), {each["repeats"] for each in held}) == (frozen["held_out"], {0})
    assert all(each["is_in"] for each in held)


def test_exports_keep_both_sides_apart(frozen: dict[str, int], frieze: Frieze, tmp_path: Path) -> None:
    """Hugging Face's splits; kohya gets the trained alone, and the JSON lines become the same manifest again."""
    done = frieze("manifest", "export", "set", tmp_path / "hf", "--format", "imagefolder")
    assert done.code == 0
    counts = {
        split: len((tmp_path / "hf" / split / "metadata.jsonl").read_text().splitlines())
        for split in ("train", "validation")
    }
    assert counts == {"train": frozen["images"], "validation": frozen["held_out"]}
    done = frieze("manifest", "export", "set", tmp_path / "kohya", "--format", "kohya-toml")
    assert "held out for validation are left out" in done.out + done.err
    assert len(list((tmp_path / "kohya").rglob("*.txt"))) == frozen["images"]
    frieze("manifest", "export", "set", tmp_path / "meta", "--format", "kohya-json")
    assert len(json.loads((tmp_path / "meta" / "1_all.json").read_text())) == frozen["images"]
    frieze("manifest", "export", "set", tmp_path / "lines", "--format", "jsonl")
    assert frieze("manifest", "import", tmp_path / "lines", "back").code == 0
    digests = [frieze("manifest", "show", name, "--json").json["digest"] for name in ("set", "back")]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("share", ["1", "-0.1", "nan"])
def test_a_share_that_is_none_is_refused(collection: Path, frieze: Frieze, share: str) -> None:
    done = frieze("subset", "add", "all", "", "--validation-share", share)
    assert (done.code, "validation share is" in done.err) == (2, True)
