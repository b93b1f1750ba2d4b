"""Browse: looking through images, selecting, filtering and editing by keys (rows S006, B03, B15)."""

from __future__ import annotations

import threading
import time

import pytest
from textual import events

from curator.index.changes.edits import AddTags
from curator.index.tables.rows import SavedFilter
from curator.session.session import Session
from curator.tui.widgets.entries.entry import Entry
from curator.tui.widgets.entries.filter_bar import FilterBar
from curator.tui.widgets.facet_panel import FacetPanel
from curator.tui.widgets.tag_panel import TagPanel
from tests.inside import inside

SIZES = [(80, 24), (120, 40)]


def tags_of(session: Session, name: str) -> list[str]:
    (row,) = (
        row for row in session.images.rows(list(session.images.select("").ids)) if row.name.startswith(name)
    )
    return [tag.name for tag in session.images.tags_of(row.id)]


def marks(session: Session) -> list[int]:
    return [row.mark for row in session.images.rows(list(session.images.select("").ids))]


@pytest.mark.parametrize("size", SIZES)
async def test_keys_move_the_cursor_and_the_panels_follow(drive, size):
    async with drive(size) as it:
        assert it.tags == ["cat", "animal", "indoors"]
        await it.press("j")
        await it.until(lambda: it.tags == ["dog", "animal", "outdoors"])
        await it.press("G")
        assert it.images.cursor == 5
        await it.press("g", "down", "k", "pagedown")
        assert it.images.cursor == 5
        await it.press("ctrl+u", "home")
        assert it.images.cursor == 0


@pytest.mark.parametrize("size", SIZES)
async def test_names_and_tags_are_text_and_never_obeyed(drive, size):
    async with drive(size) as it:
        assert "04 [bold]name.png" in it.text
        assert "05 \\x1b[31mevil" in it.text
        assert "\x1b" not in it.text
        await it.press("j", "j")
        await it.sees("[red]not markup[/red]")


async def test_space_selects_and_steps_on(drive):
    async with drive() as it:
        await it.press("space", "space")
        assert list(it.images.selected) == list(it.images.result.ids[:2])
        assert it.images.cursor == 2
        await it.sees("6 images, 2 selected")
        await it.press("escape")
        assert not it.images.selected


async def test_a_range_is_drawn_and_inverted_and_cleared(drive):
    async with drive() as it:
        await it.press("j", "v", "j", "j")
        assert len(it.images.selected) == 3
        await it.press("v", "k")
        assert len(it.images.selected) == 3
        await it.press("asterisk")
        assert len(it.images.selected) == 3
        assert list(it.images.selected) == [int(it.images.result.ids[at]) for at in (0, 4, 5)]
        await it.press("ctrl+a")
        assert len(it.images.selected) == 6


async def test_keep_and_reject_by_key_survive_a_restart(drive, session):
    """Row S006: keep, reject, undo and next by key."""
    async with drive() as it:
        await it.press("y", "x")
        assert it.images.cursor == 2
        assert marks(session)[:3] == [1, -1, 0]
        await it.sees("- 02 dog")
        await it.press("u", "q")
        assert marks(session)[:3] == [1, 0, 0]
    async with drive() as it:
        assert it.images.cursor == 2
        await it.press("u")
        assert marks(session) == [0] * 6
        await it.press("ctrl+r", "ctrl+r")
        assert marks(session)[:2] == [1, -1]


@pytest.mark.parametrize("size", SIZES)
async def test_the_list_is_filtered_as_one_types(drive, size):
    async with drive(size) as it:
        await it.press("slash")
        await it.type("animal")
        await it.until(lambda: it.images.count == 2)
        await it.sees("2 images")
        await it.press("enter")
        assert it.images.has_focus


async def test_escape_restores_the_filter(drive):
    async with drive() as it:
        await it.press("slash")
        await it.type("cat")
        await it.until(lambda: it.images.count == 1)
        await it.press("escape")
        await it.until(lambda: it.images.count == 6)
        assert it.app.screen.query_one(FilterBar).text == ""
        assert it.images.has_focus


async def test_a_mistake_in_the_filter_is_pointed_at(drive):
    async with drive() as it:
        await it.press("slash")
        await it.type("cat")
        await it.until(lambda: it.images.count == 1)
        await it.type(" wdith>3")
        await it.sees("did you mean 'width'?")
        lines = it.text.splitlines()
        typed = next(at for at, line in enumerate(lines) if "cat wdith" in line)
        assert lines[typed + 1].index("^") == lines[typed].index("wdith")
        assert it.images.count == 1  # the list stays at the last filter that was good


