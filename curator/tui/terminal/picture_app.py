"""An app whose widgets show pictures: it sends and paints them, and takes them away when it leaves the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, cast

from rich.color import ColorSystem
from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget

from curator.tui.keyboard.terminal_codes import tell_them_apart
from curator.tui.terminal.answers import Answers
from curator.tui.terminal.detection import Terminal, detected
from curator.tui.terminal.late_answers import LateAnswers
from curator.tui.terminal.lost_line import Line
from curator.tui.terminal.shown_pictures import ShownPictures
from curator.tui.terminal.styles_read import StylesReadOnce
from curator.tui.terminal.thin_styles import thinned

if TYPE_CHECKING:
    from curator.tui.terminal.question import Question


class _PictureDriver(LinuxDriver):
    """Leaves no picture in the terminal on exit, after a crash, and while the app is suspended; writes few bytes."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._file = cast("IO[str]", Line(self._file))

    def write(self, data: str) -> None:
        super().write(thinned(data))

    def start_application_mode(self) -> None:
        super().start_application_mode()
        if self._writer_thread:
            self.write(pictures_of(self._app).brought_back())

    def stop_application_mode(self) -> None:
        if self._writer_thread:
            self.write(pictures_of(self._app).taken_away())
        super().stop_application_mode()


class PictureApp(App[None]):
    """An app that shows pictures as its terminal can: in blocks, until it is told that the terminal can do more."""

    def __init__(self, **options: Any) -> None:
        self.pictures = ShownPictures(self._write)
        self.terminal = Terminal()  # as it was detected, whatever way was chosen
        self._frame: RenderableType | None = None
        super().__init__(**options)
        self.stylesheet = StylesReadOnce(variables=self.get_css_variables())

    def on_mount(self) -> None:
        """Draw all again when the app is back from the shell: Textual waits for something to change."""
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))

    def hear(self, question: Question | None) -> None:
        """Learn from its answers what the terminal is, before the app runs; what was typed meanwhile comes first."""
        answers, typed = question.answered() if question else (Answers(), "")
        tell_them_apart(LateAnswers(typed, answers if question else None))
        self.show_pictures_in(detected(answers))

    def show_pictures_in(self, terminal: Terminal, way: str = "") -> None:
        """Show pictures as this terminal can, unless another way is given, and all the colours that it has."""
        if terminal.has_true_colours and self.console.color_system is not None:
            self.console._color_system = ColorSystem.TRUECOLOR
        terminal = terminal._replace(has_true_colours=self.console.color_system == "truecolor")
        self.terminal = terminal
        self.pictures.use(terminal._replace(way=way or terminal.way))

    def get_driver_class(self) -> type[Driver]:
        usual = super().get_driver_class()
        return _PictureDriver if usual is LinuxDriver else usual

    def _write(self, text: str) -> None:
        if self._driver and not self.is_headless and text:
            self._driver.write(text)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        self._frame = renderable
        super()._display(screen, renderable)

    def _end_update(self) -> None:
        """Paint what the frame was written over, as a part of it."""
        self._write(self.pictures.painted(self._is_written))
        super()._end_update()

    def _is_written(self, region: Region) -> bool:
        if isinstance(self._frame, ChopsUpdate):
            return any(
                region.y <= y < region.bottom and first < region.right and last > region.x
                for y, first, last in _written(self._frame)
            )
        return not isinstance(self._frame, LayoutUpdate) or self._frame.region.overlaps(region)


def _written(frame: ChopsUpdate) -> Iterator[tuple[int, int, int]]:
    """Line, first column and the one behind the last of all that a frame writes: pieces from where they begin."""
    for y, first, last in frame.spans:
        for end, (begin, strip) in zip(frame.chop_ends[y], frame.chops[y].items(), strict=False):
            if strip is not None and begin <= last and end > first:
                yield y, begin, min(end, last)


def pictures_of(holder: Widget | App[Any]) -> ShownPictures:
    """The pictures of the app that a widget is in."""
    app = holder if isinstance(holder, App) else cast("App[Any]", holder.app)
    return app.pictures if isinstance(app, PictureApp) else _NOWHERE


_NOWHERE = ShownPictures(lambda _: None)  # of an app without pictures of its own: blocks
