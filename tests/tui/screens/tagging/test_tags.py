"""The Tags screen: tags found by name, other word and class; renamed, merged, given a class and other words there."""

from __future__ import annotations

from curator.index.changes.edits import AddTags
from tests.inside import inside


async def test_tags_are_found_and_changed(drive, session):
    ids = session.images.select("").ids.tolist()
    session.edits.apply(AddTags(("feline",)), ids[:1])
    session.rules.keep_table("relations", '[relations]\nwhen = [{ has = ["cat"], add = ["animal"] }]\n')
    async with drive((120, 40)) as it:
        await it.press("0")
        count = len(session.tags.all())
        await it.sees(f"{count} of {count} tags")
        await it.sees("together with")
        await it.press("slash")
        await it.type("cat")
        await it.sees("-> animal")
        await it.sees("1 of ")
        await it.press("enter", "a")
        await it.type("kitty, pussycat")
        await it.press("enter")
        await it.sees("also kitty, pussycat")
        assert inside(session).aliases.all() == {"kitty": "cat", "pussycat": "cat"}
        await it.press("slash")
        await it.press("ctrl+u")
        await it.type("kitty")
        await it.sees("1 of ")
        await it.press("enter", "c", "ctrl+u")
        await it.type("creature")
        await it.press("enter")
        await it.sees(" creature, on 1 image")
        await it.press("m")
        await it.sees("Merge 'cat' into")
        await it.type("nothing")
        await it.press("enter")
        await it.sees("no image has the tag 'nothing'")
        await it.press("ctrl+u")
        await it.type("feline")
        await it.press("enter")
        await it.until(lambda: "cat" not in {tag.name for tag in session.tags.all()})
        await it.press("u", "u", "u")
        await it.until(lambda: not inside(session).aliases.all())
        tags = {tag.name: tag.cls for tag in session.tags.all()}
        assert tags["cat"] == "general"
        await it.press("slash", "ctrl+u")
        await it.type("class:gen car")
        await it.press("enter")
        await it.sees("1 of ")
        await it.press("enter")
        await it.until(lambda: it.app.current_mode == "browse" and it.images.count == 1)
        await it.press("escape")
        await it.until(lambda: it.app.current_mode == "tags")


async def test_tab_completes_a_tag_and_a_class_in_the_line_that_finds(drive, session):
    session.tags.set_class(["dog"], "character")
    async with drive((80, 24)) as it:
        await it.press("0")
        await it.sees("tags")
        await it.press("slash", *"outd", "tab")
        assert it.app.focused.value == "outdoors"
        await it.sees("1 of ")
        await it.press("ctrl+u", *"cla", "tab")
        assert it.app.focused.value == "class:"
        await it.press(*"char", "right")
        assert it.app.focused.value == "class:character "
        await it.sees("1 of ")
        await it.press("tab")
        assert it.app.focused.value == "dog"
        await it.press("ctrl+u", *"zz", "tab")
        assert it.app.focused.value == "zz"
        await it.press("ctrl+u", "tab")
        assert it.app.focused.value == ""
