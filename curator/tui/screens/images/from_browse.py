"""Screens and dialogs opened from Browse, each imported when it is wanted: the first screen waits for none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from pyroaring import BitMap

    from curator.index.changes.edits import SetCaption
    from curator.session.images.images import ImageRow
    from curator.session.session import Session
    from curator.tui.widgets.lists.image_list import ImageList


def show_captions(screen: Screen, session: Session, row: ImageRow | None) -> None:
    """The captions of an image in the next epochs."""
    from curator.tui.screens.images.image_captions import ImageCaptions

    if row:
        screen.app.push_screen(ImageCaptions(session, row))


def show_copies(screen: Screen, session: Session, reader: Session, text: str) -> None:
    """The images of a filter that are the same."""
    from curator.tui.screens.images.copies import CopiesScreen

    screen.app.push_screen(CopiesScreen(session, reader, text))


def show_quarantine(screen: Screen, session: Session, closed: Callable[[], None]) -> None:
    """Files that could not be used."""
    from curator.tui.screens.images.quarantine import QuarantineScreen

    screen.app.push_screen(QuarantineScreen(session, "Browse"), lambda _: closed())


def enlarge(screen: Screen, session: Session, images: ImageList, *, crop: bool) -> None:
    """The image under the cursor on the whole screen, to be kept or rejected; the cursor goes where it is left."""
    from curator.tui.screens.images.culling import CullingScreen

    screen.app.push_screen(CullingScreen(session, images, crop=crop), lambda last: images.go(last or 0))


def show_statistics(
    screen: Screen, reader: Session, text: str, images: BitMap, show: Callable[[str], None]
) -> None:
    """What the images of a filter are like; a bar that is chosen cuts the filter down."""
    from curator.tui.screens.images.statistics import StatisticsDialog

    dialog = StatisticsDialog(reader, text, images)
    screen.app.push_screen(dialog, lambda chosen: None if chosen is None else show(chosen))


def write_sidecars(screen: Screen, session: Session, images: BitMap) -> None:
    """The tags and captions of images, beside them."""
    from curator.tui.screens.dialogs.sidecars import ask_for_sidecars

    ask_for_sidecars(screen, session, images.to_array())


def export_images(screen: Screen, session: Session, images: BitMap) -> None:
    """Images with their tags and scores as SQLite tables."""
    from curator.tui.screens.dialogs.exporting import ask_for_tables

    ask_for_tables(screen, session, images)


def explain_image(screen: Screen, session: Session, row: ImageRow) -> None:
    """Why an image would be trained or not."""
    from curator.tui.screens.images.image_acts import explain

    explain(screen, session, row)


def copy_from_image(screen: Screen, session: Session, row: ImageRow, selected: BitMap, tag: str) -> None:
    """What of an image, or of all that are selected, goes into the clipboard."""
    from curator.tui.screens.images.image_acts import ask_copy

    ask_copy(screen, session, row, selected, tag)


def view_image(screen: Screen, session: Session, row: ImageRow) -> None:
    """The image in the user's viewer; a UserError where it cannot be."""
    from curator.tui.screens.images import image_acts

    image_acts.view_image(screen, session, row)


def edited_caption(screen: Screen, row: ImageRow) -> SetCaption | None:
    """The caption as the user's editor leaves it, if it is another; a UserError where there is no such."""
    from curator.tui.screens.images.image_acts import caption_outside

    return caption_outside(screen, row)
