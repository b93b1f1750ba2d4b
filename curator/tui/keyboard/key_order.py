"""Keys in the order typed: each is obeyed when all that the one before it set going has come to rest.

Over a slow line, in a paste or a macro many keys arrive at once. Textual sends each to what has the focus at that
moment, while the screen that an earlier key opens, or the line it puts the cursor in, comes some messages later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from textual import events
from textual.app import App, ScreenStackError
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import Worker

from curator.tui.messages import WorkCancelled

Typed = events.Key | events.Paste

# Names of workers that keys wait for: their answer is what the next key is about, or they change the collection.
LOOKED_UP, WRITTEN = "looked up", "written"
_WORDS = {"alt+b": "ctrl+left", "alt+f": "ctrl+right"}
_LEAVES = ("go(", "quit", "suspend")  # actions that are possible while something is looked up
_MOVES = (
    "move(",
    "page(",
    "half_page(",
    "edge(",
    "sideways(",
)  # and those while another program's write is waited for
_LOOK_EVERY_S = 0.002


class KeyOrder:
    """What was typed and not obeyed yet. `obey` is called in the app's own message loop."""

    def __init__(self, app: App[None], obey: Callable[[Typed], Awaitable[None]]) -> None:
        self._app, self._obey = app, obey
        self._typed: deque[Typed] = deque()
        self._entry: Widget | None = None  # took the key before as text
        self._waiter: asyncio.Task[None] | None = None

    async def take(self, event: Typed) -> None:
        """Obey a key, or keep it until its turn comes."""
        self._typed.append(event)
        await self._obey_next()

    async def _obey_next(self) -> None:
        while self._typed and self._is_next():
            event, *behind = _meant(self._typed.popleft(), is_entry=isinstance(self._app.focused, Input))
            self._typed.extendleft(behind)
            if _is_escape(event) and not isinstance(self._app.focused, Input) and self._give_up():
                continue
            entry = self._app.focused
            self._entry = entry if isinstance(entry, Input) and _is_text(event) else None
            await self._obey(event)
        if self._typed and (self._waiter is None or self._waiter.done()):
            self._waiter = asyncio.create_task(self._wait(), name="keys wait")

    def _give_up(self) -> bool:
        """Give up what is being looked up; whether anything was."""
        awaited = list(_awaited(self._app))
        for worker in awaited:
            worker.cancel()
            worker.node.post_message(WorkCancelled())
        return bool(awaited)

    async def _wait(self) -> None:
        while self._app.is_running and not self._is_next():
            await asyncio.sleep(_LOOK_EVERY_S)
        self._app.call_later(self._obey_next)

    def _is_next(self) -> bool:
        """Whether the first key that waits may be obeyed."""
        if not _is_at_rest(self._app):
            # text goes to the entry in order anyway, and changes nothing that would take it elsewhere
            return self._entry is not None and self._app.focused is self._entry and _is_text(self._typed[0])
        return all(self._needs_none(worker, self._typed[0]) for worker in _awaited(self._app))

    def _needs_none(self, worker: Worker[None], event: Typed) -> bool:
        """Whether a key may be obeyed before the worker is done."""
        if worker.name == WRITTEN:
            return self._action_of(event).startswith(_MOVES)
        is_typed = isinstance(self._app.focused, Input) or isinstance(event, events.Paste)
        return is_typed or _is_escape(event) or self._action_of(event).startswith(_LEAVES)

    def _action_of(self, event: Typed) -> str:
        if not isinstance(event, events.Key):
            return ""
        chain = (
            bindings.key_to_bindings.get(event.key) for _, bindings in self._app.screen._modal_binding_chain
        )
        return next((bound[0].action for bound in chain if bound), "")


def _is_at_rest(app: App[None]) -> bool:
    """Whether no message is under way to the app or to any widget of its screen, and the screen is laid out."""
    try:
        screen = app.screen
    except ScreenStackError:
        return False
    if app.message_queue_size or app._next_callbacks or screen._layout_required or screen._callbacks:
        return False
    return all(map(_is_waiting, screen.walk_children(Widget, with_self=True)))


def _is_waiting(widget: Widget) -> bool:
    """Whether a widget is there and its message loop waits for a message; Textual does not tell it otherwise."""
    queue = widget._message_queue
    return widget._closed or (widget.is_mounted and queue.empty() and bool(queue.ready_event._waiters))


def _awaited(app: App[None]) -> Iterator[Worker[None]]:
    """The workers of the screen that is seen for which its keys wait, and every one that writes."""
    for worker in app.workers:
        if worker.is_finished:
            continue
        if worker.name == WRITTEN or (worker.name == LOOKED_UP and worker.node.screen is app.screen):
            yield worker


def _is_text(event: Typed) -> bool:
    return isinstance(event, events.Key) and event.is_printable


def _is_escape(event: Typed) -> bool:
    return isinstance(event, events.Key) and event.key == "escape"


def _meant(event: Typed, *, is_entry: bool) -> list[Typed]:
    """The key, or two, that a terminal's code stands for."""
    if isinstance(event, events.Key):
        if event.key == "ctrl+j":  # enter, typed before the app had the terminal
            return [events.Key("enter", "\r")]
        if event.key in _WORDS and event.character:  # as `terminal_codes` gives them
            if is_entry:
                return [events.Key(_WORDS[event.key], None)]
            return [events.Key("escape", "\x1b"), events.Key(event.character, event.character)]
    return [event]
