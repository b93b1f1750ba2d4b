"""The Runs screen: runs watched and controlled. A run never depends on being watched (row B09)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen

from curator.contract.text import visible
from curator.runs.dashboard import dashboard_lines
from curator.tui.background import in_background, user_errors_shown, write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.choice import Choice, Line
from curator.tui.screens.dialogs.questions import Confirm, Form, FormLine
from curator.tui.screens.training.comparison import ComparisonScreen
from curator.tui.screens.training.queue import QueueScreen
from curator.tui.screens.training.run_samples import RunSamplesScreen
from curator.tui.text.run_words import lost_in_words
from curator.tui.widgets.chrome import Foot, TabLine, TooSmall
from curator.tui.widgets.line_list import LineList
from curator.tui.widgets.lines import Lines
from curator.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from curator.runs.fold import RunView
    from curator.session.session import Session
    from curator.session.training.runs import Comparison, Follower, RunSummary

LOOK_EVERY_S = 0.5
LIST_EVERY_LOOKS = 4


KEYS = (
    KeyAction("runs.pause", "p", "ask('pause')", "pause", "pause"),
    KeyAction(
        "runs.resume",
        "r",
        "ask('resume')",
        "go on after a pause, a stop or a crash",
        "resume",
    ),
    KeyAction("runs.suspend", "P", "suspend", "save its state and free the GPU; r goes on later"),
    KeyAction("runs.save", "s", "ask('save')", "save weights now", "save"),
    KeyAction("runs.sample", "S", "ask('sample')", "make samples now", "sample"),
    KeyAction("runs.stop", "x", "stop", "stop the run", "stop"),
    KeyAction("runs.pictures", "o", "pictures", "look at the samples, by prompt and step", "samples"),
    KeyAction("runs.queue", "Q", "queue", "the queue: order, hold, take out", "queue"),
    KeyAction("runs.compare", "c", "compare", "compare it with another run", "compare"),
    KeyAction("runs.rename", "n", "rename", "give it another name"),
    KeyAction("runs.delete", "delete", "delete", "delete it, with all that it wrote"),
    KeyAction("runs.detach", "escape", "detach", "leave the dashboard; the run goes on", "detach"),
)


class _Listed(NamedTuple):
    """The runs, and the names of folders whose run cannot be read."""

    runs: list[RunSummary]
    damaged: list[str]


class RunsScreen(Screen):
    """The runs on the left, the dashboard of one on the right; enter attaches, escape detaches."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._runs: list[RunSummary] = []
        self._damaged: list[str] = []
        self._follower: Follower | None = None
        self._shown: RunView | None = None
        self._looks = 0
        self._is_looking = False  # a long log takes longer than it is between two looks
        self._wanted = ""

    def compose(self) -> ComposeResult:
        yield TabLine("Runs")
        with Horizontal():
            yield LineList(id="runs", empty=" no run yet: 5 sets one up")
            yield Lines(id="dashboard")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one("#runs").focus()
        self.set_interval(LOOK_EVERY_S, self._look)

    def attach(self, name: str) -> None:
        """Show the dashboard of a run that was just started."""
        self._wanted = name
        self._list(keys_wait=True)

    def on_screen_resume(self) -> None:
        self._list(keys_wait=True)

    def on_resize(self) -> None:
        if self._follower and self._shown:
            self._show(self._shown)

    @property
    def following(self) -> str:
        """The name of the run whose dashboard is shown; empty where none is."""
        return self._follower.run.path.name if self._follower else ""

    def _look(self) -> None:
        """Read what is new, while this screen is seen."""
        if not self.is_current:
            return
        self._looks += 1
        if self._looks % LIST_EVERY_LOOKS == 0:
            self._list()
        follower = self._follower
        if follower and not self._is_looking:
            self._is_looking = True
            in_background(self, "look", lambda: (follower, follower.poll()))

    def _list(self, *, keys_wait: bool = False) -> None:
        in_background(self, "list", self._listed, keys_wait=keys_wait)

    def _listed(self) -> _Listed:
        damaged: list[str] = []
        return _Listed(self._session.runs.all(lambda name, _: damaged.append(name)), damaged)

    def on_work_done(self, message: WorkDone) -> None:
        if message.kind == "restart":
            self.attach(cast("str", message.result))
            return
        if message.kind == "compare":
            self.app.push_screen(ComparisonScreen(cast("Comparison", message.result)))
            return
        if message.kind == "list":
            self._show_runs(cast("_Listed", message.result))
            return
        follower, view = cast("tuple[Follower, RunView]", message.result)
        if message.kind == "attach":
            self._follower = follower
        else:
            self._is_looking = False
        if follower is self._follower and view is not self._shown:
            self._show(view)

    def on_work_refused(self, message: WorkRefused) -> None:
        if message.kind == "look":  # else it would be told again with every look
            self._follower, self._is_looking = None, False
        self.post_message(UserErrorRaised(message.error))

    def _show_runs(self, listed: _Listed) -> None:
        """The damaged ones last: choosing one tells why."""
        runs_list = self.query_one("#runs", LineList)
        if listed != (self._runs, self._damaged):
            here = self._wanted or self._current
            self._runs, self._damaged = listed
            place = next((at for at, name in enumerate(self._names) if name == here), runs_list.cursor)
            damaged = [Text(" damaged            ", "yellow").append(visible(name)) for name in self._damaged]
            runs_list.show_texts([*map(_run_line, self._runs), *damaged], place)
        if self._wanted and any(each.name == self._wanted for each in self._runs):
            name, self._wanted = self._wanted, ""
            self._follow(name)

    @property
    def _names(self) -> list[str]:
        """The folders of the runs in the order of the list."""
        return [*(each.name for each in self._runs), *self._damaged]

    @property
    def _current(self) -> str:
        position, names = self.query_one("#runs", LineList).cursor, self._names
        return names[position] if position < len(names) else ""

    @on(LineList.Chosen, "#runs")
    def _attach_chosen(self) -> None:
        if self._current:
            self._follow(self._current)

    def _follow(self, name: str) -> None:
        def attached() -> tuple[Follower, RunView]:
            follower = self._session.runs.follow(self._session.runs.find(name))
            return follower, follower.poll()

        in_background(self, "attach", attached, keys_wait=True)

    def _show(self, view: RunView) -> None:
        self._shown = view
        board = self.query_one("#dashboard", Lines)
        board.show(dashboard_lines(view, max(20, board.size.width - 1), max(6, board.size.height)))
        over = view.status != "running"
        state = f"{view.status}: {view.name}" if over else f"esc or q leaves it running: {view.name}"
        self.query_one(StatusLine).rest(Text(visible(state)))

    def action_detach(self) -> None:
        follower, self._follower = self._follower, None
        self.query_one("#dashboard", Lines).show([])
        self.query_one(StatusLine).rest(Text())
        if follower and follower.view.status == "running":
            self.notify(
                f"{visible(follower.run.path.name)} goes on. enter attaches again.",
                title="Detached",
                markup=False,
            )

    @user_errors_shown
    def action_ask(self, action: str) -> None:
        name = self._run_name
        if not name:
            return
        run = self._session.runs.find(name)
        if action == "resume" and run.status() != "running":
            self.notify(f"{visible(name)} starts again from its last state.", markup=False)
            in_background(self, "restart", lambda: (self._session.runs.go_on(run), name)[1])
            return
        self._session.runs.request(run, action)
        self.notify(f"Asked {visible(name)} to {action}.", markup=False)

    def action_stop(self) -> None:
        run = self._run_name
        if run:
            question = Confirm(
                f"Stop the run {visible(run)}?", "It keeps its state: it can be started again from there."
            )
            self.app.push_screen(question, lambda yes: self.action_ask("stop") if yes else None)

    def action_suspend(self) -> None:
        run = self._run_name
        if run:
            question = Confirm(
                f"Suspend the run {visible(run)}?",
                "It saves its state and frees the GPU: r goes on from there.",
            )
            self.app.push_screen(question, lambda yes: self.action_ask("suspend") if yes else None)

    def action_queue(self) -> None:
        self.app.push_screen(QueueScreen(self._session))

    def action_compare(self) -> None:
        """With which run, is asked."""
        name = self._run_name
        others = [Line(each.name, each.status, each.name) for each in self._runs if each.name != name]
        if not name or not others:
            self.notify("There is no other run to compare it with.", markup=False)
            return

        def compare(other: str | None) -> None:
            runs = self._session.runs
            if other is not None:
                in_background(
                    self, "compare", lambda: runs.compare(runs.find(name), runs.find(other)), keys_wait=True
                )

        self.app.push_screen(Choice(f"Compare {visible(name)} with", others), compare)

    @user_errors_shown
    def action_rename(self) -> None:
        name = self._run_name
        if not name:
            return
        run = self._session.runs.find(name)
        line = FormLine("name", "name", run.info().name, "without a date; weights there are keep their names")

        def named(values: Mapping[str, str]) -> str:
            return self._session.runs.rename(run, values["name"].strip()).path.name

        self.app.push_screen(Form(f"Rename {visible(name)}", [line], named), self._renamed)

    def _renamed(self, name: object) -> None:
        if name is not None:
            self.action_detach()
            self._wanted = cast("str", name)
            self._list(keys_wait=True)

    @user_errors_shown
    def action_delete(self) -> None:
        name = self._run_name
        if not name:
            return
        runs = self._session.runs
        run = runs.find(name)
        question = Confirm(f"Delete the run {visible(name)}?", lost_in_words(runs.belongings(run)))

        def delete(yes: bool | None) -> None:
            if yes:
                write(self, lambda: runs.delete(run), lambda _: self._deleted())

        self.app.push_screen(question, delete)

    def _deleted(self) -> None:
        self.action_detach()
        self._list(keys_wait=True)

    def action_pictures(self) -> None:
        if self._follower is None or not self._follower.view.samples:
            self.notify("No samples yet: attach to a run (enter) that makes them.", markup=False)
            return
        self.app.push_screen(RunSamplesScreen(self._session, self._follower))

    @property
    def _run_name(self) -> str:
        return self.following or self._current


def _run_line(run: RunSummary) -> Text:
    steps = f"{run.step}/{run.total_steps or '?'}"
    return Text(f" {run.status:<8} {steps:>9} ").append(visible(run.name))