async def test_filter_and_cursor_are_restored(drive):
    async with drive() as it:
        await it.press("slash")
        await it.type("animal")
        await it.until(lambda: it.images.count == 2)
        await it.press("enter", "j", "q")
    async with drive() as it:
        assert it.images.count == 2
        assert it.images.cursor == 1


async def test_a_tag_is_added_with_completion_and_undone_after_a_restart(drive, session):
    async with drive() as it:
        await it.press("a")
        await it.type("veh")
        await it.sees("vehicle  ")
        await it.press("tab", "enter")
        await it.until(lambda: "vehicle" in it.tags)
        assert tags_of(session, "01") == ["cat", "animal", "indoors", "vehicle"]
    async with drive() as it:
        await it.press("u")
        assert tags_of(session, "01") == ["cat", "animal", "indoors"]
        await it.until(lambda: it.tags == ["cat", "animal", "indoors"])


async def test_a_bulk_edit_says_how_many_images_change_and_asks(drive, session):
    async with drive() as it:
        await it.press("ctrl+a", "a")
        await it.sees("Add tags to 6 images")
        await it.type("animal")
        await it.sees("4 images will change")
        await it.press("enter")
        await it.sees("Change 4 images?")
        await it.press("n")
        assert tags_of(session, "03")[-1] != "animal"
        await it.press("a")
        await it.type("animal")
        await it.press("enter")
        await it.sees("Change 4 images?")
        await it.press("y")
        await it.until(lambda: "animal" in tags_of(session, "03"))
        await it.press("u")
        assert "animal" not in tags_of(session, "03")


async def test_an_edit_of_many_images_is_written_apart(drive, session, monkeypatch):
    """The session that reads never writes."""
    monkeypatch.setattr("curator.tui.editing._AT_ONCE", 5)
    async with drive() as it:
        await it.press("ctrl+a", "a")
        await it.type("animal")
        await it.press("enter")
        await it.sees("Change 4 images?")
        await it.press("y")
        await it.until(lambda: "add 'animal': 4 images" in it.notices)
        assert it.tags == tags_of(session, "01")
        assert "animal" in tags_of(session, "03")
        assert not it.app.reader.has_written
        await it.press("u")
        await it.until(lambda: "animal" not in tags_of(session, "03"))


async def test_a_tag_that_is_no_tag_is_refused_in_place(drive):
    async with drive() as it:
        await it.press("a")
        await it.type(",,")
        await it.press("enter")
        await it.sees("! no tag was typed")
        assert it.app.screen.is_modal
        await it.press("escape")
        assert not it.app.screen.is_modal


@pytest.mark.parametrize("size", SIZES)
async def test_tags_are_reordered_and_removed_in_the_panel(drive, session, size):
    async with drive(size) as it:
        await it.press("tab", "J")
        assert tags_of(session, "01") == ["animal", "cat", "indoors"]
        await it.until(lambda: it.tags[0] == "animal")
        await it.press("K")
        assert tags_of(session, "01") == ["cat", "animal", "indoors"]
        await it.until(lambda: it.tags[0] == "cat")
        await it.press("j", "d")
        assert tags_of(session, "01") == ["cat", "indoors"]
        await it.press("escape")
        assert it.images.has_focus


async def test_a_tag_is_renamed_everywhere_with_the_count(drive, session):
    async with drive() as it:
        await it.press("tab", "j", "r")
        await it.sees("Rename 'animal' everywhere")
        await it.press("ctrl+u")
        await it.type("beast")
        await it.sees("2 images will change")
        await it.press("enter")
        await it.sees("Change 2 images?")
        await it.press("y")
        await it.until(lambda: "beast" in tags_of(session, "02"))
        assert tags_of(session, "01") == ["cat", "beast", "indoors"]


