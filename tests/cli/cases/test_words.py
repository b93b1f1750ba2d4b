"""Cases of tags and captions: one tag in several spellings, circles, choices in choices; and pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from curator.index.collection import Collection

Case = Callable[[str], Path]


def tags_of(frieze) -> list[str]:
    return [row["tags"] for row in frieze("ls", "--json", "--columns", "tags").json]


def test_underscores_are_taken_out_by_a_rename(case: Case, frieze) -> None:
    """starik222/BooruDatasetTagManager#188"""
    case("19-rename-underscore")
    frieze("scan", "p", "--collection", ".")
    done = frieze("tag", "rename", "", "long_hair", "long hair", "--yes")
    assert "1 of 2 images changed" in done.out
    assert tags_of(frieze) == [["1girl", "long hair"]] * 2
    assert [(tag["name"], tag["count"]) for tag in frieze("tag", "list", "--json").json] == [
        ("1girl", 2),
        ("long hair", 2),
    ]
    frieze("undo")
    assert tags_of(frieze) == [["1girl", "long_hair"], ["1girl", "long hair"]]


def test_every_edit_knows_a_tag_in_every_spelling(case: Case, frieze) -> None:
    case("19-rename-underscore")
    frieze("scan", "p", "--collection", ".")
    assert "0 of 2 images changed" in frieze("tag", "add", "", "Long_Hair", "--yes").out
    assert "2 of 2 images changed" in frieze("tag", "order", "", "LONG HAIR", "--yes").out
    assert tags_of(frieze) == [["long_hair", "1girl"], ["long hair", "1girl"]]
    assert "0 of 2 images" in frieze("tag", "order", "", "long hair", "--yes").out
    assert frieze("tag", "find", "LONG_H", "--json").json[0]["name"].startswith("long")
    assert "2 of 2 images changed" in frieze("tag", "remove", "", "long hair", "--yes").out
    assert tags_of(frieze) == [["1girl"]] * 2
    with Collection.open(Path()) as collection:
        assert collection.check() == []


def test_a_sidecar_that_spells_a_tag_twice_gives_it_once(case: Case, frieze) -> None:
    folder = case("19-rename-underscore")
    (folder / "p/a.txt").write_text("long_hair, 1girl, Long hair, o_o, O_O, o o")
    frieze("scan", "p", "--collection", ".")
    assert tags_of(frieze)[0] == ["long_hair", "1girl", "o_o", "o o"]


def test_a_circle_of_implications_is_named_and_takes_no_tag_away(case: Case, frieze) -> None:
    """oniony/TMSU#42"""
    case("25-implication-cycle")
    frieze("scan", "p", "--collection", ".")
    done = frieze("tag", "clean", "", "--implications", "impl.csv", "--yes")
    assert done.code == 2
    assert "apple -> banana -> apple" in done.err or "banana -> apple -> banana" in done.err
    assert tags_of(frieze) == [["apple", "banana", "tree"]]


def test_choices_in_choices_are_drawn(case: Case, frieze) -> None:
    """bash-j/mikey_nodes#33"""
    case("45-nested-wildcard")
    text = "{red|{dark|light} blue} hat, smile"
    done = frieze("captions", "--text", text, "--rule", "wildcards=true", "--epochs", "30")
    assert done.code == 0
    for hat in ("red hat, smile", "dark blue hat, smile", "light blue hat, smile"):
        assert hat in done.out
    assert "{" not in done.out.replace(text, "")


def test_a_deep_grey_picture_is_found_among_its_copies(case: Case, frieze) -> None:
    """python-pillow/Pillow#3011"""
    case("27-deep-grey-dupes")
    frieze("scan", "p", "--collection", ".")
    (group,) = frieze("dupes", "--near", 8, "--json").json
    assert len(group["copies"]) == 2
