"""The foot of every screen: status and keys, and one sentence where the terminal is too small."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Label

from curator.tui.widgets.frame.status_line import StatusLine


class KeyLine(Widget):
    """The keys that matter now, as many as fit; commands, keys and quit are never pushed out."""

    COMPONENT_CLASSES = {"key--name", "key--quiet"}
    DEFAULT_CSS = """
    KeyLine { height: 1; background: $panel; }
    KeyLine > .key--name { color: $primary; text-style: bold; }
    KeyLine > .key--quiet { color: $quiet; }
    """

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line
        width = self.size.width
        looks = [self.get_component_rich_style(name, partial=True) for name in ("key--name", "key--quiet")]
        always = Strip([part for each in self._keys(namespace_is_app=True) for part in _said(each, looks)])
        room = width - always.cell_length
        segments: list[Segment] = []
        for each in self._keys(namespace_is_app=False):
            said = _said(each, looks)
            room -= sum(part.cell_length for part in said)
            if room < 0:
                break
            segments += said
        strip = Strip(segments).extend_cell_length(max(0, width - always.cell_length))
        return Strip.join([strip, always]).crop_extend(0, width, None).apply_style(self.rich_style)

    def _keys(self, *, namespace_is_app: bool) -> list[tuple[str, str]]:
        seen: dict[str, tuple[str, str]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and binding.id and (active.node is self.app) == namespace_is_app:
                seen.setdefault(binding.id, (self.app.get_key_display(binding), binding.description))
        return list(seen.values())


def _said(each: tuple[str, str], looks: list[Style]) -> list[Segment]:
    """A key and what it does."""
    key, what = each
    return [Segment(f" {key}", looks[0]), Segment(f" {what} ", looks[1])]


class Foot(Vertical):
    """The status line and the keys."""

    DEFAULT_CSS = "Foot { dock: bottom; height: auto; }"

    def compose(self) -> ComposeResult:
        yield StatusLine()
        yield KeyLine()


class TooSmall(Label):
    """Shown alone where nothing else has room."""

    DEFAULT_CSS = """
    TooSmall { display: none; }
    .-tiny-width TooSmall, .-tiny-height TooSmall { display: block; }
    """

    def __init__(self) -> None:
        super().__init__("Terminal too small: frieze needs 40x10.", markup=False)