async def test_a_tag_of_another_spelling_is_the_same_tag(drive, session):
    """What is suggested is added as it is spelled, never beside itself; a rename spells it anew everywhere."""
    session.edits.apply(AddTags(("long_hair",)), [1])
    async with drive() as it:
        await it.press("j", "a")
        await it.type("long")
        await it.sees("long_hair  ")
        await it.press("tab", "enter")
        await it.until(lambda: tags_of(session, "02")[-1] == "long_hair")
        await it.press("a")
        await it.type("Long hair")
        await it.sees("0 images will change")
        await it.press("escape", "tab", "j", "j", "j", "r")
        await it.sees("Rename 'long_hair' everywhere")
        await it.press("ctrl+u")
        await it.type("long hair")
        await it.sees("2 images will change")
        await it.press("enter")
        await it.sees("Change 2 images?")
        await it.press("y")
        await it.until(lambda: tags_of(session, "01")[-1] == "long hair")
        await it.press("escape", "d")
        await it.type("LONG_HAIR")
        await it.press("enter")
        await it.until(lambda: "long hair" not in tags_of(session, "02"))


async def test_a_caption_is_edited(drive, session):
    async with drive() as it:
        await it.press("e")
        await it.type("a cat, sitting")
        await it.press("enter")
        await it.until(
            lambda: session.images.rows([int(it.images.result.ids[0])])[0].caption == "a cat, sitting"
        )
        await it.sees("a cat, sitting")


async def test_the_picture_is_drawn_with_its_crop_box(drive):
    """Rows S042 and B20: the crop of the placement is seen on the image."""
    async with drive() as it:
        await it.until(lambda: it.preview._picture.strips)
        with_crop = it.preview._picture
        await it.press("c")
        await it.until(lambda: it.preview._picture.strips and it.preview._picture is not with_crop)
        colours = {segment.style.color for strip in it.preview._picture.strips for segment in strip}
        assert len(colours) < len({s.style.color for strip in with_crop.strips for s in strip})


async def test_a_picture_that_went_bad_says_why(drive, pictures, session):
    row = session.images.rows([int(session.images.select("").ids[5])])[0]
    good = session.images.file_of(row).read_bytes()
    session.images.file_of(row).write_bytes(b"nonsense")
    try:
        async with drive() as it:
            await it.press("G")
            await it.sees("not an image, or a broken one")
    finally:
        session.images.file_of(row).write_bytes(good)


async def test_enter_enlarges_and_steps_through_pictures(drive):
    async with drive((80, 24)) as it:
        await it.press("enter")
        await it.sees("1/6  01 cat.png")
        await it.press("j")
        await it.sees("2/6  02 dog.png")
        await it.press("escape")
        assert it.images.cursor == 1


@pytest.mark.parametrize("size", [(50, 24), *SIZES])
async def test_p_hides_and_shows_the_picture_at_every_width(drive, size):
    """The image is there at first, what was chosen is found again, and one size never turns another's off."""
    async with drive(size) as it:
        assert it.preview.size.height >= 8
        assert it.shown("#tags").display == (size[0] >= 64)
        await it.press("p")
        await it.until(lambda: not it.preview.is_on_screen)
        await it.press("q")
    other = (120, 40) if size[0] < 100 else (80, 24)
    async with drive(other) as it:
        assert it.preview.is_on_screen
        await it.pilot.resize_terminal(*size)
        await it.until(lambda: not it.preview.is_on_screen)
        await it.press("p")
        await it.until(lambda: it.preview.is_on_screen)


async def test_where_no_picture_has_room_its_key_says_where_it_is_seen(drive):
    async with drive((80, 16)) as it:
        assert not it.preview.is_on_screen
        await it.press("p", "p")
        await it.sees("enter shows it on the whole screen")


async def test_a_new_folder_is_scanned_from_the_app(drive, session, tmp_path):
    from PIL import Image

    more = tmp_path / "more"
    more.mkdir()
    Image.new("RGB", (64, 64)).save(more / "new.png")
    (more / "bad.png").write_bytes(b"\x89PNG no")
    async with drive() as it:
        await it.press("ctrl+o")
        it.app.screen.query_one(Entry).value = str(more / "nowhere")
        await it.press("enter")
        await it.sees("give one that holds images")
        it.app.screen.query_one(Entry).value = str(more)
        await it.press("enter")
        await it.until(lambda: it.images.count == 7)
        assert "1 new, 1 set aside" in it.notices
        assert "bad.png" in it.notices


async def test_a_name_that_is_not_utf8_is_shown_and_its_picture_drawn(drive, session, tmp_path):
    import os

    from PIL import Image

    odd = tmp_path / "odd"
    odd.mkdir()
    Image.new("RGB", (64, 64), "red").save(odd / "x.png")
    (odd / "x.png").rename(odd / os.fsdecode(b"07 \xff.png"))
    session.images.scan(odd)
    async with drive() as it:
        await it.sees("07 \\xff.png")
        await it.press("G")
        await it.until(lambda: it.preview._picture.strips)
        await it.press("y", "enter")
        await it.sees("7/7  + keep  07 \\xff.png")


