"""Importing, picking, deriving, ordering and cleaning from the command line; every report has JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Frieze = Any


@pytest.fixture
def posts(collection: Path, tmp_path: Path, frieze: Frieze) -> Path:
    """The four images with facts, by kohya-like names."""
    rows = [
        {
            "id": i,
            "md5": "",
            "rating": "g" if i % 2 else "e",
            "fav_count": 10 * i,
            "score": i,
            "created_at": f"20{10 + i}-01-01",
        }
        for i in range(1, 5)
    ]
    for row, name in zip(rows, ("fox", "wolf", "owl", "strip"), strict=True):
        del row["md5"]
        (collection / "pictures" / f"{name}.png").rename(collection / "pictures" / f"{row['id']}.png")
        (collection / "pictures" / f"{name}.txt").rename(collection / "pictures" / f"{row['id']}.txt")
    assert frieze("scan").code == 0
    dump = tmp_path / "posts.jsonl"
    dump.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return dump


def test_a_plan_of_kohya_folders(pictures: Path, tmp_path: Path, frieze: Frieze) -> None:
    """S044: the JSON others script."""
    (tmp_path / "train").mkdir()
    pictures.rename(tmp_path / "train" / "10_sls frog")
    (tmp_path / "train" / "frogs").mkdir()
    done = frieze("import", tmp_path / "train", "--layout", "kohya-folders", "--plan", "--json")
    assert done.code == 0
    assert done.json["subsets"] == [
        {"name": "10_sls frog", "folder": str(tmp_path / "train/10_sls frog"), "repeats": 10,
         "class_tokens": "sls frog", "images": 4, "is_reg": False}
    ]  # fmt: skip
    assert [Path(each["path"]).name for each in done.json["ignored"]] == ["frogs"]
    assert not list(tmp_path.rglob("frieze.db"))
    assert "10_sls frog" in frieze("import", tmp_path / "train", "--plan").out


def test_an_import_of_kohya_folders(pictures: Path, tmp_path: Path, frieze: Frieze) -> None:
    (tmp_path / "train").mkdir()
    pictures.rename(tmp_path / "train" / "3_frog")
    home = tmp_path / "home"
    done = frieze("import", "--yes", tmp_path / "train", "--collection", home, "--json")
    assert (done.json["added"], done.json["subsets"]) == (4, ["3_frog"])
    assert frieze("subset", "list", "--collection", home, "--json").json[0]["samples"] == 12
    again = frieze("import", "--yes", tmp_path / "train", "--collection", home)
    assert again.code == 2
    assert "already" in again.err


def test_a_dump_and_a_pick(posts: Path, frieze: Frieze) -> None:
    """S001, S002, S004"""
    planned = frieze("import", posts, "--layout", "booru", "--plan", "--json").json
    assert (planned["rows"], planned["funnel"]) == (4, [{"reason": "kept", "count": 4}])
    assert "4\tkept" in frieze("import", "--yes", posts, "--layout", "booru").out
    assert frieze("ls", "fav>20 rating:explicit", "--count").out == "1\n"
    done = frieze("pick", "--by", "score", "--top", 2, "--split", "rating:general", "--json").json
    assert done["images"] == 2
    assert done["funnel"][0] == {"reason": "in the collection", "count": 4, "images": 4}
    assert sum(each["images"] for each in done["funnel"][1:]) == 4
    assert (
        frieze("pick", "--range", "1..3:2", "--seed", 5, "--ids").lines
        == frieze("pick", "--range", "1..3:2", "--seed", 5, "--ids").lines
    )
    assert frieze("pick", "--since", "2y", "--as-of", "2014-01-01", "--ids").lines.__len__() == 3


def test_a_pick_is_kept(posts: Path, frieze: Frieze) -> None:
    frieze("import", "--yes", posts, "--layout", "booru")
    done = frieze("pick", "--by", "fav", "--top", 3, "--save", "liked ones", "--mark", "keep", "-y")
    assert "saved as picked:liked ones" in done.err
    assert frieze("ls", 'picked:"liked ones"', "--count").out == "3\n"
    assert frieze("ls", "mark:keep", "--count").out == "3\n"
    assert "mark keep" in frieze("undo").out
    assert frieze("pick", "--top", 2, "--subset", "two").code == 0
    assert frieze("subset", "list", "--json").json[0]["images"] == 2
    assert frieze("pick", "--subset", "two").code == 2
    assert frieze("pick", "--range", "nonsense").code == 2


def test_deriving(posts: Path, frieze: Frieze) -> None:
    """S011, S013, S014"""
    frieze("import", "--yes", posts, "--layout", "booru")
    looked = frieze("tag", "derive", "", "quality", "rating", "year", "--dry-run", "--json").json
    assert [each["kind"] for each in looked] == ["quality", "rating", "year"]
    assert looked[0]["cuts"].keys() == {"general", "explicit"}
    assert frieze("tag", "derive", "", "rating").code == 2
    assert frieze("tag", "derive", "", "quality", "rating", "year", "count", "--yes").code == 0
    assert frieze("ls", "safe", "--count").out == "2\n"
    assert frieze("ls", "early", "--count").out == "4\n"
    assert frieze("tag", "derive", "", "quality", "--dry-run", "--json").json[0]["images"] == 0
    assert frieze("tag", "derive", "", "head", "--head", "new, newest", "--yes").code == 0
    assert frieze("ls", "--json", "--columns", "tags").json[0]["tags"][:2] == ["new", "newest"]
    assert frieze("tag", "derive", "", "quality", "--preset", "kohak", "--yes").code == 2


def test_ordering_by_the_rules(collection: Path, frieze: Frieze) -> None:
    """B13"""
    frieze("tag", "add", "fox", "1girl", "--yes")
    assert frieze("tag", "order", "fox", "--dry-run").out == "1 of 1 image would change\n"
    assert frieze("tag", "order", "fox", "--yes").out == "1 of 1 image changed: order tags by rule\n"
    assert frieze("ls", "fox", "--json", "--columns", "tags").json == [
        {"tags": ["1girl", "fox", "animal", "outdoors"]}
    ]


def test_cleaning_and_tables(collection: Path, tmp_path: Path, frieze: Frieze) -> None:
    """S034, S035"""
    mine = tmp_path / "mine.toml"
    mine.write_text('[clean.replace]\nanimal = "beast"\n[clean]\ndrop = ["out*"]\n')
    assert frieze("tag", "tables", mine).code == 0
    assert frieze("tag", "tables", "--json").json["clean"]["drop"] == ["out*"]
    looked = frieze("tag", "clean", "", "--dry-run", "--json").json
    assert (looked["images"], looked["changes_by_rule"]) == (4, {"drop": 4, "replace": 4})
    assert frieze("tag", "clean", "").code == 2
    done = frieze("tag", "clean", "", "--yes")
    assert "4 of 4 images changed: clean tags" in done.out
    assert frieze("ls", "fox", "--json", "--columns", "tags").json == [{"tags": ["fox", "beast"]}]
    frieze("undo")
    assert frieze("ls", "outdoors", "--count").out == "4\n"
    aliases = tmp_path / "aliases.csv"
    aliases.write_text("fox,vulpes\n")
    frieze("tag", "tables", "--reset")
    assert frieze("tag", "clean", "", "--aliases", aliases, "--dry-run", "--json").json[
        "changes_by_rule"
    ] == {"aliases": 1}
    mine.write_text("[clean]\nunderscore = true\n")
    refused = frieze("tag", "tables", mine)
    assert (refused.code, "clean.underscore" in refused.err, "underscores" in refused.err) == (2, True, True)


def test_a_text_in_weights_and_tokens(frieze: Frieze) -> None:
    """S025, S026"""
    nothing = {"schema": "frieze/caption/1", "cut": "", "problem": None, "captions": []}
    assert frieze("captions", "--text", "a (cat:1.5), [dog]", "--json").json == nothing | {
        "weights": [["a ", 1.0], ["cat", 1.5], [", ", 1.0], ["dog", 1 / 1.1]], "tokens": 4, "chunks": 1,
    }  # fmt: skip
    assert frieze("captions", "--text", "", "--json").json == nothing | {
        "weights": [["", 1.0]],
        "tokens": 0,
        "chunks": 1,
    }
    assert frieze("captions", "--text", "cat " * 76, "--json").json["chunks"] == 2


def test_a_text_with_rules(frieze: Frieze) -> None:
    """S017, S021"""
    words = (
        "captions",
        "--text",
        "a, b, c, d",
        "--rule",
        "shuffle=true",
        "--rule",
        "keep_tags=1",
        "--epochs",
        4,
    )
    drawn = [each["caption"] for each in frieze(*words, "--json").json["captions"]]
    assert len(drawn) == 4
    assert len(set(drawn)) > 1
    assert all(caption.startswith("a, ") for caption in drawn)
    assert frieze(*words, "--rule", "dropout_every_epochs=2", "--json").json["captions"][1]["caption"] == ""
    for bad in ("shufle=true", "shuffle=maybe", "keep_tags=x", "keep_tags", "tag_dropout=2"):
        assert frieze("captions", "--text", "a", "--rule", bad).code == 2


def test_rules_of_a_subset_and_what_falls_off(collection: Path, frieze: Frieze) -> None:
    assert (
        frieze(
            "subset", "add", "all", "", "--rule", "prefix=photo of", "--rule", "dropout_every_epochs=2"
        ).code
        == 0
    )
    shown = frieze("captions", "fox", "--epochs", 2, "--json").json
    assert [each["caption"] for each in shown] == ["photo of fox, animal, outdoors", ""]
    assert (shown[0]["tokens"], shown[0]["cut"]) == (7, "")
    frieze("tag", "caption", "fox", "word " * 80, "--yes")
    assert "falls off: word word" in frieze("captions", "fox").out
    assert frieze("captions", "fox", "--max-tokens", "150", "--json").json[0]["cut"] == ""
    assert frieze("captions", "fox", "--rule", "shuffle=true").code == 2


def test_weighted_captions_are_counted_as_they_are_trained(collection: Path, frieze: Frieze) -> None:
    """S025, S026: brackets are no tokens, and a bad one is named."""
    frieze("subset", "add", "all", "", "--rule", "prefix=(photo:1.2)")
    (plain,) = frieze("captions", "fox", "--json").json
    (told,) = frieze("captions", "fox", "--weighted", "--json").json
    assert (told["tokens"], told["problem"]) == (6, None)
    assert plain["tokens"] > told["tokens"]
    assert told["weights"] == [["photo", 1.2], [" fox, animal, outdoors", 1.0]]
    assert plain["weights"] is None
    frieze("subset", "set", "all", "--rule", "prefix=(photo")
    assert "a '(' is never closed" in frieze("captions", "fox", "--weighted").out
    assert "closed" not in frieze("captions", "fox").out
    said = frieze("captions", "--text", "(cat:1.5) " * 160, "--max-tokens", "150")
    assert "160 tokens, 3 x 75\nfalls off: cat cat" in said.out
    one = frieze("captions", "--text", "a (red:1.3) hat]", "--json").json
    assert one["weights"] == [["a ", 1.0], ["red", 1.3], [" hat]", 1.0]]
    assert (one["tokens"], one["chunks"], one["problem"]) == (4, 1, "a ']' closes nothing")
    assert one["cut"] == ""


def test_tokens_that_warm_up_by_step(collection: Path, frieze: Frieze) -> None:
    frieze("subset", "add", "all", "", "--rule", "warmup_steps=10")
    assert frieze("captions", "fox", "--step", 0).out.endswith("\tfox\n")
    assert frieze("captions", "fox", "--step", 10).out.endswith("\tfox, animal, outdoors\n")
    assert frieze("captions", "fox").out.endswith("\tfox, animal, outdoors\n")


def test_explaining_an_image(collection: Path, frieze: Frieze) -> None:
    """B06"""
    frieze("subset", "add", "foxes", "fox", "--repeats", 2)
    said = frieze("explain", "fox.png", "--json").json
    assert (said["is_in"], said["repeats"], said["row"]["id"]) == (True, 2.0, 1)
    assert "it does not meet fox" in frieze("explain", "owl").out
    assert "bucket      " in frieze("explain", 1).out
    assert frieze("explain", "elsewhere/fox.png").code == 2
    assert frieze("explain", "pictures/fox.png").code == frieze("explain", "../pictures/fox.png").code == 0
    assert frieze("explain", "png").code == 2
    assert frieze("explain", "nobody").code == 2


def test_copies(collection: Path, frieze: Frieze) -> None:
    """B16"""
    (collection / "pictures/copy.png").write_bytes((collection / "pictures/fox.png").read_bytes())
    frieze("scan")
    (group,) = frieze("dupes", "--json").json
    assert [copy["exact"] for copy in group["copies"]] == [True]
    assert "1 group, 1 more than one needs" in frieze("dupes", "--near", 6).out
    assert frieze("dupes", "--mark").code == 0
    assert frieze("ls", "mark:reject", "--count").out == "1\n"
    assert "mark reject" in frieze("undo").out
    assert frieze("dupes", "--near", 60).code == 2


def test_manifests_compared_exported_and_taken_in(frozen: Path, tmp_path: Path, frieze: Frieze) -> None:
    """B07, S049"""
    assert frieze("manifest", "diff", "set", "set").out == "equal\n"
    frieze("tag", "add", "fox", "new", "--yes")
    assert frieze("freeze", "other").code == 0
    found = frieze("manifest", "diff", "set", "other", "--json").json
    assert found["images"] == [{"what": "caption", "images": 1, "examples": ["fox.png"]}]
    assert "caption" in frieze("manifest", "diff", "set", "other").out
    frieze("tag", "add", "", "newer", "--yes")
    assert frieze("freeze", "newer").code == 0
    for limit, named in ((1, 1), (0, 4)):
        done = frieze("manifest", "diff", "set", "newer", "--limit", limit)
        assert done.out.splitlines()[-1].count(".png") == named
        assert ("1 of 4 shown" in done.err) == (limit == 1)
    for kind in ("jsonl", "kohya-toml", "kohya-json", "imagefolder"):
        done = frieze("manifest", "export", "set", tmp_path / kind, "--format", kind)
        assert done.out.startswith("4 images written")
    assert frieze("manifest", "export", "set", tmp_path / "jsonl").code == 2
    assert frieze("manifest", "export", "set", tmp_path / "x", "--copy").code == 2
    assert frieze("manifest", "import", tmp_path / "jsonl", "again").code == 0
    assert frieze("manifest", "diff", "set", "again").out == "equal\n"
    assert frieze("manifest", "import", tmp_path / "jsonl", "again").code == 2
    plan = frieze("import", tmp_path / "kohya-toml/dataset.toml", "--plan", "--json").json
    assert [(each["repeats"], each["images"]) for each in plan["subsets"]] == [(3, 1), (1, 3)]


def test_balancing(collection: Path, frieze: Frieze) -> None:
    """S045, B14"""
    frieze("subset", "add", "fox", "fox", "--repeats", 10)
    frieze("subset", "add", "rest", "-fox")
    assert frieze("subset", "balance", "--dry-run").code == 0
    assert [each["repeats"] for each in frieze("subset", "list", "--json").json] == [10, 1]
    assert frieze("subset", "balance").code == 0
    fox, rest = frieze("subset", "list", "--json").json
    assert fox["repeats"] > 1 > rest["repeats"] * 0.1
    assert frieze("subset", "set", "rest", "--repeats", 1, "--reg", "--loss-weight", 0.5).code == 0
    fox, rest = frieze("subset", "list", "--json").json
    assert (rest["is_reg"], rest["samples"] - fox["samples"] in (0, 1)) == (True, True)
    assert "reg, loss x 0.5" in frieze("subset", "list").out
    assert [each["name"] for each in frieze("subset", "balance", "--json").json["subsets"]] == ["fox"]


def test_ways_of_subsets_and_of_the_rule(collection: Path, frieze: Frieze) -> None:
    """S045: crop, mask, resampling and crop inputs reach the manifest and are shown."""
    frieze("subset", "add", "fox", "fox", "--crop", "random", "--mask", "alpha")
    assert frieze("subset", "set", "fox", "--crop", "face").code == 0
    assert frieze("subset", "set", "fox", "--mask", "maybe").code == 2
    assert frieze("buckets", "--set", "--resample", "lanczos", "--crop-inputs", "letterbox").code == 0
    assert frieze("buckets", "--resample", "blurry").code == 2
    assert frieze("freeze", "set").code == 0
    shown = frieze("manifest", "show", "set")
    assert "scaled by lanczos, letterbox crop inputs" in shown.out
    assert "face crop, mask by alpha" in shown.out
    about = frieze("manifest", "show", "set", "--json").json
    assert (about["rule"]["resample"], about["subsets"][0]["mask"]) == ("lanczos", "alpha")


def test_tags_by_how_common_they_are(collection: Path, frieze: Frieze) -> None:
    """S008"""
    assert frieze("tag", "list", "--bands", "4,1", "--json").json == [
        {"images": 4, "tags": 2}, {"images": 1, "tags": 6},
    ]  # fmt: skip
    assert "at least 4 images" in frieze("tag", "list", "--bands", "4,1").out
    assert frieze("tag", "list", "--bands", "many").code == 2
