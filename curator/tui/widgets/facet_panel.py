"""The facet panel: tags of what is shown, the most common first, sampled at once, exact a moment later."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pyroaring import BitMap
from rich.text import Text
from textual import on
from textual.message import Message
from textual.widgets import Input

from curator.contract.text import visible
from curator.filter.facets import Facets
from curator.tui import meanings
from curator.tui.background import cancelled, in_background
from curator.tui.completing.completion import Completion
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.entries.completing_entry import FindInput
from curator.tui.widgets.lists.bars import bar
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.filter.facets import Facet
    from curator.session.session import Session
    from curator.tui.messages import WorkDone

LIMIT = 100
_LEAST_NAME, _USUAL_NAME = 14, 26  # cells of a tag's name, before what else there is gets room
_LEAST_BAR, _MOST_BAR = 5, 12


KEYS = (
    KeyAction("facets.with", "plus,equals_sign", "pick(True)", "only images with this tag", "with"),
    KeyAction("facets.without", "minus", "pick(False)", "only images without this tag", "without"),
    KeyAction("facets.find", "s", "find", "find a tag among these", "find"),
    KeyAction("facets.back", "escape", "back", "back to the list", "back"),
    KeyAction(
        "facetsfind.complete", "tab", "complete", "the whole name (right at the end does so too)", "complete"
    ),
    KeyAction("facetsfind.leave", "enter,escape,down", "leave", "to the tags found", "to the tags"),
)


class FacetFind(FindInput):
    """The line in which a tag is looked for among those of what is shown; tab takes that under the panel's cursor."""

    BINDINGS = bindings(KEYS, "facetsfind")

    def __init__(self) -> None:
        super().__init__(self._whole, placeholder="part of a tag, or of another word for it")

    def _whole(self, text: str) -> list[Completion]:
        found = self.screen.query_one(FacetPanel).found_now(text)
        return [Completion(found.tag.name, found.tag.name)] if found else []

    def action_leave(self) -> None:
        self.screen.set_focus(self.screen.query_one(FacetPanel))

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        event.stop()
        self.screen.query_one(FacetPanel).look_for(event.value)


class FacetPanel(LineList):
    """Tags that the images of the filter have: a bar of their share, and how many of all that have the tag.

    The first letters of a class stand beside a tag that is not general. `~` says that a count is from a sample.
    """

    BINDINGS = bindings(KEYS, "facets")

    class Picked(Message):
        """The filter should be cut down to images with this tag, or without."""

        def __init__(self, tag: str, wanted: bool) -> None:
            super().__init__()
            self.tag, self.wanted = tag, wanted

    class Left(Message):
        """Escape: back to the list."""

    def __init__(self, reader: Session, *, id: str | None = None) -> None:
        super().__init__(empty=" no tags here", id=id)
        self._reader = reader
        self.facets = Facets(0, 0, ())
        self._images = BitMap()
        self._typed = self._shown_of = ""

    def show_images(self, images: BitMap) -> None:
        """Look at the tags of other images."""
        self._images = images
        self._look()

    def look_for(self, typed: str) -> None:
        """Only tags that are called so, however rare they are here."""
        self._typed = typed.strip()
        self._look()

    def found_now(self, typed: str) -> Facet | None:
        """The facet under the cursor, by what is typed: looked up at once where that is not shown yet."""
        typed = typed.strip()
        if self._shown_of == typed:
            return self.current
        return next(iter(self._reader.images.facets_named(self._images, typed, LIMIT).tags), None)

    def _look(self) -> None:
        images, typed = self._images, self._typed

        def look() -> Facets:
            if typed:
                return self._reader.images.facets_named(images, typed, LIMIT, cancelled())
            return self._reader.images.facets(images, LIMIT)

        in_background(self, "facets", look, keys_wait=self.screen.focused is self)

    def on_work_done(self, message: WorkDone) -> None:
        facets, images = cast("Facets", message.result), self._images
        self._put(facets)
        if not facets.exact:
            in_background(
                self,
                "facets",
                lambda: self._reader.images.facets(images, LIMIT, exact=True, cancel=cancelled()),
            )

    def _put(self, facets: Facets) -> None:
        """The cursor stays on its tag where that is still among them."""
        here = self.current
        self.facets, self._shown_of = facets, self._typed
        names = [facet.tag.id for facet in facets.tags]
        place = names.index(here.tag.id) if here and here.tag.id in names else 0
        self.empty = " no such tag here" if self._typed else " no tags here"
        self.show(len(names), self._text, place)

    @property
    def current(self) -> Facet | None:
        """The facet under the cursor."""
        return self.facets.tags[self.cursor] if self.cursor < len(self.facets.tags) else None

    def action_choose(self) -> None:
        self.action_pick(True)

    def action_pick(self, wanted: bool) -> None:
        facet = self.current
        if facet:
            self.post_message(self.Picked(facet.tag.name, wanted))

    def action_find(self) -> None:
        """Look for a tag by typing."""
        find = self.screen.query_one(FacetFind)
        find.add_class("-shown")
        self.screen.set_focus(find)

    def action_back(self) -> None:
        """Back to all tags where one was looked for, else to the list."""
        find = self.screen.query_one(FacetFind)
        if find.has_class("-shown"):
            find.remove_class("-shown")
            find.value = ""
        else:
            self.post_message(self.Left())

    def _text(self, position: int, width: int) -> Text:
        facet = self.facets.tags[position]
        about = f" {'' if self.facets.exact else '~'}{facet.images:,}"
        whole = f"{about} of {facet.tag.count:,} "
        about = whole if width - len(whole) >= _LEAST_NAME else f"{about} "
        letters = meanings.class_letters(facet.tag.cls)
        room = width - len(about)
        cells = min(_MOST_BAR, room - _USUAL_NAME)
        cells = max(cells, _LEAST_BAR if room >= _LEAST_NAME + _LEAST_BAR else 0)
        name = Text(f" {visible(facet.tag.name)}")
        beside = f" {letters} " if letters else ""
        name.truncate(max(8, room - cells - len(beside)), overflow="ellipsis", pad=True)
        line = name.append(beside)
        line.stylize(meanings.of_class(facet.tag.cls))
        if cells:
            line.append(bar(facet.images / max(1, self.facets.images), cells), meanings.BAR)
        return line.append(about, meanings.QUIET)
