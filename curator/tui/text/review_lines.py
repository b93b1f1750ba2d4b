"""Lines of a review: what a rule would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.widgets.lists.lines import fitted

if TYPE_CHECKING:
    from curator.session.images.rules import Review


def in_words(found: Review) -> str:
    """`1,200 of 5,000 images would change`."""
    sampled = f", a sample of {found.sampled_from:,}" if found.sampled_from else ""
    return f"{found.images:,} of {counted(found.looked_at)}{sampled} would change"


def change_lines(found: Review) -> list[Text]:
    """The changes of a review, then its notes."""
    lines = list[Text]()
    for each in found.changes:
        sign, _ = meanings.of_change(bool(each.before), bool(each.after))
        line = Text(f" {each.images:>9,}  {fitted(each.why, 12)} {sign} ")
        line.append(visible(each.before), meanings.REMOVED)
        line.append(" -> " if each.before and each.after else "")
        lines.append(line.append(visible(each.after), f"bold {meanings.ADDED}"))
    return lines + [Text(f" {visible(note)}", "italic") for note in found.notes]
