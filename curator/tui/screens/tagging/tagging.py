"""The Tagging screen: jobs of tag models seen, stopped, gone on with; enter shows what a model proposes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from curator.contract.errors import UserError
from curator.contract.text import counted, visible
from curator.runs.words import seconds_in_words
from curator.tui import meanings
from curator.tui.background import in_background, user_errors_shown
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.questions import Confirm
from curator.tui.screens.tagging.proposals import ProposalsScreen
from curator.tui.text.own_words import in_own_words
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder
    from curator.session.images.proposals import JobFollower, JobView, KeptModel
    from curator.session.session import Session

LOOK_EVERY_S = 0.5
_SAID = 8  # images that could not be used, told one by one

KEYS = (
    KeyAction("tagging.ask", "n", "ask", "ask a tag model for what is on images", "ask a model"),
    KeyAction("tagging.stop", "x", "stop", "stop the job; what it has answered is kept", "stop"),
    KeyAction("tagging.resume", "r", "resume", "go on with a job that was stopped or crashed", "resume"),
)


class _Job(NamedTuple):
    """A job as it is now, or why it cannot be read."""

    name: str
    view: JobView | None
    why: UserError | None = None


class TaggingScreen(Screen):
    """The jobs on the left, the one under the cursor on the right. A job never depends on being watched."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._followers: dict[str, JobFollower] = {}
        self._jobs: list[_Job] = []
        self._is_looking = False

    def compose(self) -> ComposeResult:
        yield TabLine("Tagging")
        with Horizontal():
            with Vertical(id="left"):
                yield PanelTitle("Jobs", of="#jobs", spare=True)
                yield LineList(id="jobs", empty=" none yet: n asks a tag model")
            with Vertical(id="right"):
                yield PanelTitle("The job under the cursor", spare=True)
                yield Lines(id="job")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one("#jobs").focus()
        self.set_interval(LOOK_EVERY_S, self._look)

    def on_screen_resume(self) -> None:
        self._look(keys_wait=True)

    def on_resize(self) -> None:
        self._show_job()

    def _look(self, *, keys_wait: bool = False) -> None:
        """Read what is new, while this screen is seen."""
        if self.is_current and (keys_wait or not self._is_looking):
            self._is_looking = True
            in_background(self, "look", self._looked, keys_wait=keys_wait)

    def _looked(self) -> list[_Job]:
        """The jobs, newest first."""
        return [self._read(job) for job in reversed(self._session.proposals.jobs())]

    def _read(self, job: RunFolder) -> _Job:
        name = job.path.name
        try:
            follower = self._followers.get(name) or self._session.proposals.follow(job)
            self._followers[name] = follower
            return _Job(name, follower.read())
        except UserError as error:
            return _Job(name, None, error)

    def on_work_done(self, message: WorkDone) -> None:
        match message.kind:
            case "look":
                self._is_looking = False
                self._show_jobs(cast("list[_Job]", message.result))
            case "proposals":
                model = cast("KeptModel", message.result)
                text = str(self._session.memory.recall("filter", ""))
                self.app.push_screen(ProposalsScreen(self._session, self._reader, model, text))
            case _:
                self._look()

    def on_work_refused(self, message: WorkRefused) -> None:
        self._is_looking = False
        self.post_message(UserErrorRaised(message.error))

    def _show_jobs(self, jobs: list[_Job]) -> None:
        if [(job.name, job.view) for job in jobs] == [(job.name, job.view) for job in self._jobs]:
            return
        here, self._jobs = self._current, jobs
        place = next((at for at, job in enumerate(jobs) if here and job.name == here.name), 0)
        self.query_one("#jobs", LineList).show_texts([_line(job) for job in jobs], place)

    @property
    def _current(self) -> _Job | None:
        cursor = self.query_one("#jobs", LineList).cursor
        return self._jobs[cursor] if cursor < len(self._jobs) else None

    @on(LineList.Moved, "#jobs")
    def _show_job(self) -> None:
        job = self._current
        self.query_one("#job", Lines).show(_about(job) if job else [])

    @user_errors_shown
    def action_ask(self) -> None:
        """Which model, of which images."""
        from curator.tui.screens.tagging.asking import ask_model

        ask_model(self, self._session, self._reader, self._look)

    @on(LineList.Chosen, "#jobs")
    def _show_proposals(self) -> None:
        """What the model of the job proposes for the images of Browse, this job's last answers included."""
        job = self._current
        view = job and job.view
        if view is None:
            return

        def collected() -> KeptModel:
            with self._session.apart() as own:
                own.proposals.collect()
            return self._reader.proposals.model(view.model)

        in_background(self, "proposals", collected, keys_wait=True)

    @property
    def _wanted_job(self) -> _Job | None:
        """That under the cursor; where there is none it is said."""
        job = self._current
        if job is None:
            self.notify("No job yet: n asks a tag model.", markup=False)
        return job

    def action_stop(self) -> None:
        if job := self._wanted_job:
            question = Confirm(
                f"Stop the job {visible(job.name)}?", "What it has answered is kept: r goes on from there."
            )
            self.app.push_screen(question, lambda yes: self._stop(job.name) if yes else None)

    @user_errors_shown
    def _stop(self, name: str) -> None:
        self._session.proposals.stop(self._session.proposals.find_job(name))
        self.notify(f"Asked {visible(name)} to stop.", markup=False)

    def action_resume(self) -> None:
        if job := self._wanted_job:
            proposals = self._session.proposals
            in_background(self, "resume", lambda: proposals.resume(proposals.find_job(job.name)))
            self.notify(f"{visible(job.name)} goes on where it was.", markup=False)


def _line(job: _Job) -> Text:
    if job.view is None:
        return Text().append(" damaged  ", meanings.FINDING).append(visible(job.name))
    done = f"{job.view.done:,}/{job.view.total:,}"
    line = Text().append(f" {job.view.status:<8} ", meanings.of_state(job.view.status))
    return line.append(f"{done:>13} ", meanings.QUIET).append(visible(job.view.model))


def _about(job: _Job) -> list[Text]:
    lines = [Text(f" {visible(job.name)}", "bold")]
    view = job.view
    if view:
        lines.append(Text(f" {view.status}: {view.done:,} of {counted(view.total)}"))
        speed = f", {view.images_per_s:.1f} images/s" if view.images_per_s else ""
        lines += [Text(f" on {visible(view.device)}{speed}")] if view.device else []
        lines += [Text(f" {seconds_in_words(view.eta_s)} left")] if view.eta_s is not None else []
    failure = job.why or (view and view.failure)
    if failure:
        lines += [Text(), Text(f" {failure.what}", meanings.MISTAKE), Text(f" {in_own_words(failure.hint)}")]
    return lines + (_troubles(view) if view else [])


def _troubles(view: JobView) -> list[Text]:
    """Warnings, images that could not be used, and what enter does."""
    lines = [Text(f" {visible(sentence)}", meanings.FINDING) for sentence in view.warnings]
    if view.failed:
        lines += [Text(), Text(f" {counted(len(view.failed))} could not be used", "bold")]
        lines += [
            Text(f" {visible(path.rpartition('/')[2])}: {visible(why)}") for path, why in view.failed[:_SAID]
        ]
        if len(view.failed) > _SAID:
            lines.append(Text(f" and {len(view.failed) - _SAID:,} more"))
    return [*lines, Text(), Text(" enter: what it proposes for Browse's images", meanings.QUIET)]
