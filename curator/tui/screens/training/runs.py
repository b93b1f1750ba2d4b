"""The Runs screen: runs watched and controlled. A run never depends on being watched (row B09)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.background import in_background, user_errors_shown
from curator.tui.keyboard.keys import bindings
from curator.tui.keyboard.run_keys import KEYS
from curator.tui.messages import UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.questions import Confirm
from curator.tui.screens.training import run_upkeep
from curator.tui.screens.training.comparison import ComparisonScreen, ask_with_which
from curator.tui.screens.training.dashboard_panel import MOST_LAID, DashboardPanel
from curator.tui.screens.training.queue import QueueScreen
from curator.tui.screens.training.run_list import RunList
from curator.tui.screens.training.run_samples import RunSamplesScreen
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.status_line import StatusLine
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from textual.timer import Timer

    from curator.runs.fold import RunView
    from curator.session.session import Session
    from curator.session.training.runs import Comparison, Follower, RunSummary

LOOK_EVERY_S = 0.5
LIST_EVERY_LOOKS = 4
_REST_S = 0.15  # after a move of the cursor


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
        self._follower: Follower | None = None
        self._looks = 0
        self._is_looking = False  # a long log takes longer than it is between two looks
        self._wanted = ""
        self._passing: Timer | None = None
        self._is_attached = False  # else the run is only shown, as the cursor is on it

    def compose(self) -> ComposeResult:
        yield TabLine("Runs")
        with Horizontal():
            yield Vertical(PanelTitle("Runs", of="#runs", spare=True), RunList(id="runs"), id="left")
            yield Vertical(PanelTitle("Dashboard", spare=True), DashboardPanel(id="dashboard"), id="right")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self._list_of_runs.focus()
        self.set_interval(LOOK_EVERY_S, self._look)

    def attach(self, name: str) -> None:
        """Show the dashboard of a run that was just started."""
        self._wanted = name
        self._list(keys_wait=True)

    def on_screen_resume(self) -> None:
        self._list(keys_wait=True)

    @property
    def _list_of_runs(self) -> RunList:
        return self.query_one(RunList)

    @property
    def _dashboard(self) -> DashboardPanel:
        return self.query_one(DashboardPanel)

    @property
    def following(self) -> str:
        """The name of the run that is attached to; empty where none is."""
        return self._follower.run.path.name if self._follower and self._is_attached else ""

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
        if message.kind == "lay":
            self._lay(view.name, view)
            return
        if message.kind == "samples":
            self._show_samples(follower)
            return
        if message.kind == "attach":
            self._follower, self._is_attached = follower, True
        elif message.kind == "show":
            name = follower.run.path.name
            if name == self.following or name != self._list_of_runs.current:
                return  # it was attached to, or the cursor moved on, while its log was read
            self._follower, self._is_attached = follower, False
        else:
            self._is_looking = False
        if follower is self._follower and view is not self._dashboard.view:
            self._show(view)

    def on_work_refused(self, message: WorkRefused) -> None:
        if message.kind == "look":  # else it would be told again with every look
            self._follower, self._is_looking = None, False
        if message.kind == "show":  # the cursor only passes: its line says that it is damaged
            self._follower = None
            self._dashboard.show_view(None)
            self._dashboard.show([Text(visible(message.error.what), meanings.MISTAKE)])
            return
        self.post_message(UserErrorRaised(message.error))

    def _show_runs(self, listed: _Listed) -> None:
        """Choosing a damaged one tells why."""
        self._list_of_runs.show_runs(listed.runs, listed.damaged, self._wanted or self._list_of_runs.current)
        if self._wanted and any(each.name == self._wanted for each in listed.runs):
            name, self._wanted = self._wanted, ""
            self._follow(name)

    @on(LineList.Moved, "#runs")
    def _show_current(self) -> None:
        """The dashboard of the run under the cursor, once the cursor rests."""
        if self._passing:
            self._passing.stop()
        self._passing = self.set_timer(_REST_S, self._show_rested)

    def _show_rested(self) -> None:
        name = self._list_of_runs.current
        if name and not self._wanted and (not self._follower or self._follower.run.path.name != name):
            in_background(self, "show", lambda: self._followed(name))

    @on(LineList.Chosen, "#runs")
    def _attach_chosen(self) -> None:
        if name := self._wanted_run:
            self._follow(name)

    def _follow(self, name: str) -> None:
        in_background(self, "attach", lambda: self._followed(name), keys_wait=True)

    def _followed(self, name: str) -> tuple[Follower, RunView]:
        follower = self._session.runs.follow(self._session.runs.find(name))
        return follower, follower.poll()

    def _show(self, view: RunView) -> None:
        self._dashboard.show_view(view)
        over = view.status != "running"
        state = f"{view.status}: {view.name}" if over else f"esc or q leaves it running: {view.name}"
        self.query_one(StatusLine).rest(Text(visible(state) if self._is_attached else ""))

    def action_detach(self) -> None:
        follower = self._follower if self._is_attached else None
        self._is_attached = False
        self.query_one(StatusLine).rest(Text())
        if follower is None:
            self.notify("No run is attached to: enter attaches to that under the cursor.", markup=False)
        elif follower.view.status == "running":
            name = visible(follower.run.path.name)
            self.notify(f"{name} goes on. enter attaches again.", title="Detached", markup=False)

    def action_plot(self) -> None:
        """Enlarge the next plot; after the last all are shown again."""
        if self._wanted_run:
            self._dashboard.enlarge_next()

    def action_lay(self) -> None:
        name = self._wanted_run
        if name in self._dashboard.laid:
            self._lay(name, None)
        elif len(self._dashboard.laid) >= MOST_LAID:
            self.notify(f"{MOST_LAID} runs are laid over this one; take one away first.", markup=False)
        elif name:
            in_background(self, "lay", lambda: self._followed(name), keys_wait=True)

    def _lay(self, name: str, view: RunView | None) -> None:
        self._dashboard.lay(name, view)
        self._list_of_runs.lay([*self._dashboard.laid])

    @user_errors_shown
    def action_ask(self, action: str) -> None:
        if not (name := self._wanted_run):
            return
        run = self._session.runs.find(name)
        if action == "resume" and run.status() != "running":
            self.notify(f"{visible(name)} starts again from its last state.", markup=False)
            in_background(self, "restart", lambda: (self._session.runs.go_on(run), name)[1])
            return
        self._session.runs.request(run, action)
        self.notify(f"Asked {visible(name)} to {action}.", markup=False)

    def action_stop(self) -> None:
        self._ask_if_meant("stop", "It keeps its state: it can be started again from there.")

    def action_suspend(self) -> None:
        self._ask_if_meant("suspend", "It saves its state and frees the GPU: r goes on from there.")

    def _ask_if_meant(self, action: str, meaning: str) -> None:
        """Ask for what ends the run's work, once a question is answered with yes."""
        if name := self._wanted_run:
            question = Confirm(f"{action.capitalize()} the run {visible(name)}?", meaning)
            self.app.push_screen(question, lambda yes: self.action_ask(action) if yes else None)

    def action_queue(self) -> None:
        self.app.push_screen(QueueScreen(self._session))

    def action_compare(self) -> None:
        """With which run, is asked."""
        if name := self._wanted_run:
            ask_with_which(self, self._session.runs, name, self._list_of_runs.runs)

    @user_errors_shown
    def action_rename(self) -> None:
        if name := self._wanted_run:
            runs = self._session.runs
            run_upkeep.ask_rename(self, runs, runs.find(name), lambda new: self._renamed(name, new))

    def _renamed(self, before: str, name: str) -> None:
        self._wanted = name
        self._gone(before)

    @user_errors_shown
    def action_delete(self) -> None:
        if name := self._wanted_run:
            runs = self._session.runs
            run_upkeep.ask_delete(self, runs, runs.find(name), lambda: self._gone(name))

    @user_errors_shown
    def action_weights(self) -> None:
        if name := self._wanted_run:
            runs = self._session.runs
            run_upkeep.ask_for_weights(self, runs, runs.find(name))

    @user_errors_shown
    def action_report(self) -> None:
        from curator.tui.screens.dialogs.reporting import report_run

        if name := self._wanted_run:
            report_run(self, self._session.runs.find(name))

    def action_caches(self) -> None:
        from curator.tui.screens.training.caches import CachesScreen

        self.app.push_screen(CachesScreen(self._session))

    def action_models(self) -> None:
        from curator.tui.screens.workshop.models import ModelsScreen

        self.app.push_screen(ModelsScreen(self._session))

    def action_grids(self) -> None:
        from curator.tui.screens.workshop.grids import GridsScreen

        self.app.push_screen(GridsScreen(self._session))

    def _gone(self, name: str) -> None:
        """A run has that name no more: nothing of it is shown, nor read again."""
        self._follower, self._is_attached = None, False
        self._lay(name, None)
        self._dashboard.show_view(None)
        self.query_one(StatusLine).rest(Text())
        self._list(keys_wait=True)

    def action_pictures(self) -> None:
        name = self._wanted_run
        if self._follower and self._follower.run.path.name == name:
            self._show_samples(self._follower)
        elif name:  # the cursor came here a moment ago
            in_background(self, "samples", lambda: self._followed(name), keys_wait=True)

    def _show_samples(self, follower: Follower) -> None:
        if follower.view.samples:
            self.app.push_screen(RunSamplesScreen(self._session, follower))
        else:
            self.notify(f"{visible(follower.run.path.name)} has no samples yet: S makes some.", markup=False)

    @property
    def _wanted_run(self) -> str:
        """The run that keys are about: that under the cursor, whichever dashboard is seen; if none, it is said."""
        name = self._list_of_runs.current
        if not name:
            self.notify("No run yet: 5 sets one up.", markup=False)
        return name
