"""Facets, saved filters, tag lookup, undo of several changes, plain SQL for other programs."""

from __future__ import annotations

from pathlib import Path

import sqlite_utils

from tests.cli.conftest import Frieze


def here(pictures: Path) -> tuple[str, str]:
    return "--collection", str(pictures.parent)


def scanned(frieze: Frieze, pictures: Path) -> tuple[str, str]:
    assert frieze("scan", pictures, *here(pictures)).code == 0
    return here(pictures)


def test_facets_count_what_goes_together(frieze: Frieze, pictures: Path) -> None:
    where = scanned(frieze, pictures)
    found = frieze("facets", "fox", *where, "--json").json
    assert {each["name"]: each["images"] for each in found} == {"fox": 1, "animal": 1, "outdoors": 1}
    assert "100.0%" in frieze("facets", "animal", *where, "--limit", 1).out


def test_a_saved_filter_stands_inside_others(frieze: Frieze, pictures: Path) -> None:
    where = scanned(frieze, pictures)
    assert frieze("filter", "save", "wild", "fox OR wolf", *where).code == 0
    assert frieze("ls", "saved:wild -fox", "--count", *where).out == "1\n"
    assert frieze("filter", "list", *where, "--json").json == [{"name": "wild", "filter": "fox OR wolf"}]
    assert frieze("filter", "save", "bad", "(fox", *where).code == 2
    assert "did you mean 'wild'?" in frieze("filter", "remove", "wildd", *where).err
    assert frieze("filter", "remove", "wild", *where).code == 0
    assert frieze("ls", "saved:wild", *where).code == 2


def test_a_tag_is_found_by_any_part(frieze: Frieze, pictures: Path) -> None:
    """B15."""
    where = scanned(frieze, pictures)
    found = frieze("tag", "find", "door", *where, "--json").json
    assert [(each["name"], each["count"]) for each in found] == [("outdoors", 4)]


def test_several_changes_are_undone_at_once(frieze: Frieze, pictures: Path) -> None:
    where = scanned(frieze, pictures)
    for tag in ("one", "two", "three"):
        assert frieze("tag", "add", "fox", tag, *where).code == 0
    first = frieze("history", *where, "--json").json[-1]["id"]
    done = frieze("undo", first, "--to", *where)
    assert done.code == 0
    assert len(done.lines) == 3
    assert frieze("ls", "one OR two OR three", "--count", *where).out == "0\n"
    assert frieze("undo", 999, *where).code == 2
    assert frieze("undo", "--to", *where).code == 2


def test_one_change_is_undone_beneath_newer_ones(frieze: Frieze, pictures: Path) -> None:
    where = scanned(frieze, pictures)
    assert frieze("tag", "add", "animal", "one", "--yes", *where).code == 0
    first = frieze("history", *where, "--json").json[0]["id"]
    assert frieze("tag", "add", "fox", "two", *where).code == 0
    assert frieze("tag", "remove", "fox", "one", *where).code == 0
    assert frieze("tag", "add", "fox", "one", *where).code == 0
    done = frieze("undo", first, *where)
    assert done.lines[1] == "changed since, and left as they are: 1 image"
    assert frieze("ls", "one", "--count", *where).out == "1\n"
    assert frieze("ls", "two", "--count", *where).out == "1\n"
    assert "undone, 1 stay" in frieze("history", *where).out
    assert frieze("redo", first, *where).code == 0
    assert frieze("redo", first, *where).code == 1
    assert frieze("ls", "one", "--count", *where).out == frieze("ls", "animal", "--count", *where).out


def test_other_programs_get_plain_tables(frieze: Frieze, pictures: Path, tmp_path: Path) -> None:
    """Read back with the real client, sqlite-utils."""
    where = scanned(frieze, pictures)
    target = tmp_path / "plain.db"
    assert frieze("export", "sqlite", target, "fox OR owl", *where).code == 0
    database = sqlite_utils.Database(target)
    assert {row["name"] for row in database["image"].rows} == {"fox.png", "owl.png"}
    captions = {row["tags"] for row in database.query("SELECT tags FROM image_caption")}
    assert captions == {"fox, animal, outdoors", "owl, animal, outdoors"}
    assert frieze("export", "sqlite", target, *where).code == 2


def test_edits_that_wait_are_folded_on_request(frieze: Frieze, pictures: Path) -> None:
    where = scanned(frieze, pictures)
    assert frieze("verify", "--fold", *where).out == "the index is sound\n"
