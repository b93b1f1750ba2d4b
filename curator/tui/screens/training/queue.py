"""The Queue screen: runs that wait for a device, in order; moved, held, released, taken out, stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen

from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.background import in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.questions import Confirm
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.session.training.run_queue import Job, QueueChange

KEYS = (
    KeyAction("queue.up", "K", "change('up')", "one place up among the runs of its device", "up"),
    KeyAction("queue.down", "J", "change('down')", "one place down", "down"),
    KeyAction("queue.first", "f", "change('first')", "before the others of its device", "first"),
    KeyAction("queue.hold", "h", "hold", "hold it in its place, or release it", "hold, release"),
    KeyAction(
        "queue.remove", "x", "remove", "take it out, or stop it at work; its folder stays", "take out, stop"
    ),
    KeyAction("queue.close", "escape", "close", "back", "back"),
)
LOOK_EVERY_S = 1.0


class QueueScreen(Screen[None]):
    """The runs of all collections that wait or are at work by the queue; escape goes back to Runs."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._jobs: list[Job] | None = None
        self._wanted = ""

    def compose(self) -> ComposeResult:
        yield TabLine("Runs")
        yield PanelTitle("Queue: each device has one run at work", of="LineList")
        yield LineList(empty=" nothing waits: 5 sets a run up, and Q there puts it here")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(LineList).focus()
        self._read(keys_wait=True)
        self.set_interval(LOOK_EVERY_S, self._read)

    def _read(self, *, keys_wait: bool = False) -> None:
        if self.is_current:
            in_background(self, "queue", self._session.runs.queue.jobs, keys_wait=keys_wait)

    def on_work_done(self, message: WorkDone) -> None:
        """The jobs as they are now; the cursor stays on its run."""
        jobs = cast("list[Job]", message.result)
        if jobs == self._jobs:
            return
        here = self._wanted or (self._current.run if self._current else "")
        self._jobs, self._wanted = jobs, ""
        place = next((at for at, job in enumerate(jobs) if job.run == here), self.query_one(LineList).cursor)
        self.query_one(LineList).show_texts([_line(job) for job in jobs], place)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(UserErrorRaised(message.error))

    @property
    def _current(self) -> Job | None:
        cursor = self.query_one(LineList).cursor
        return self._jobs[cursor] if self._jobs and cursor < len(self._jobs) else None

    @property
    def _wanted_job(self) -> Job | None:
        """That under the cursor; where there is none it is said."""
        job = self._current
        if job is None:
            self.notify("The queue is empty: Q in Train puts a run here.", markup=False)
        return job

    def action_change(self, what: str) -> None:
        """Change the run under the cursor."""
        job = self._wanted_job
        if job is None:
            return
        self._wanted = job.run

        def changed() -> list[Job]:
            self._session.runs.queue.change(job.folder, cast("QueueChange", what))
            return self._session.runs.queue.jobs()

        in_background(self, "queue", changed, keys_wait=True)

    def action_hold(self) -> None:
        """Hold it, or release what is held."""
        if job := self._wanted_job:
            self.action_change("release" if job.state == "held" else "hold")

    def action_remove(self) -> None:
        """Take what waits out of the queue; a run at work is stopped, after a question, and leaves by itself."""
        job = self._wanted_job
        if job is None:
            return
        if not job.is_busy:
            self.action_change("remove")
            return
        question = Confirm(
            f"Stop the run {visible(job.folder.path.name)}?",
            "It keeps its state and leaves the queue; the next one begins.",
        )
        self.app.push_screen(question, lambda yes: self._stop(job) if yes else None)

    def _stop(self, job: Job) -> None:
        def stopped() -> list[Job]:
            self._session.runs.request(job.folder, "stop")
            return self._session.runs.queue.jobs()

        in_background(self, "queue", stopped, keys_wait=True)

    def action_close(self) -> None:
        self.dismiss()


def _line(job: Job) -> Text:
    text = Text().append(f" {job.state:<9} ", meanings.of_state(job.state))
    text.append(f"{visible(job.device):<10} ", meanings.QUIET).append(visible(job.folder.path.name), "bold")
    said = job.why if job.is_here else f"on {job.host}"
    return text.append(f"  {visible(said)}" if said else "", "not bold")
