"""Where completions come from: what stands before stays, and each says how many images it means."""

from __future__ import annotations

from pathlib import Path

from pyroaring import BitMap

from curator.index.changes.edits import AddTags
from curator.index.tables.rows import SavedFilter
from curator.session.session import Session
from curator.tui.completing.completion import paths, tags_of, tags_on, words_of
from curator.tui.completing.filters import filters_of


def test_tags_with_commas_of_all_and_of_some_images(session: Session) -> None:
    ids = session.images.select("").ids.tolist()
    session.edits.apply(AddTags(("two words",)), ids[:3])
    every, some = tags_of(session), tags_on(session, BitMap(ids[:1]))
    assert every("hat, wor") == [("hat, two words", "two words", "3", "general")]
    assert some("hat, wor") == [("hat, two words", "two words", "1 of these", "general")]
    assert [each.shown for each in every("veh")] == ["vehicle"]
    assert some("veh") == []
    assert {each.text for each in some("")} == {"cat", "animal", "indoors", "two words"}


def test_words_by_their_beginning_and_all_where_one_stands_there() -> None:
    words = words_of({"center": "the middle", "random": "", "face": ""})
    assert words("RA") == [("random", "random", "", "")]
    assert [each.text for each in words("center")] == ["center", "random", "face"]
    assert words("center")[0].about == "the middle"
    assert words("x") == []


def test_paths_as_typed_without_names_a_terminal_would_obey(tmp_path: Path) -> None:
    for name in ("cats", "cars", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "ca.txt").touch()
    (tmp_path / "ca\x1b[31m").touch()
    at = f"{tmp_path}/"
    assert [each.text for each in paths()(at + "ca")] == [at + "ca.txt", at + "cars/", at + "cats/"]
    assert [each.text for each in paths(only_folders=True)(at)] == [at + "cars/", at + "cats/"]
    assert [each.text for each in paths()(at + ".h")] == [at + ".hidden/"]
    assert paths()(at + "nowhere/x") == paths()("~nobody-is-called-so/x") == []


def test_the_last_word_of_a_filter(session: Session) -> None:
    session.filters.save(SavedFilter("indoor pets", "cat indoors"))
    complete = filters_of(session)
    assert complete("dog -anim")[0] == ("dog -animal ", "animal", "2", "general")
    assert [each.text for each in complete("mark:r")] == ["mark:reject "]
    assert any(each.text == 'saved:"indoor pets" ' for each in complete("pets"))
    assert complete('"open ') == []
