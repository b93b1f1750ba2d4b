"""The app: its start, its screens, and what works on every screen: undo, scan, help, leaving."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from textual import events
from textual.notifications import SeverityLevel
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Input

from curator.contract.errors import ExitCode, UserError
from curator.session.session import Session
from curator.tui import memory, theme
from curator.tui.background import cancelled, in_background, write
from curator.tui.idle import IdleWork
from curator.tui.keyboard.app_keys import KEYS
from curator.tui.keyboard.key_order import KeyOrder, Typed
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
from curator.tui.scanning import SCAN, Scanning
from curator.tui.screens.images.browse import BrowseScreen
from curator.tui.screens.lazily import screen_makers
from curator.tui.tab_notes import tab_notes
from curator.tui.terminal.picture_app import PictureApp
from curator.tui.text.own_words import own_error
from curator.tui.text.words import turned_in_words
from curator.tui.widgets.frame.status_line import Notes, StatusLine, still_unread, with_note
from curator.tui.widgets.frame.tab_line import TabNote
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.session.images.edits import Commit
    from curator.session.images.exchange import Offer
    from curator.tui.scanning import Scanned
    from curator.tui.screens.dialogs.help import Command
    from curator.tui.screens.training.runs import RunsScreen

_ENDS = (signal.SIGHUP, signal.SIGTERM)
_LOOK_EVERY_S = 0.8  # for what other processes do to the collection: seen within a second
_NOTES = "notes"  # the kind of that work
_LEAVE_AFTER_S = 1.0  # however busy the index is
_NOTES_AFTER_S, _NOTES_EVERY_S = 0.5, 15.0  # beside the tabs
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
    tab_notes: var[Mapping[str, TabNote]] = var(dict[str, TabNote])
    share: float | None = None  # of the work that `progress` names

    def __init__(
        self, session: Session, keymap: dict[str, str] | None = None, offers: Sequence[Offer] | None = None
    ) -> None:
        self.session = session
        self._offers = offers  # of a collection just made: scanned at once, with this data of other tools
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
        theme.dress(self)
        self._own_keys = keymap or {}
        self._keys = KeyOrder(self, self._obey)
        self._place: dict[str, object] = {}
        self._are_notes_read = False
        self._place_lock = threading.Lock()
        self.unsaid: UserError | None = None  # what went wrong while the app ended
        self._idle_work = IdleWork(self, session)
        self._scanning = Scanning(self, session, self._browse.grow)

    def on_mount(self) -> None:
        self.set_keymap(self._own_keys)
        self.set_interval(_LOOK_EVERY_S, self._look)
        self.set_timer(_WARM_AFTER_S, lambda: in_background(self, "warm", self._warm))
        self.set_timer(_NOTES_AFTER_S, self._look_at_notes)
        self.set_interval(_NOTES_EVERY_S, self._look_at_notes)
        if self._offers is not None:
            self._scanning.begin(self.session.folder, self._offers)
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
        self.reader.upkeep.load_the_rest()
        memory.settle()
        self.reader.upkeep.warm(cancelled())

    # screens

    async def action_go(self, name: str) -> None:
        self._place |= {**self._here(), "screen": name}
        await self.switch_mode(name)
        self._keep_place()
        self._look_at_notes()

    async def on_show_images(self, message: ShowImages) -> None:
        asking = self.current_mode
        await self.action_go("browse")
        self._browse.visit(message.filter, asking)

    def action_show_images(self, filter: str) -> None:
        """The images of a filter, in Browse; escape comes back."""
        self.post_message(ShowImages(filter))

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
        self._scanning.ask()

    def action_rescan(self) -> None:
        self._scanning.begin(None)

    def on_image_list_left(self) -> None:
        """Escape where there is nothing else to leave."""
        self._scanning.stop()

    def _look_at_notes(self) -> None:
        """Bring the tabs' notes up to date, unless that is under way: a second thread would only slow the first."""
        if not self._are_notes_read:
            self._are_notes_read = True
            in_background(self, _NOTES, self._read_notes)

    def _read_notes(self) -> Mapping[str, TabNote]:
        try:
            return tab_notes(self.reader)
        finally:
            self._are_notes_read = False

    def on_work_done(self, message: WorkDone) -> None:
        if message.kind == _NOTES:
            self.tab_notes = cast("Mapping[str, TabNote]", message.result)
        if message.kind != SCAN:
            return
        scanned = cast("Scanned", message.result)
        self.post_message(StatusChanged(""))
        self.notify(scanned.in_words(), title="Scanned", markup=False)
        if scanned.problem:
            self.post_message(UserErrorRaised(scanned.problem))
        for screen in {self._browse, self.screen}:
            if screen.is_running:
                screen.post_message(CollectionChanged(images=True))

    def on_work_refused(self, message: WorkRefused) -> None:
        if message.kind == _NOTES:  # whoever opens that screen is told
            return
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(message.error))

    # telling

    def on_status_changed(self, message: StatusChanged) -> None:
        self.share, self.progress = message.share, message.note

    def on_user_error_raised(self, message: UserErrorRaised) -> None:
        what, hint = own_error(message.error)
        self.notify(hint, title=what, severity="error", markup=False)

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

    def action_theme(self) -> None:
        from curator.tui.screens.dialogs.themes import ask_theme

        ask_theme(self, self.session)

    def action_key_help(self) -> None:
        self._offer("Keys here", whole_app=False)

    def action_palette(self) -> None:
        self._offer("All commands", whole_app=True)

    def _offer(self, title: str, *, whole_app: bool) -> None:
        from curator.tui.completing.filters import filters_of
        from curator.tui.screens.dialogs.help import command_list

        complete = filters_of(self.reader) if whole_app and len(self.screen_stack) == 1 else None
        self.push_screen(command_list(title, self.screen, whole_app=whole_app, complete=complete), self._do)

    async def _do(self, command: Command | None) -> None:
        if command:
            await self.run_action(command.action, command.node)


def _is_typed_into(widget: Widget | None) -> bool:
    if widget is None or isinstance(widget, LineList):
        return False
    from textual.widgets import TextArea

    return isinstance(widget, Input | TextArea)
