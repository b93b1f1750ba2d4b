"""Prepare: rules show what they would change, tables are edited with the effect beside, picks are proposed."""

from __future__ import annotations

import json

import pytest
from textual.widgets import Input, TextArea

from curator.index.changes.edits import AddTags
from curator.tags.tables import tables_of
from tests.inside import inside


async def _at_rule(it, rule):
    await it.press("8")
    await it.until(lambda: it.app.screen.review)
    while it.app.screen.rule != rule:
        await it.press("j")
    await it.until(lambda: it.app.screen.review.rule == rule)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_rule_shows_its_changes_and_makes_them_after_asking(drive, session, size):
    """B13, S016, S034: the tag a replacement gives stands in the diff before anything changes; u takes it back."""
    inside(session).settings.put("tag tables", {"clean": {"replace": {"cat": "feline"}}})
    async with drive(size) as it:
        await _at_rule(it, "clean")
        await it.sees("cat -> feline")
        assert session.images.select("feline").ids.size == 0
        await it.press("enter")
        await it.sees("change 1 image?")
        await it.press("y")
        await it.until(lambda: len(session.images.select("feline")) == 1)
        await it.until(lambda: "u takes it back" in it.notices)
        await it.press("u")
        await it.until(lambda: len(session.images.select("feline")) == 0)


async def test_a_table_is_edited_with_its_effect_beside(drive, session):
    """S035: what is typed shows its effect before it is kept; a mistake is said in place; escape changes nothing."""
    async with drive((120, 40)) as it:
        await _at_rule(it, "clean")
        await it.press("e")
        await it.until(lambda: isinstance(it.app.focused, TextArea))
        area = it.app.focused
        assert area.text.startswith("[clean]")
        assert "# tags that go" in area.text
        area.text = area.text.replace('drop = ["rating:*"]', 'drop = ["dog"]')
        await it.sees("1 of 6 images would change")
        area.text = area.text.replace("underscores = true", "underscore = true")
        await it.sees("no 'clean.underscore'")
        await it.press("ctrl+s")
        assert it.app.screen.is_modal
        await it.press("escape")
        assert tables_of(inside(session))["clean"]["drop"] == ["rating:*"]
        await it.press("e")
        await it.until(lambda: isinstance(it.app.focused, TextArea))
        it.app.focused.text = it.app.focused.text.replace('drop = ["rating:*"]', 'drop = ["dog"]')
        await it.press("ctrl+s")
        await it.until(lambda: not it.app.screen.is_modal)
        assert tables_of(inside(session))["clean"]["drop"] == ["dog"]
        await it.sees("1 of 6 images would change")


async def test_letters_typed_in_a_table_are_no_commands(drive):
    async with drive() as it:
        await _at_rule(it, "clean")
        await it.press("e")
        await it.until(lambda: isinstance(it.app.focused, TextArea))
        await it.press("q", "1", "u")
        assert it.app.focused.text.startswith("q1u[clean]")


async def test_rules_are_for_the_images_of_a_filter(drive, session):
    inside(session).settings.put("tag tables", {"clean": {"drop": ["animal"]}})
    async with drive() as it:
        await _at_rule(it, "clean")
        await it.sees("2 of 6 images would change")
        await it.press("slash")
        await it.type("dog")
        await it.press("enter")
        await it.sees("1 of 1 image would change")


async def test_a_pick_shows_its_funnel_and_becomes_a_subset(drive, session):
    """S001, S002, B19: the funnel accounts for every image before the subset is made."""
    async with drive((120, 40)) as it:
        await it.press("8", "p")
        await it.until(lambda: isinstance(it.app.focused, Input))
        form = it.app.screen
        for name, value in {"filter": "animal", "top": "1", "name": "one"}.items():
            form.query_one(f"#line-{name}").value = value
        await it.press("enter")
        await it.sees("Make the subset one of 1 image?")
        await it.sees("6  in the collection")
        await it.press("y")
        await it.until(lambda: [each.name for each in session.subsets.all()] == ["one"])
        assert len(session.images.select(session.subsets.all()[0].filter)) == 1


