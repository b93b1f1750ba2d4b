"""Cleaning by rules that are data: golden pairs (S034), underscores (S015), aliases, implications (B13), a diff."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curator.contract.errors import UserError
from curator.tags.alias_lists import read_aliases, read_implications
from curator.tags.clean import CleanRules, Diff, TagCleaner, clean_caption, cleaned_annotations
from curator.tags.rewriting import commit
from curator.tags.tables import default_tables, with_changes
from tests.tags.conftest import Post


def rules(changes: dict[str, Any] | None = None, **more: Any) -> CleanRules:
    return CleanRules(with_changes(default_tables(), {"clean": changes or {}})["clean"], **more)


def cleaned(text: str, changes: dict[str, Any] | None = None, **more: Any) -> str:
    tags, classes = [part.strip() for part in text.split(",")], more.pop("classes", {})
    return ", ".join(TagCleaner(rules(changes, **more), classes).clean(tags)[0])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("long_hair, ^_^, looking_at_viewer", "long hair, ^_^, looking at viewer"),
        ("(o)_(o), <|>_<|>, ||_||, ;_;, a_b", "(o)_(o), <|>_<|>, ||_||, ;_;, a_b"),
        # as kohya: from the first rating on all of it goes, where something stands before it
        ("1girl, rating:safe, smile", "1girl"),
        ("a, b, rating_x, c", "a, b"),
        ("rating:safe, smile", "smile"),
        ("white shirt, shirt, smile", "white shirt, smile"),
        ("black hair ornament, hair ornament", "black hair ornament"),
        ("White Shirt, shirt", "White Shirt"),
        ("see-through shirt, shirt", "see-through shirt, shirt"),
        ("shirt, t-shirt", "shirt, t-shirt"),
        # several people: more than one colour, and none stays
        ("2girls, blue eyes, red eyes, smile", "2girls, smile"),
        ("2girls, blue eyes, smile", "2girls, blue eyes, smile"),
        ("1girl, blue eyes, red eyes", "1girl, blue eyes, red eyes"),
        ("multiple boys, black hair, brown hair, long hair", "multiple boys, long hair"),
        ("2girls, long hair, short hair, red hair", "2girls, red hair"),
        ("2girls, ponytail, side braid, sky", "2girls, sky"),
        ("2girls, long sleeves, sleeveless", "2girls"),
    ],
)
def test_golden_pairs(before: str, after: str) -> None:
    """S034, S015"""
    assert cleaned(before) == after


def test_black_list_replacements_and_the_list_that_stays() -> None:
    assert cleaned("a, watermark, b_watermark", {"drop": ["*watermark"]}) == "a"
    assert cleaned("cat, kitten, dog", {"replace": {"kitten": "cat", "dog": ""}}) == "cat"
    assert cleaned("cat, dog, 2girls", {"words": ["cat", "*girls"]}) == "cat, 2girls"
    assert cleaned("banned artist, banned", classes={"banned artist": "artist"}) == "banned"
    medium = {
        "drop_of_class": [{"class": "meta", "holds": ["_("]}]
    }  # as the tag is written, not as it will be
    assert cleaned("photo_(medium), a_(b)", medium, classes={"photo_(medium)": "meta"}) == "a (b)"


def test_a_replacement_replaces_that_tag_and_no_other() -> None:
    """Trap 1g: sd-scripts' replacement changes nothing on one path and every tag on the other."""
    assert cleaned("cat, dog, bird", {"replace": {"cat": "lion"}}) == "lion, dog, bird"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("an anime girl with a hat", "an girl with a hat"),
        ("a young cartoon woman", "a girl"),
        ("anime anime anime style", "anime style"),
        ("a woman and a lady with people", "a girl and a girl with girls"),
        ("a female person", "a girl"),
        ("a cartoon image of an anime woman", "an image of an girl"),
        ("a cartoon anime drawing of cartoon women", "a drawing of girls"),
        ("an anime cartoon image", "an image"),
        ("girl girl girl", "girl"),
        ("a photo of a cat", "a photo of a cat"),
        ("", ""),
    ],
)
def test_captions(before: str, after: str) -> None:
    """S034"""
    assert clean_caption(before, rules()) == after


