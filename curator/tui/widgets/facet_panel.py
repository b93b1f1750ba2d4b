"""The facet panel: tags of what is shown, the most common first, sampled at once, exact a moment later."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pyroaring import BitMap
from rich.text import Text
from textual.message import Message

from curator.contract.text import visible
from curator.filter.facets import Facets
from curator.tui.background import cancelled, in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.line_list import LineList

if TYPE_CHECKING:
    from curator.filter.facets import Facet
    from curator.session.session import Session
    from curator.tui.messages import WorkDone

LIMIT = 100


KEYS = (
    KeyAction("facets.with", "plus,equals_sign", "pick(True)", "only images with this tag", "with"),
    KeyAction("facets.without", "minus", "pick(False)", "only images without this tag", "without"),
    KeyAction("facets.back", "escape", "back", "back to the list", "back"),
)


class FacetPanel(LineList):
    """Tags that the images of the filter have, with counts; `~` says that a count is from a sample."""

    BINDINGS = bindings(KEYS)

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

    def show_images(self, images: BitMap) -> None:
        """Look at the tags of other images."""
        self._images = images
        in_background(
            self,
            "facets",
            lambda: self._reader.images.facets(images, LIMIT),
            keys_wait=self.screen.focused is self,
        )

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
        self.facets = facets
        names = [facet.tag.id for facet in facets.tags]
        place = names.index(here.tag.id) if here and here.tag.id in names else 0
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

    def action_back(self) -> None:
        self.post_message(self.Left())

    def _text(self, position: int, width: int) -> Text:
        facet = self.facets.tags[position]
        about = f" {'' if self.facets.exact else '~'}{facet.images:,} "
        name = Text(f" {visible(facet.tag.name)}")
        name.truncate(max(8, width - len(about)), overflow="ellipsis", pad=True)
        return name.append(about)