@pytest.mark.parametrize("size", SIZES)
async def test_tags_of_what_is_shown_are_added_and_subtracted(drive, size):
    async with drive(size) as it:
        await it.press("t")
        facets = it.app.screen.query_one(FacetPanel)
        await it.until(lambda: facets.current and facets.current.tag.name == "animal")
        assert facets.facets.exact
        await it.press("plus")
        await it.until(lambda: it.images.count == 2)
        assert it.app.screen.query_one(FilterBar).text == "animal"
        await it.until(lambda: len(facets.facets.tags) == 5)
        await it.press("minus")
        await it.until(lambda: it.images.count == 4)
        assert it.app.screen.query_one(FilterBar).text == "-animal"
        await it.press("s")
        await it.type("veh")
        await it.sees("2 of 2")
        await it.until(lambda: [each.tag.name for each in facets.facets.tags] == ["vehicle"])
        await it.press("enter", "escape")
        await it.until(lambda: len(facets.facets.tags) > 1)
        await it.press("escape")
        assert it.images.has_focus
        assert it.shown("#tags").display


async def test_a_sample_of_tags_says_so_until_it_is_exact(drive, monkeypatch):
    async with drive() as it:
        plain, may_go_on = it.app.reader.images.facets, threading.Event()

        def slow(images, limit=50, *, exact=False, cancel=None):
            facets = plain(images, limit)
            assert not exact or may_go_on.wait(600)
            return facets if exact else facets._replace(looked_at=1)

        monkeypatch.setattr(it.app.reader.images, "facets", slow)
        await it.press("t")
        await it.sees("~2")
        may_go_on.set()
        await it.until(lambda: "~2" not in it.text)
        assert "animal" in it.text


@pytest.mark.parametrize("size", SIZES)
async def test_the_order_is_chosen_from_a_menu(drive, size):
    async with drive(size) as it:
        await it.press("o")
        await it.sees("Order")
        await it.type("-width")
        await it.press("enter")
        await it.until(lambda: it.app.screen.query_one(FilterBar).text == "sort:-width")
        widths = [row.width for row in it.app.session.images.rows(it.images.result.ids.tolist())]
        assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("size", SIZES)
async def test_scores_of_models_are_seen_and_sorted_by(drive, session, size):
    ids = session.images.select("").ids.tolist()
    inside(session).scores.write("nice", [(ids[2], 0.75), (ids[4], 3.0)])
    async with drive(size) as it:
        await it.press("o")
        await it.sees("Order")
        await it.type("-score(nice)")
        await it.press("enter")
        await it.until(lambda: it.app.screen.query_one(FilterBar).text == "sort:-score(nice)")
        await it.until(lambda: it.images.result.ids[:3].tolist() == [ids[4], ids[2], ids[0]])
        await it.press("g", "j")
        panel = it.app.screen.query_one(TagPanel)
        await it.until(lambda: "nice 0.75" in [str(each).strip() for each in panel._below])
        await it.sees("scores")
        await it.press("o", "enter")
        await it.until(lambda: it.app.screen.query_one(FilterBar).text == "")


async def test_one_jumps_to_a_row_and_to_an_id(drive):
    async with drive() as it:
        await it.press("number_sign")
        await it.type("4")
        await it.press("enter")
        await it.until(lambda: it.images.cursor == 3)
        last = it.images.image_at(5)
        await it.press("ctrl+g")
        await it.type(f"id:{last}")
        await it.press("enter")
        await it.until(lambda: it.images.cursor == 5)
        await it.press("number_sign")
        await it.type("7")
        await it.press("enter")
        await it.sees("there is no row 7")


async def test_filters_are_saved_shown_and_removed(drive, session):
    async with drive() as it:
        await it.press("slash")
        await it.type("animal")
        await it.until(lambda: it.images.count == 2)
        await it.press("enter", "F")
        await it.type("beasts")
        await it.press("enter")
        await it.until(session.filters.all)
        await it.press("slash", "ctrl+u")
        await it.until(lambda: it.images.count == 6)
        await it.press("enter", "f")
        await it.sees("beasts")
        await it.press("enter")
        await it.until(lambda: it.images.count == 2)
        await it.press("f", "delete")
        await it.until(lambda: not session.filters.all())
        await it.press("escape", "f")
        await it.until(lambda: "No filter is saved yet" in it.notices)


