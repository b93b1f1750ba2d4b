"""Scanning, listing, editing and counting from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

Frieze = Any


def test_scan_makes_the_collection_where_the_pictures_are(pictures: Path, frieze: Frieze) -> None:
    done = frieze("scan", pictures)
    assert done.code == 0
    assert done.lines[0] == "4 added"
    assert done.err == ""
    assert (pictures / "frieze.db").exists()


def test_scan_uses_the_collection_around_a_folder(collection: Path, pictures: Path, frieze: Frieze) -> None:
    assert frieze("scan", pictures, "--json").json["unchanged"] == 4
    assert not (pictures / "frieze.db").exists()
    assert frieze("scan").lines == ["4 unchanged"]


def test_one_bad_file_is_named_and_the_rest_goes_on(pictures: Path, frieze: Frieze) -> None:
    (pictures / "[red]bad.png").write_bytes(b"no image")
    done = frieze("scan", pictures, "--json")
    assert done.code == 0
    assert done.json["added"] == 4
    (bad,) = done.json["quarantined"]
    assert bad["path"].endswith("[red]bad.png")
    assert "[red]bad.png" in frieze("stats", "--collection", pictures).out


def test_a_name_that_is_no_utf8_is_listed(pictures: Path, frieze: Frieze) -> None:
    odd = os.fsencode(pictures) + b"/a\xff\x1b[31m.png"
    with open(odd, "wb") as file:
        file.write((pictures / "fox.png").read_bytes())
    assert frieze("scan", pictures).code == 0
    done = frieze("ls", "--collection", pictures)
    assert done.code == 0
    assert "a\\xff\\x1b[31m.png" in done.out
    assert len(frieze("ls", "--json", "--collection", pictures).json) == 5


def test_ls_in_all_its_forms(collection: Path, frieze: Frieze) -> None:
    assert frieze("ls", "fox").out == "1\t600x400\t\tfox.png\tfox, animal, outdoors\n"
    assert frieze("ls", "--count").out == "4\n"
    assert frieze("ls", "animal", "--ids", "--limit", 2).lines == ["1", "2"]
    assert frieze("ls", "width>=1000", "--columns", "name,size").out == "strip.png\t1024x300\n"
    assert frieze("ls", "fox", "--json", "--columns", "id,tags").json == [
        {"id": 1, "tags": ["fox", "animal", "outdoors"]}
    ]
    assert frieze("ls", "nothing", "--json").json == []


def test_a_filter_may_begin_with_a_dash(collection: Path, frieze: Frieze) -> None:
    assert frieze("ls", "-fox", "--count").out == "3\n"
    assert frieze("ls", "--count", "--", "-fox").out == "3\n"
    assert frieze("tag", "add", "-fox -wolf", "--at", "start", "--yes", "--", "-odd").code == 0
    assert frieze("ls", "tag:-odd", "--count").out == "2\n"
    assert frieze("subset", "add", "rest", "-fox", "--repeats", 2).code == 0
    assert frieze("subset", "set", "rest", "--filter", "-wolf").code == 0
    assert frieze("ls", "-h").code == 0
    assert frieze("ls", "--bogus", "fox").code == 2


def test_ls_says_which_tags_do_not_exist(collection: Path, frieze: Frieze) -> None:
    done = frieze("ls", "foks")
    assert (done.code, done.out) == (0, "")
    assert "foks" in done.err


@pytest.mark.parametrize("filter", ["widht>3", "(fox", "width>=big"])
def test_a_bad_filter_is_a_mistake(collection: Path, frieze: Frieze, filter: str) -> None:
    assert frieze("ls", filter).code == 2


def test_an_unknown_column_offers_the_nearest(collection: Path, frieze: Frieze) -> None:
    done = frieze("ls", "--columns", "tgas")
    assert done.code == 2
    assert "did you mean 'tags'" in done.err


def tags(frieze: Frieze, filter: str) -> list[str]:
    return frieze("ls", filter, "--json", "--columns", "tags").json[0]["tags"]


def test_tag_edits_and_their_undo(collection: Path, frieze: Frieze) -> None:
    assert frieze("tag", "add", "fox", "red fur, cute", "--at", "start").code == 0
    assert tags(frieze, "fox") == ["red fur", "cute", "fox", "animal", "outdoors"]
    assert frieze("tag", "remove", "fox", "cute").code == 0
    assert frieze("tag", "rename", "fox", "red fur", "fur").code == 0
    assert frieze("tag", "order", "fox", "animal", "fox").code == 0
    assert tags(frieze, "fox") == ["animal", "fox", "fur", "outdoors"]
    assert frieze("tag", "caption", "fox", "a fox").code == 0
    assert frieze("ls", "has:caption", "--columns", "caption").out == "a fox\n"
    assert len(frieze("history", "--json").json) == 5
    for _ in range(5):
        assert frieze("undo").code == 0
    done = frieze("undo")
    assert (done.code, done.out) == (1, "")
    assert "nothing to undo" in done.err
    assert tags(frieze, "fox") == ["fox", "animal", "outdoors"]
    assert frieze("redo").out.startswith("redone: ")
    assert tags(frieze, "fox")[0] == "red fur"


def test_a_tag_that_no_image_has_cannot_be_renamed(collection: Path, frieze: Frieze) -> None:
    for old, hint in (("animl", "did you mean 'animal'?"), ("zzz", "see 'frieze tag list'")):
        done = frieze("tag", "rename", "", old, "beast", "--yes")
        assert (done.code, done.out) == (2, "")
        assert done.err.splitlines() == [f"frieze: no image has the tag '{old}'", f"  hint: {hint}"]
    assert frieze("tag", "rename", "", "Animal", "beast", "--yes").code == 0  # however it is spelled


def test_a_bulk_edit_asks_or_is_told_yes(
    collection: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    dry = frieze("tag", "add", "animal", "wild", "--dry-run")
    assert dry.out == "4 of 4 images would change\n"
    refused = frieze("tag", "add", "animal", "wild")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert frieze("ls", "wild", "--count").out == "0\n"
    assert frieze("tag", "add", "animal", "wild", "--yes").out.startswith("4 of 4 images changed")
    assert frieze("tag", "add", "animal", "wild").out == "0 of 4 images changed\n"


@pytest.mark.parametrize(("answer", "count"), [(True, "4\n"), (False, "0\n")])
def test_a_person_is_asked(
    collection: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch, answer: bool, count: str
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: answer)
    assert frieze("tag", "add", "animal", "wild").code == (0 if answer else 1)
    assert frieze("ls", "wild", "--count").out == count


def test_marks(collection: Path, frieze: Frieze) -> None:
    assert frieze("mark", "keep", "fox").code == 0
    assert frieze("mark", "reject", "owl").code == 0
    counts = frieze("stats", "--json").json
    assert (counts["images"], counts["kept"], counts["rejected"]) == (4, 1, 1)
    assert frieze("mark", "none", "fox").code == 0
    assert frieze("ls", "mark:keep", "--count").out == "0\n"
    assert frieze("mark", "perhaps", "fox").code == 2


def test_tags_are_listed_most_common_first(collection: Path, frieze: Frieze) -> None:
    found = frieze("tag", "list", "--json").json
    assert [tag["count"] for tag in found] == [4, 4, 1, 1, 1, 1]
    assert frieze("tag", "list", "--limit", 1, "--json").json[0]["name"] in {"animal", "outdoors"}
    assert frieze("tag", "list", "--class", "artist", "--json").json == []


def test_sidecars_are_written_when_asked_and_a_foreign_change_is_a_conflict(
    collection: Path, pictures: Path, frieze: Frieze
) -> None:
    assert frieze("tag", "add", "fox", "new").code == 0
    assert (pictures / "fox.txt").read_text() == "fox, animal, outdoors"
    assert frieze("tag", "write", "fox").code == 0
    assert (pictures / "fox.txt").read_text().strip() == "fox, animal, outdoors, new"
    (pictures / "owl.txt").write_text("someone else, wrote this")
    assert frieze("tag", "add", "owl", "new").code == 0
    refused = frieze("tag", "write", "owl")
    assert refused.code == 1
    assert "someone else" in (pictures / "owl.txt").read_text()
    assert frieze("tag", "write", "owl", "--force").code == 0
    assert "new" in (pictures / "owl.txt").read_text()


def test_verify_and_rebuild(collection: Path, frieze: Frieze) -> None:
    assert frieze("verify").code == 0
    assert frieze("verify", "--rebuild", "--json").json == {
        "schema": "frieze/verify/1",
        "rebuilt": True,
        "faults": [],
    }


def test_subsets(collection: Path, frieze: Frieze) -> None:
    assert frieze("subset", "add", "foxes", "fox", "--repeats", 2, "--shuffle", "--trigger", "sks").code == 0
    assert frieze("subset", "add", "foxes", "owl").code == 2
    assert frieze("subset", "add", "owls", "owl", "--flip").code == 0
    assert frieze("subset", "set", "owls", "--repeats", 6, "--keep-tags", 1).code == 0
    foxes, owls = frieze("subset", "list", "--json").json
    assert (foxes["rules"]["shuffle"], foxes["rules"]["trigger"], foxes["images"]) == (True, "sks", 1)
    assert (owls["flip"], owls["repeats"], owls["rules"]["keep_tags"]) == (True, 6.0, 1)
    assert (foxes["share"], owls["share"]) == (0.25, 0.75)
    assert frieze("subset", "add", "bad", "(fox").code == 2
    assert frieze("subset", "set", "owls", "--repeats", -1).code == 2
    assert frieze("subset", "set", "owls", "--tag-dropout", 2).code == 2
    missing = frieze("subset", "remove", "owlz")
    assert missing.code == 2
    assert "did you mean 'owls'" in missing.err
    assert frieze("subset", "remove", "owls").code == 0


def test_captions_walk_the_epochs(collection: Path, frieze: Frieze) -> None:
    """S042: any epoch is shown without those before it."""
    assert frieze("subset", "add", "all", "", "--shuffle", "--keep-tags", 1).code == 0
    shown = frieze("captions", "fox", "--epochs", 20, "--json").json
    assert [each["epoch"] for each in shown] == list(range(20))
    assert all(each["caption"].startswith("fox, ") for each in shown)
    assert len({each["caption"] for each in shown}) == 2
    assert frieze("captions", "fox", "--epoch", 7, "--json").json == [shown[7]]
    assert frieze("captions", "--limit", 2).err.startswith("2 of 4 shown; --limit 0")


def test_buckets_of_sizes_have_the_promised_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frieze: Frieze
) -> None:
    """S036: other programs read this."""
    monkeypatch.chdir(tmp_path)
    done = frieze(
        "buckets", "--resolution", 512, "--min", 256, "--max", 1024, "--step", 64,
        "--size", "1000x500", "--size", "512x512", "--json",
    )  # fmt: skip
    about = done.json
    assert set(about) == {"schema", "buckets", "sizes"}
    assert len(about["buckets"]) == 17
    assert about["sizes"] == [
        {"size": [1000, 500], "bucket": [704, 320], "resized": [704, 352], "crop": [0, 16, 704, 336]},
        {"size": [512, 512], "bucket": [512, 512], "resized": [512, 512], "crop": [0, 0, 512, 512]},
    ]
    small = frieze("buckets", "--size", "100x90", "--no-upscale", "--json").json
    assert small["sizes"][0]["bucket"] == [64, 64]
    wide = frieze("buckets", "--size", "800x600", "--resolution", "768x512", "--json").json
    assert wide["buckets"] != about["buckets"]


def test_buckets_of_the_collection_and_its_rule(collection: Path, frieze: Frieze) -> None:
    before = frieze("buckets", "--json").json
    assert sum(each["images"] for each in before["images"]) == 4
    assert frieze("buckets", "--resolution", 256, "--min", 64, "--set").code == 0
    after = frieze("buckets", "fox", "--json").json
    assert after["images"] == [{"bucket": [320, 192], "images": 1}]
    assert frieze("buckets", "--step", 7).code == 2
    assert frieze("buckets", "fox", "--size", "1x1").code == 2


def test_json_is_one_value_even_where_it_is_streamed(collection: Path, frieze: Frieze) -> None:
    for words in (
        ["ls"],
        ["tag", "list"],
        ["history"],
        ["subset", "list"],
        ["manifest", "list"],
        ["runs", "list"],
    ):
        assert isinstance(json.loads(frieze(*words, "--json").out), list), words
