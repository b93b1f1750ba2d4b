"""Background work: in a thread, one at a time per kind, its result a message."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import monotonic
from typing import ParamSpec, TypeVar

from textual.dom import DOMNode
from textual.worker import get_current_worker

from curator.contract.errors import UserError, name_too_long
from curator.filter.cancel import Cancelled
from curator.tui.keyboard.key_order import LOOKED_UP, WRITTEN
from curator.tui.messages import StatusChanged, UserErrorRaised, WorkDone, WorkRefused

P = ParamSpec("P")
R = TypeVar("R")
_WAITING = "Another program is writing this collection: waiting for it."
_TELL_WAITING_S = 0.5
_TELL_EVERY_S = 0.25


class AbandonedError(Exception):
    """The work was given up, or the app is closing; raised from its progress callback."""


def in_background(node: DOMNode, kind: str, work: Callable[[], object], *, keys_wait: bool = False) -> None:
    """Do `work` in a thread and post `WorkDone(kind, result)` to `node`.

    Earlier work of this kind is given up: its result, should it still come, is thrown away. A `UserError`
    comes back as `WorkRefused`. With `keys_wait` the next keys are about the result, and wait for it.
    """

    def run() -> None:
        nonlocal work
        worker = get_current_worker()
        try:
            message = WorkDone(kind, work())
        except (UserError, OSError) as error:
            message = WorkRefused(kind, _mistake(error))
        except (AbandonedError, Cancelled):
            return
        finally:
            del work  # a worker is garbage only a whole search finds, with all that its work knows
        if not worker.is_cancelled:
            node.post_message(message)

    name = LOOKED_UP if keys_wait else ""
    node.run_worker(run, name, group=f"{kind}-{id(node)}", exclusive=True, thread=True)


def write(
    node: DOMNode,
    work: Callable[[], R],
    done: Callable[[R], None] | None = None,
    refused: Callable[[UserError], None] | None = None,
) -> None:
    """Change the collection in a thread, where it may wait for another writer; the keys typed meanwhile wait.

    `done` gets the result, `refused` the `UserError` (else the app shows it); both in the message loop of `node`.
    """
    app = node.app

    def run() -> None:
        nonlocal work, done, refused
        try:
            result = work()
        except (UserError, OSError) as error:
            app.call_later(
                refused or (lambda error: app.post_message(UserErrorRaised(error))), _mistake(error)
            )
        else:
            if done:
                node.call_later(done, result)
        finally:
            del work, done, refused  # as in `in_background`
            app.call_later(waiting.stop)

    def tell() -> None:
        app.notify(_WAITING, severity="warning", markup=False)

    waiting = app.set_timer(_TELL_WAITING_S, tell)
    node.run_worker(run, WRITTEN, thread=True)


def _mistake(error: UserError | OSError) -> UserError:
    """What a person is told; raises again what is a bug."""
    mistake = error if isinstance(error, UserError) else name_too_long(error)
    if mistake is None:
        raise error
    return mistake


def cancelled() -> Callable[[], bool]:
    """Inside a worker: tells, from then on and from any thread, whether nobody waits for it any more."""
    worker = get_current_worker()
    return lambda: worker.is_cancelled


def user_errors_shown(action: Callable[P, None]) -> Callable[P, None]:
    """A `UserError` of this method, of anything that has a `screen`, becomes a note; nothing else stops."""

    @wraps(action)
    def shown(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            action(*args, **kwargs)
        except UserError as error:
            screen = getattr(args[0], "screen", None)
            assert isinstance(screen, DOMNode)
            screen.post_message(UserErrorRaised(error))

    return shown


def progress_on_status(
    node: DOMNode, doing: str, said: Callable[[int], str] = "{:,}".format
) -> Callable[[int, int], None]:
    """A progress callback for a worker that says "doing 3/40" on the status line, at most a few times a second.

    `said` words its numbers. It also ends work that was given up: scans and freezes leave nothing half done.
    """
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if get_current_worker().is_cancelled:
            raise AbandonedError
        now = monotonic()
        if now - last >= _TELL_EVERY_S:
            last = now
            of_all = f"/{said(total)}" if total else ""
            share = done / total if total else None
            node.post_message(StatusChanged(f"{doing} {said(done)}{of_all}", share))

    return progress