async def test_an_import_shows_its_plan_first(drive, session, tmp_path):
    """S044: folders of kohya are shown as subsets, and nothing is written until y."""
    from PIL import Image

    folder = tmp_path / "set" / "10_sks frog"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64), "green").save(folder / "a.png")
    async with drive((120, 40)) as it:
        await it.press("8", "i")
        await it.type(str(tmp_path / "set"))
        await it.press("enter")
        await it.sees("10  sks frog")
        assert not session.subsets.all()
        await it.press("y")
        await it.until(session.subsets.all)
        assert session.subsets.all()[0].repeats == 10
        await it.until(lambda: len(session.images.select("")) == 7)


async def test_a_mistake_in_a_form_is_said_in_place(drive):
    async with drive((120, 40)) as it:
        await it.press("8", "p")
        await it.until(lambda: isinstance(it.app.focused, Input))
        it.app.screen.query_one("#line-name").value = "x"
        it.app.screen.query_one("#line-by").value = "scor"
        await it.press("enter")
        await it.sees("there is no order 'scor'")


async def test_an_import_tells_what_it_understands_before_and_after(drive, session, tmp_path):
    """The plan counts rows and fields; rows that reach no image are no plan."""
    from PIL import Image

    folder = tmp_path / "theirs"
    folder.mkdir()
    Image.new("RGB", (64, 64), "green").save(folder / "a.png")
    rows = [{"file_name": "a.png", "text": "a frog"}, {"file_name": "b.png", "tags": [1]}, {"text": "lost"}]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    async with drive((120, 40)) as it:
        await it.press("8", "i")
        await it.type(str(folder))
        await it.press("enter")
        await it.sees("understood: caption of 1")
        assert "1 row: no such image here" in it.text
        assert "1 row with tags that are not understood" in it.text
        await it.press("y")
        await it.until(lambda: "1 of images here; understood: caption of 1" in it.notices)
        (folder / "a.png").unlink()
        await it.press("i")
        await it.type(str(folder))
        await it.press("enter")
        await it.until(lambda: "none of 3 rows is of an image here" in it.notices)


async def test_an_import_of_nothing_is_said_and_the_review_stays(drive, session):
    inside(session).settings.put("tag tables", {"clean": {"drop": ["animal"]}})
    async with drive((120, 40)) as it:
        await _at_rule(it, "clean")
        await it.press("i")
        await it.type("/no/such/folder")
        await it.press("enter")
        await it.until(lambda: "there is nothing at /no/such/folder" in it.notices)
        assert "2 of 6 images would change" in it.text


def test_nothing_of_a_table_is_lost_through_the_editor(session):
    """S034: a line taken out of the program's captions does nothing from then on; what was changed stays changed."""
    from curator.tags.table_text import keep, text_of

    collection = inside(session)
    for name in ("quality", "rating", "year", "head", "count", "clean", "order"):
        keep(collection, name, text_of(collection, name))
    assert json.loads(json.dumps(collection.settings.get("tag tables", {}))) == {}
    text = (
        text_of(collection, "clean")
        .replace('"young " = ""\n', "")
        .replace('drop = ["rating:*"]', "drop = []")
    )
    keep(collection, "clean", text)
    table = tables_of(collection)["clean"]
    assert table["captions"]["young "] == "young "
    assert table["drop"] == []
    assert "drop = []" in text_of(collection, "clean")


async def test_a_rule_is_offered_again_for_what_came_since(drive, session):
    session.rules.keep_table("order", '[order]\nwithin = "name"\n')
    session.rules.carry_out("order", session.images.select("").ids, kept_for="")
    session.edits.apply(AddTags(("aardvark",)), [1, 2])
    async with drive((120, 40)) as it:
        await it.press("8")
        await it.sees("n: 2 came since")
        await it.press("G", "n")
        await it.sees("order: change 2 images that came since?")
        await it.press("y")
        await it.until(lambda: session.images.tags_of(1)[0].name == "aardvark")
        await it.until(lambda: "came since" not in it.text)
