"""The frame of every screen: tabs above, keys below, and one sentence where the terminal is too small."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Label

from curator.tui.widgets.lines import segments
from curator.tui.widgets.status_line import StatusLine

TABS = ("Browse", "Subsets", "Captions", "Freeze", "Train", "Runs", "History", "Prepare", "Tagging")


class TabLine(Widget):
    """The screens by number, the one shown standing out."""

    DEFAULT_CSS = "TabLine { height: 1; dock: top; background: $panel; }"

    def __init__(self, here: str) -> None:
        super().__init__()
        self._here = here

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line
        forms = (self._tabs(TABS), self._tabs(TABS[:-1]), self._tabs(TABS, shortened=True))
        here = self._here == TABS[-1]  # 80 columns have room for the names of all others
        text = next(
            (each for each in forms[: 1 if here else 2] if each.cell_len <= self.size.width), forms[-1]
        )
        text.truncate(self.size.width, pad=True)
        return Strip(segments(text, self.app.console), self.size.width).apply_style(self.rich_style)

    def _tabs(self, tabs: Sequence[str], *, shortened: bool = False) -> Text:
        text = Text()
        for number, name in enumerate(tabs, 1):
            other = f" {number} " if shortened else f" {number} {name}"
            text.append_text(Text(f"[{number} {name}]", "bold") if name == self._here else Text(other))
        return text


class KeyLine(Widget):
    """The keys that matter now, as many as fit; commands, keys and quit are never pushed out."""

    DEFAULT_CSS = "KeyLine { height: 1; background: $panel; }"

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line
        width = self.size.width
        bold = Style(bold=True)
        always = " " + "  ".join(f"{key} {what}" for key, what in self._keys(namespace_is_app=True))
        room = width - len(always)
        segments: list[Segment] = []
        for key, what in self._keys(namespace_is_app=False):
            room -= len(key) + len(what) + 3
            if room < 0:
                break
            segments += [Segment(f" {key}", bold), Segment(f" {what} ")]
        strip = Strip(segments).extend_cell_length(max(0, width - len(always)))
        return (
            Strip.join([strip, Strip([Segment(always)])])
            .crop_extend(0, width, None)
            .apply_style(self.rich_style)
        )

    def _keys(self, *, namespace_is_app: bool) -> list[tuple[str, str]]:
        seen: dict[str, tuple[str, str]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and binding.id and (active.node is self.app) == namespace_is_app:
                seen.setdefault(binding.id, (self.app.get_key_display(binding), binding.description))
        return list(seen.values())


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
