"""The tag panel: the tags of one image in caption order, its caption, scores of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message

from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.session.images.images import Tag

KEYS = (
    KeyAction("tags.earlier", "K", "shift(-1)", "move the tag to the front", "earlier"),
    KeyAction("tags.later", "J", "shift(1)", "move the tag to the back", "later"),
    KeyAction("tags.back", "escape", "back", "back to the list"),
)


class TagPanel(LineList):
    """The tags of one image. Order, class and count are seen; J and K move a tag in the caption."""

    BINDINGS = bindings(KEYS)

    class Reordered(Message):
        """The tags should stand in this order."""

        def __init__(self, names: tuple[str, ...]) -> None:
            super().__init__()
            self.names = names

    class Left(Message):
        """Escape: back to the list."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(empty=" no tags: a adds one", id=id)
        self.tags: tuple[Tag, ...] = ()
        self._below: list[Text] = []

    def show_words(self, tags: Sequence[Tag], caption: str, scores: Mapping[str, float]) -> None:
        """Show another image's tags, caption and scores."""
        self.tags = tuple(tags)
        lines = _wrapped(visible(caption), max(10, self.size.width - 2))
        self._below = [
            *_headed("caption", lines),
            *_headed("scores", [f"{visible(name)} {value:.4g}" for name, value in scores.items()]),
        ]
        self.show(len(self.tags) + len(self._below), self._text)

    @property
    def current(self) -> Tag | None:
        """The tag under the cursor."""
        return self.tags[self.cursor] if self.cursor < len(self.tags) else None

    def go(self, position: int) -> None:
        super().go(min(position, max(0, len(self.tags) - 1)))

    def action_shift(self, places: int) -> None:
        target = self.cursor + places
        if self.current is None or not 0 <= target < len(self.tags):
            return
        names = [tag.name for tag in self.tags]
        names[self.cursor], names[target] = names[target], names[self.cursor]
        self.cursor = target  # the cursor follows the tag; the panel is shown again when the edit is done
        self.post_message(self.Reordered(tuple(names)))

    def action_back(self) -> None:
        self.post_message(self.Left())

    def _text(self, position: int, width: int) -> Text:
        if position >= len(self.tags):
            return self._below[position - len(self.tags)]
        tag = self.tags[position]
        about = f" {meanings.class_word(tag.cls)} {tag.count:,} "
        name = Text().append(f"{position + 1:>3} ", meanings.QUIET)
        name.append(visible(tag.name), meanings.of_class(tag.cls))
        name.truncate(max(8, width - len(about)), overflow="ellipsis", pad=True)
        return name.append(about, meanings.QUIET)


def _headed(heading: str, lines: Sequence[str]) -> list[Text]:
    return [Text(f" {heading}", "bold"), *(Text(f" {line}") for line in lines)] if lines else []


def _wrapped(text: str, width: int) -> list[str]:
    from textwrap import wrap

    return wrap(text, width)
