"""Commands that edit subsets, rules, saved filters and picks: one change each, taken back by `frieze undo`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Frieze


def whats(frieze: Frieze) -> list[str]:
    return [each["what"] for each in frieze("history", "--json").json]


def repeats(frieze: Frieze) -> dict[str, float]:
    return {each["name"]: each["repeats"] for each in frieze("subset", "list", "--json").json}


def test_undo_after_a_change_of_a_subset_brings_the_value_back(collection: Path, frieze: Frieze) -> None:
    assert frieze("subset", "add", "alice", "fox", "--repeats", 2).code == 0
    assert frieze("subset", "set", "alice", "--repeats", 3).code == 0
    assert frieze("history").lines[1].split("you")[1].strip() == "subset alice: repeats 2 -> 3"
    assert frieze("undo").out == "undone: subset alice: repeats 2 -> 3\n"
    assert repeats(frieze) == {"alice": 2}
    assert frieze("redo").out == "redone: subset alice: repeats 2 -> 3\n"
    assert repeats(frieze) == {"alice": 3}
    assert frieze("subset", "remove", "alice").code == 0
    assert frieze("undo").out == "undone: subset alice removed\n"
    assert repeats(frieze) == {"alice": 3}
    assert frieze("verify").code == 0


def test_what_was_changed_since_is_named(collection: Path, frieze: Frieze) -> None:
    frieze("subset", "add", "alice", "fox")
    frieze("subset", "set", "alice", "--repeats", 2, "--flip")
    number = frieze("history", "--json").json[0]["id"]
    frieze("subset", "set", "alice", "--repeats", 3)
    done = frieze("undo", number)
    assert done.lines == [
        "undone: subset alice: repeats 1 -> 2, flip no -> yes",
        "changed since, and left as they are: repeats of subset alice",
    ]
    (subset,) = frieze("subset", "list", "--json").json
    assert (subset["repeats"], subset["flip"]) == (3, False)


def test_a_balance_is_one_change(collection: Path, frieze: Frieze) -> None:
    frieze("subset", "add", "one", "fox")
    frieze("subset", "add", "rest", "animal")
    assert frieze("subset", "balance").code == 0
    assert whats(frieze)[0] == "balance: subset one: repeats 1 -> 2; subset rest: repeats 1 -> 0.666667"
    frieze("undo")
    assert repeats(frieze) == {"one": 1, "rest": 1}


def test_a_pick_its_subset_and_its_marks_are_one_change(collection: Path, frieze: Frieze) -> None:
    assert frieze("pick", "animal", "--top", 2, "--subset", "two", "--mark", "keep", "-y").code == 0
    assert whats(frieze) == ['pick two: 2 images; subset two added: picked:"two"; mark keep']
    assert frieze("undo").out.endswith("mark keep (2 images)\n")
    assert frieze("ls", "mark:keep", "--count").out == "0\n"
    assert repeats(frieze) == {}
    assert frieze("ls", "picked:two").code == 2
    frieze("redo")
    assert frieze("ls", "picked:two mark:keep", "--count").out == "2\n"


def test_saved_filters_come_back(collection: Path, frieze: Frieze) -> None:
    frieze("filter", "save", "good", "fox")
    assert frieze("filter", "save", "good", "owl", "--replace").code == 0
    frieze("filter", "remove", "good")
    for expected in ("owl", "fox"):
        frieze("undo")
        assert [each["filter"] for each in frieze("filter", "list", "--json").json] == [expected]
    assert whats(frieze)[0] == "saved filter 'good' removed"


def test_bucket_rules_and_tables_come_back(collection: Path, frieze: Frieze, tmp_path: Path) -> None:
    assert frieze("buckets", "--set", "--step", 32).code == 0
    file = tmp_path / "tables.toml"
    file.write_text('[clean.replace]\nold = "new"\n')
    assert frieze("tag", "tables", file).code == 0
    assert whats(frieze) == ["tag tables: clean.replace.old (usual) -> 'new'", "bucket rule: step 64 -> 32"]
    frieze("undo")
    assert "old" not in frieze("tag", "tables", "--json").json["clean"]["replace"]
    frieze("undo")
    assert "by 64" in frieze("buckets", "--set").err


def test_a_freeze_that_is_refused_keeps_no_rule(collection: Path, frieze: Frieze) -> None:
    frieze("subset", "add", "none", "no_such_tag")
    frieze("subset", "set", "none", "--repeats", 2)
    frieze("undo")
    assert frieze("freeze", "first", "--step", 32).code == 2
    assert "by 64" in frieze("buckets", "--set").err
    assert frieze("redo").out == "redone: subset none: repeats 1 -> 2\n"  # nothing came between
    frieze("subset", "set", "none", "--filter", "fox")
    assert frieze("freeze", "first", "--step", 32).code == 0
    frieze("undo")
    assert "by 64" in frieze("buckets", "--set").err
    assert frieze("manifest", "show", "first").code == 0
