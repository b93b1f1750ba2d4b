"""The app: its start, its screens, and what works on every screen: undo, scan, help, leaving."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from textual import events
from textual.notifications import SeverityLevel
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import WorkerFailed

from curator.contract.errors import ExitCode, UserError
from curator.session.session import Session
from curator.tui import memory, theme
from curator.tui.background import cancelled, in_background, progress_on_status, write
from curator.tui.idle import IdleWork
from curator.tui.keyboard.app_keys import KEYS
from curator.tui.keyboard.key_order import KeyOrder, Typed
from curator.tui.keyboard.keymap import keys_file, load_keymap
from curator.tui.keyboard.keys import bindings
from curator.tui.messages import (
    CollectionChanged,
    Place,
    RunLaunched,
    ShowImages,
    StatusChanged,
    UserErrorRaised,
    VisitEnded,
    WorkDone,
    WorkRefused,
)
from curator.tui.screens.images.browse import BrowseScreen
from curator.tui.screens.lazily import screen_makers
from curator.tui.terminal.picture_app import PictureApp
from curator.tui.terminal.remembered import remembered_way
from curator.tui.text.words import scan_in_words, turned_in_words
from curator.tui.widgets.line_list import LineList
from curator.tui.widgets.status_line import Notes, StatusLine, still_unread, with_note

if TYPE_CHECKING:
    from curator.session.images.edits import Commit
    from curator.session.images.images import ScanReport
    from curator.tui.screens.dialogs.help import Command
    from curator.tui.screens.training.runs import RunsScreen
    from curator.tui.terminal.question import Question

_ENDS = (signal.SIGHUP, signal.SIGTERM)
_LOOK_EVERY_S = 0.8  # for what other processes do to the collection: seen within a second
_LEAVE_AFTER_S = 1.0  # however busy the index is
_WARM_AFTER_S = 0.8  # the first page has the disk for itself


@runtime_checkable
class _Placed(Protocol):
    """A screen that knows its place, which is kept when the screen is left."""

    def place(self) -> dict[str, object]: ...


class FriezeApp(PictureApp):
    """Screens of one collection. What takes long is read by `reader` and written apart: drawing waits for neither."""

    TITLE = "frieze"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False  # our own lists the same actions as the help
    BINDINGS = bindings(KEYS)
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny-width"), (40, "-small"), (64, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-tiny-height"), (10, "-short"), (20, "-tall")]
    notes: var[Notes] = var(())
    progress: var[str] = var("")

    def __init__(self, session: Session, keymap: dict[str, str] | None = None) -> None:
        self.session = session
        self.reader = Session.open(session.folder)
        for each in (session, self.reader):
            memory.keep_little(each)
        self._browse = BrowseScreen(session, self.reader)
        makers = screen_makers(session, self.reader, self._browse)
        last = str(session.memory.recall("screen", ""))
        # Textual begins with this mode. With its own empty one it would lay out and style a screen that nobody sees.
        self.DEFAULT_MODE = last if last in makers else "browse"  # pyright: ignore[reportAttributeAccessIssue]
        super().__init__()
        for name, make in makers.items():
            self.add_mode(name, make)
        self.animation_level = "none"
        self.register_theme(theme.FRIEZE)
        self.theme = theme.FRIEZE.name  # before any style is read: a later change reads all of them again
        self._own_keys = keymap or {}
        self._keys = KeyOrder(self, self._obey)
        self._place: dict[str, object] = {}
        self._place_lock = threading.Lock()
        self.unsaid: UserError | None = None  # what went wrong while the app ended
        self._idle_work = IdleWork(self, session)

    def on_mount(self) -> None:
        self.set_keymap(self._own_keys)
        self.set_interval(_LOOK_EVERY_S, self._look)
        self.set_timer(_WARM_AFTER_S, lambda: in_background(self, "warm", self._warm))
        # A lost SSH connection, a closed window, or `kill`: leave as with q, so that the place is kept.
        for each in _ENDS:
            asyncio.get_running_loop().add_signal_handler(each, self._leave)

    def _look(self) -> None:
        if self.session.changed():
            self.screen.post_message(CollectionChanged())
        self._idle_work.look()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste | events.MouseEvent):
            self._idle_work.input_seen()
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._keys.take(event)
        else:
            await super().on_event(event)

    async def _obey(self, event: Typed) -> None:
        """Type a key where one types; elsewhere do what it is bound to, at once and not by way of the panel."""
        if self.notes and self.screen.query(StatusLine):
            self.notes = still_unread(self.notes)
        if isinstance(event, events.Paste) or _is_typed_into(self.focused):
            await super().on_event(event)
            return
        self.app_focus = True  # a terminal may have said that it lost the focus, and not that it has it again
        if not await self._check_bindings(event.key, priority=True):
            await self._check_bindings(event.key)

    def _warm(self) -> None:
        self.reader.upkeep.warm(cancelled())

    # screens

    async def action_go(self, name: str) -> None:
        self._place |= {**self._here(), "screen": name}
        await self.switch_mode(name)
        self._keep_place()

    async def on_show_images(self, message: ShowImages) -> None:
        asking = self.current_mode
        await self.action_go("browse")
        self._browse.visit(message.filter, asking)

    async def on_visit_ended(self, message: VisitEnded) -> None:
        await self.action_go(message.screen)

    async def on_run_launched(self, message: RunLaunched) -> None:
        await self.action_go("runs")
        cast("RunsScreen", self.screen).attach(message.name)

    def _here(self) -> dict[str, object]:
        return self.screen.place() if isinstance(self.screen, _Placed) else {}

    def on_place(self, message: Place) -> None:
        self._place |= message.values
        self._keep_place()

    def _keep_place(self) -> None:
        def keep() -> None:
            with self._place_lock:  # the newest is written last
                self.session.memory.keep_all(dict(self._place))

        in_background(self, "place", keep)

    async def action_quit(self) -> None:
        self._leave()

    def _leave(self) -> None:
        """End the app. Its place is of no such worth that one would wait for another writer."""
        self._place |= self._here()
        self.session.upkeep.limit_wait(_LEAVE_AFTER_S)
        try:
            self.session.memory.keep_all(self._place)
        except UserError as error:
            self.unsaid = error
        self.exit()

    def on_unmount(self) -> None:
        for each in _ENDS:
            asyncio.get_running_loop().remove_signal_handler(each)
        self.reader.leave()  # the session folds

    def _handle_exception(self, error: Exception) -> None:
        """End the app; `run` raises the error, where Textual would print it with what is in memory and go on."""
        self._exception = self._exception or error
        self._exception_event.set()
        self._return_code = ExitCode.BUG
        self._close_messages_no_wait()

    # undo

    def action_undo(self) -> None:
        write(
            self,
            self.session.edits.undo,
            lambda commit: self._tell_edit(commit, "Undone", "Nothing to undo."),
        )

    def action_redo(self) -> None:
        write(
            self,
            self.session.edits.redo,
            lambda commit: self._tell_edit(commit, "Done again", "Nothing to redo."),
        )

    def _tell_edit(self, commit: Commit | None, title: str, nothing: str) -> None:
        if commit is None:
            self.notify(nothing, markup=False)
            return
        self.notify(turned_in_words(commit), title=title, markup=False)
        self.screen.post_message(CollectionChanged())

    # scanning

    def action_scan(self) -> None:
        from curator.tui.screens.dialogs.questions import Form, FormLine

        def check(values: Mapping[str, str]) -> Path:
            folder = Path(values["folder"]).expanduser()
            if not folder.is_dir():
                raise UserError(f"{folder} is no folder", "give one that holds images")
            return folder

        line = FormLine("folder", "folder", str(self.session.folder), "images are found in it and below")
        self.push_screen(
            Form("Scan a folder for images", [line], check),
            lambda folder: self._scan(cast("Path", folder)) if folder else None,
        )

    def action_rescan(self) -> None:
        self._scan(None)

    def _scan(self, folder: Path | None) -> None:
        tell = progress_on_status(self, "scanning")
        self.post_message(StatusChanged("scanning"))
        in_background(
            self, "scan", lambda: self.session.images.scan(folder, lambda at: tell(at.done, at.total))
        )

    def on_work_done(self, message: WorkDone) -> None:
        if message.kind != "scan":
            return
        report = cast("ScanReport", message.result)
        self.post_message(StatusChanged(""))
        self.notify(scan_in_words(report), title="Scanned", markup=False)
        for screen in {self._browse, self.screen}:
            if screen.is_running:
                screen.post_message(CollectionChanged(images=True))

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(message.error))

    # telling

    def on_status_changed(self, message: StatusChanged) -> None:
        self.progress = message.note

    def on_user_error_raised(self, message: UserErrorRaised) -> None:
        error = message.error
        self.notify(error.hint, title=error.what, severity="error", markup=False)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,  # noqa: ARG002 - Textual's; a note stays until it was read
        markup: bool = False,  # noqa: ARG002 - Textual's; a note is text
    ) -> None:
        """Say something on the status line, where it lies over nothing."""
        self.notes = with_note(self.notes, title, message, is_mistake=severity == "error")

    def action_pictures(self) -> None:
        from curator.tui.screens.dialogs.ways import ask_way

        ask_way(self, self.session)

    def action_key_help(self) -> None:
        self._offer("Keys here", whole_app=False)

    def action_palette(self) -> None:
        self._offer("All commands", whole_app=True)

    def _offer(self, title: str, *, whole_app: bool) -> None:
        from curator.tui.screens.dialogs.help import command_list

        self.push_screen(command_list(title, self.screen, whole_app=whole_app), self._do)

    async def _do(self, command: Command | None) -> None:
        if command:
            await self.run_action(command.action, command.node)


def _is_typed_into(widget: Widget | None) -> bool:
    if widget is None or isinstance(widget, LineList):
        return False
    from textual.widgets import TextArea

    return isinstance(widget, Input | TextArea)


def run(folder: Path, pictures: str = "", question: Question | None = None) -> int:
    """The app on the collection in `folder`; gives the exit code.

    The answers to the `question` that the terminal was asked say how it shows pictures, unless that is wished with
    `pictures`, or was chosen earlier for terminals of this kind.

    Raises:
        UserError: no collection there, an index that is damaged, a keys file that is wrong, or a place that could not
            be kept.
        Exception: what the app died of.
    """
    theme.be_still()
    memory.give_back()
    keymap = load_keymap(keys_file())
    with Session.opened(folder) as session:
        app = FriezeApp(session, keymap)
        app.hear(question)
        app.show_pictures_in(app.terminal, pictures or remembered_way(session, app.terminal))
        app.run()
        if error := app._exception:
            raise error.error if isinstance(error, WorkerFailed) else error
    if app.unsaid:
        raise app.unsaid
    return app.return_code or 0
