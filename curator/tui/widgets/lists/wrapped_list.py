"""A list of a few texts that are wrapped where they are longer than a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import wrapped

_MARGIN = 2


class WrappedList(LineList):
    """Texts, each in as many lines as it needs; the cursor walks lines."""

    def __init__(self, texts: Sequence[Text], *, empty: str = "") -> None:
        super().__init__(empty=empty)
        self._texts = list(texts)

    def on_resize(self) -> None:
        width, console = max(20, self.size.width - 1), self.app.console
        self.show_texts([line for text in self._texts for line in _in_lines(text, width, console)])


def _in_lines(text: Text, width: int, console: Console) -> list[Text]:
    """The first as it is, those that go on behind a margin."""
    if text.cell_len <= width:
        return [text]
    margin = len(text.plain) - len(text.plain.lstrip()) + _MARGIN
    first, *rest = wrapped(text, width - margin, console)
    return [first, *(Text(" " * margin).append_text(line) for line in rest)]
