"""What can be done with one image from any screen that shows it: explained, copied from, opened in other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.screen import Screen

from curator.contract.errors import UserError
from curator.contract.text import counted, visible
from curator.index.changes.edits import SetCaption
from curator.tui.messages import UserErrorRaised
from curator.tui.outside.clipboard import copied
from curator.tui.outside.programs import edited, view
from curator.tui.screens.dialogs.at_work import do_longer
from curator.tui.screens.dialogs.choice import Choice, Line
from curator.tui.screens.dialogs.told import tell

if TYPE_CHECKING:
    from pyroaring import BitMap

    from curator.session.images.images import Explanation, ImageRow
    from curator.session.session import Session

_MOST_PATHS = 1_000
_SHOWN, _SAID = 400, 200  # characters of a text in the list of what can be copied, and when it was


def explain(screen: Screen, session: Session, row: ImageRow) -> None:
    """Tell why an image would be trained or not, by which subsets, in which manifests, and how."""

    def told(said: Explanation | None) -> None:
        if said:
            lines = session.images.explained_in_words(said)
            tell(screen, visible(row.path), [Text(f" {visible(line)}") for line in lines])

    do_longer(screen, "explaining", lambda _: session.images.explain(row.id), told)


def ask_copy(
    screen: Screen, session: Session, row: ImageRow, selected: BitMap | None = None, tag: str = ""
) -> None:
    """Choose what of an image goes into the clipboard of the terminal, or the paths of all that are selected.

    `tag` is that under the cursor.
    """
    texts = {
        "path": row.full_path,
        "tag": tag,
        "tags": ", ".join(each.name for each in session.images.tags_of(row.id)),
        "caption": row.caption,
        "name": row.name,
    }
    lines = [
        Line(f"{name:<10}", text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…", name)
        for name, text in texts.items()
        if text
    ]
    if selected and 1 < len(selected) <= _MOST_PATHS:
        lines.insert(0, Line(f"{'paths':<10}", f"of {counted(len(selected))} selected, one a line", "paths"))

    def paths() -> str:
        return "\n".join(each.full_path for each in session.images.rows(list(selected or ())))

    def take(chosen: str | None) -> None:
        if chosen:
            copy_text(screen, chosen, paths() if chosen == "paths" else texts[chosen])

    screen.app.push_screen(Choice("Copy", lines, "enter copies it"), take)


def copy_text(screen: Screen, what: str, text: str) -> None:
    """Put a text into the clipboard of the terminal, and say so, or why not."""
    try:
        safe = copied(screen.app, text)
    except UserError as error:
        screen.post_message(UserErrorRaised(error))
        return
    screen.app.notify(visible(safe[:_SAID]), title=f"Copied: {what}", markup=False)


def view_image(screen: Screen, session: Session, row: ImageRow) -> None:
    """Show an image in the user's viewer.

    Raises:
        UserError: there is none, it failed, or the file is not there.
    """
    view(screen.app, session.images.file_of(row))


def caption_outside(screen: Screen, row: ImageRow) -> SetCaption | None:
    """The caption as the user's editor leaves it; None where it is as it was.

    Raises:
        UserError: no editor, it failed, or what it left cannot be read.
    """
    text = edited(screen.app, f"{row.caption}\n" if row.caption else "", "caption.txt").strip()
    if text == row.caption.strip():
        screen.app.notify("The caption is as it was.", markup=False)
        return None
    return SetCaption(text)
