"""What is known of one image, beside the list: a line, the image, its tags; or the tags of all that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from curator.tui.text.words import about_image
from curator.tui.widgets.facet_panel import FacetFind, FacetPanel
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.preview import Preview
from curator.tui.widgets.tag_panel import TagPanel

if TYPE_CHECKING:
    from curator.session.images.images import ImageRow
    from curator.session.session import Session


class ImageDetails(Vertical):
    """A line about an image, the image and its tags."""

    def __init__(self, session: Session, reader: Session, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._session, self._reader = session, reader

    def compose(self) -> ComposeResult:
        yield PanelTitle(id="about")
        yield Preview()
        yield PanelTitle("Tags", of="#tags", spare=True, id="tags-title")
        yield TagPanel(id="tags")
        yield PanelTitle("Tags of what is shown", of="#facets", spare=True, id="facets-title")
        yield FacetFind()
        yield FacetPanel(self._reader, id="facets")

    def show(self, row: ImageRow | None, *, crop: bool, picture: bool) -> None:
        """Show another image, with `crop` what its bucket cuts away; without `picture` only words.

        Raises:
            UserError: the index cannot be read.
        """
        tags, preview = self.query_one(TagPanel), self.query_one(Preview)
        if row is None:
            self.query_one("#about", PanelTitle).say("")
            tags.show_words((), "", {})
            preview.show(None)
            return
        images, placement = self._session.images, self._session.buckets.placement(row)
        about = self.query_one("#about", PanelTitle)
        about.say(about_image(row, placement.bucket, about.room or self.app.size.width))
        tags.show_words(images.tags_of(row.id), row.caption, images.numbers_of(row))
        preview.show(images.file_of(row) if picture else None, placement if crop else None)