def test_the_diff_counts_every_change_and_its_rule(rows: Any) -> None:
    collection = rows(
        [Post(("long_hair", "shirt", "white shirt")), Post(("long_hair",), "an anime girl"), Post(("sky",))]
    )
    diff = Diff()
    words = list(cleaned_annotations(collection, [1, 2, 3], rules(), diff))
    assert diff.images == len(words) == 2
    assert diff.by_rule() == {"underscores": 2, "subsumed": 1, "captions": 1}
    assert diff.changes["underscores", "long_hair", "long hair"] == 2
    (made,) = commit(collection, iter(words), "clean")
    assert made.images_changed == 2
    assert [tag.name for tag in collection.tags_of(1)] == ["long hair", "white shirt"]
    again = Diff()
    assert not list(cleaned_annotations(collection, [1, 2, 3], rules(), again))
    collection.undo()
    assert [tag.name for tag in collection.tags_of(1)] == ["long_hair", "shirt", "white shirt"]
    assert collection.rows([2])[0].caption == "an anime girl"


def test_aliases_of_both_kinds_of_lists(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "antecedent_name,consequent_name,status\nfoo_bar,bar,active\nbar,baz,active\nx,y,deleted\n"
    )
    (tmp_path / "b.csv").write_text('1girl,0,500,"1girls,sole_female"\nsolo,0,400,\n\n')
    (tmp_path / "c.csv").write_bytes("\ufeffold,new\r\na,b\r\nlong_hair,Long hair\r\n".encode())
    assert read_aliases(tmp_path / "a.csv") == {"foo bar": "baz", "bar": "baz"}
    assert read_aliases(tmp_path / "b.csv") == {"1girls": "1girl", "sole female": "1girl"}
    assert read_aliases(tmp_path / "c.csv") == {"old": "new", "a": "b"}
    assert cleaned("Foo_Bar, BAZ", aliases=read_aliases(tmp_path / "a.csv")) == "baz"
    assert cleaned("foo_bar, baz", aliases=read_aliases(tmp_path / "a.csv")) == "baz"


def test_implied_tags_collapse(tmp_path: Path) -> None:
    """B13"""
    (tmp_path / "i.csv").write_text("child,parent\nwhite_cat,cat\nCat,animal\na,b\n")
    implied = read_implications(tmp_path / "i.csv")
    assert implied["white cat"] == {"cat", "animal"}
    assert cleaned("animal, white_cat, cat, sky", implied=implied) == "white cat, sky"
    assert cleaned("animal", implied=implied) == "animal"
    assert cleaned("Animal, White_Cat", {"underscores": False}, implied=implied) == "White_Cat"


@pytest.mark.parametrize(
    ("lines", "circle"),
    [
        ("apple,banana\nbanana,apple\n", "apple -> banana -> apple"),
        ("x,a\na,b\nb,c_d_e\nC d e,a\n", "a -> b -> C d e -> a"),
    ],
)
@pytest.mark.parametrize("read", [read_aliases, read_implications])
def test_circles_are_named_and_refused(tmp_path: Path, read: Any, lines: str, circle: str) -> None:
    """All tags of a circle of implications would go; those of aliases would change at every run."""
    (tmp_path / "x.csv").write_text(lines)
    with pytest.raises(UserError, match=r"x\.csv lead in a circle") as refused:
        read(tmp_path / "x.csv")
    said = refused.value.what.partition("circle: ")[2].split(" -> ")
    wanted = circle.split(" -> ")[:-1]
    assert said[0] == said[-1]
    start = wanted.index(said[0])  # it may begin anywhere
    assert said[:-1] == [*wanted[start:], *wanted[:start]]


def test_a_tag_that_implies_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("apple,fruit\ncat,cat\n")
    with pytest.raises(UserError, match="cat -> cat"):
        read_implications(tmp_path / "x.csv")


def test_replacements_in_a_circle_are_refused_and_chains_end_at_once() -> None:
    assert cleaned("kitten, cat, sky", {"replace": {"kitten": "cat", "cat": "Lion"}}) == "Lion, sky"
    assert cleaned("kitten", {"replace": {"kitten": "cat"}}, aliases={"cat": "feline"}) == "feline"
    assert cleaned("long_hair", {"replace": {"long hair": "Long Hair"}}) == "Long Hair"
    for replace, aliases in (({"a": "b", "b": "a"}, {}), ({"a": "b"}, {"b": "a"})):
        with pytest.raises(UserError, match=r"lead in a circle: [ab] -> [ab] -> [ab]"):
            rules({"replace": replace}, aliases=aliases)


def test_a_replacement_that_grows_is_done_once() -> None:
    assert clean_caption("a cat", rules({"captions": {"cat": "cat cat"}})) == "a cat cat"
    assert clean_caption("aab", rules({"captions": {"ab": "bbaa"}})) == "abbaa"
    assert clean_caption("a cat", rules({"captions": {"cat": "cat"}})) == "a cat"


def test_lists_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\njust one\n")
    with pytest.raises(UserError, match="line 2"):
        read_aliases(tmp_path / "x.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_implications(tmp_path / "gone.csv")