async def test_a_question_nobody_waits_for_is_given_up(drive, monkeypatch):
    asked: list[str] = []
    async with drive() as it:
        plain = it.app.reader.images.select

        def slow(text, cancel=None):
            asked.append(text)
            if text == "animal*":
                while not cancel():
                    time.sleep(0.001)
            return plain(text, cancel)

        monkeypatch.setattr(it.app.reader.images, "select", slow)
        await it.press("slash")
        await it.type("animal")
        await it.until(lambda: "animal*" in asked)
        await it.sees("looking...")
        await it.press("ctrl+u")
        await it.type("cat")
        await it.until(lambda: it.images.count == 1)
        await it.sees("1 image")


async def test_a_tag_is_found_by_an_alias(drive, session):
    inside(session).aliases.put([("feline", "cat")])
    async with drive() as it:
        await it.press("j", "a")
        await it.type("felin")
        await it.sees("also feline")
        await it.press("tab", "enter")
        await it.until(lambda: "cat" in it.tags)


async def test_many_images_are_edited_in_a_worker(drive, session, monkeypatch):
    monkeypatch.setattr("curator.tui.editing._AT_ONCE", 0)
    async with drive() as it:
        await it.press("ctrl+a", "y")
        await it.sees("Change 6 images?")
        await it.press("y")
        await it.until(lambda: marks(session) == [1] * 6)
        await it.press("y")
        await it.until(lambda: "Nothing to change." in it.notices)


async def test_keys_typed_in_a_burst_reach_the_filter(drive):
    """A slow line brings many keys at once: none of them may become a command of the list."""
    async with drive() as it:
        for key in ("slash", "d", "o", "g"):
            it.app.post_message(events.Key(key, "/" if key == "slash" else key))
        await it.until(lambda: it.images.count == 1)
        assert it.app.screen.query_one(FilterBar).text == "dog"


async def test_the_filter_completes_as_one_types_and_jumps_nowhere(drive, session):
    session.filters.save(SavedFilter("indoor pets", "cat indoors"))
    async with drive((80, 24)) as it:
        first = next(at for at, line in enumerate(it.text.splitlines()) if "01 cat.png" in line)
        await it.press("slash")
        await it.type("an")
        await it.until(lambda: it.images.count == 2)  # the word being typed is a prefix
        await it.sees("animal")
        await it.press("tab")
        bar = it.app.screen.query_one(FilterBar)
        await it.until(lambda: bar.text == "animal ")
        await it.type("-ind")
        await it.press("down", "up", "right")
        assert bar.text == "animal -indoors "
        await it.until(lambda: it.images.count == 1)
        await it.press("enter")
        assert it.images.has_focus
        assert "01 cat" not in it.text
        await it.press("slash", "ctrl+u")
        await it.sees("used before")  # and what was typed before
        await it.type("mark:re")
        await it.sees("mark:reject")
        await it.press("ctrl+u")
        await it.type("pets")
        await it.sees("saved:")
        await it.press("ctrl+u")
        await it.type("wdith>3")
        await it.sees("did you mean 'width'?")
        await it.press("escape")
        await it.until(lambda: it.images.count == 1)
        assert first == next(at for at, line in enumerate(it.text.splitlines()) if "02 dog.png" in line)


async def test_a_filter_that_finds_nothing_dims_the_list_and_nothing_of_it_is_changed(drive, session):
    async with drive((80, 24)) as it:
        await it.press("slash")
        await it.type("cat dog")
        await it.press("enter")
        await it.sees("0 images")
        assert it.images.count == 6  # as it was for the filter before
        assert it.images.has_class("-stale")
        await it.press("x", "a", "d", "e")
        assert len(it.app.screen_stack) == 1
        assert marks(session) == [0] * 6
        await it.press("slash", "ctrl+u")
        await it.until(lambda: it.images.count == 6)
        assert not it.images.has_class("-stale")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_tab_completes_a_tag_among_those_of_what_is_shown(drive, size):
    async with drive(size) as it:
        await it.press("t")
        await it.sees("animal")
        await it.press("s", *"outd", "tab")
        assert it.app.focused.value == "outdoors"
        await it.press("ctrl+u", *"vehi")
        await it.sees("vehicle")
        await it.press("right", "enter", "plus")
        await it.until(lambda: it.shown("FilterInput").value == "vehicle")
