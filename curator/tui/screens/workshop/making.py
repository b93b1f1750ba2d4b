"""A grid made from the app: what is asked, what it would take, and the making with how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text

from curator.contract.errors import UserError
from curator.contract.grid.spec import load_grid
from curator.contract.text import counted, visible
from curator.session.training.grids import grid_outlook, make_grid, plan_grid
from curator.tui.background import write
from curator.tui.completing.completion import paths
from curator.tui.messages import UserErrorRaised
from curator.tui.screens.dialogs.at_work import do_longer
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, path_of
from curator.tui.screens.workshop.known_grids import remember

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from textual.screen import Screen

    from curator.contract.grid.spec import GridSpec
    from curator.session.session import Session
    from curator.session.training.grids import GridPlan, MadeGrid, Outlook


class _Wanted(NamedTuple):
    """What is to be made, and where."""

    spec: GridSpec
    folder: Path


class _Planned(NamedTuple):
    """What that comes to."""

    plan: GridPlan
    outlook: Outlook


def ask_what_to_make(screen: Screen, session: Session, done: Callable[[], None]) -> None:
    """Ask for a spec and a folder, say what that takes, and make it; `done` once something is there."""

    def begin(result: object) -> None:
        if result is not None:
            _plan(screen, session, cast("_Wanted", result), done)

    folders = paths(only_folders=True)
    lines = (
        FormLine("spec", "spec", "", "a TOML file that says what is compared: see docs/grids.md", paths()),
        FormLine("folder", "folder", "", "an empty one, or that of a grid, which is gone on with", folders),
    )
    screen.app.push_screen(Form("Make a grid", lines, _checked), begin)


def _checked(values: Mapping[str, str]) -> _Wanted:
    return _Wanted(load_grid(path_of(values, "spec")), path_of(values, "folder").absolute())


def _plan(screen: Screen, session: Session, wanted: _Wanted, done: Callable[[], None]) -> None:
    def plan(_: object) -> _Planned:
        planned = plan_grid(wanted.spec, session.runs.find)
        return _Planned(planned, grid_outlook(planned, wanted.folder))

    def ask(planned: _Planned | None) -> None:
        if planned is None:
            return
        missing = planned.outlook.missing
        question = f"Make {counted(missing)}?" if missing else "All images are there: lay them out again?"
        screen.app.push_screen(Proposal(question, _lines(planned, wanted.folder)), begin(planned))

    def begin(planned: _Planned) -> Callable[[bool | None], None]:
        return lambda yes: _make(screen, session, planned.plan, wanted.folder, done) if yes else None

    do_longer(screen, "planning", plan, ask)


def _lines(planned: _Planned, folder: Path) -> list[Text]:
    """What there will be, of which models, what it takes, and what is doubtful."""
    outlook, grid = planned.outlook, planned.plan.grid
    lines = [Text(f" {line}") for line in outlook.in_words()]
    if outlook.changed:
        lines.append(Text(f" {outlook.changed_in_words()}"))
    lines += [Text(" of ").append(visible(model), "bold") for model in grid.models]
    lines += [Text(" in ").append(visible(str(folder)), "bold")]
    lines += [
        Text(f" {axis.place}, {axis.name}: ").append(", ".join(axis.labels), "italic") for axis in grid.axes
    ]
    lines += [Text(f" mind: {doubt.what}: {doubt.hint}") for doubt in planned.plan.doubts]
    return lines


def _make(screen: Screen, session: Session, plan: GridPlan, folder: Path, done: Callable[[], None]) -> None:
    """Make it; the list has it from the start, since what is given up is gone on with later."""
    doubts: list[str] = []

    def told(made: MadeGrid | None) -> None:
        if made is not None:
            _tell(screen, made, doubts)
        done()

    def begin(_: None) -> None:
        def make(progress: Callable[[int, int], None]) -> MadeGrid:
            return make_grid(plan, folder, lambda what, hint: doubts.append(f"{what}: {hint}"), progress)

        do_longer(screen, "making images", make, told)

    write(screen, lambda: remember(session, folder), begin)


def _tell(screen: Screen, made: MadeGrid, doubts: list[str]) -> None:
    failed = [cell for cell in made.grid.cells if cell.failed]
    if failed:
        what = f"{counted(len(failed), 'cell')} could not be made, {failed[0].name} among them"
        screen.post_message(UserErrorRaised(UserError(what, failed[0].failed)))
        return
    collapsed = [cell.name for cell in made.grid.cells if cell.collapsed]
    broke_down = f"; collapsed: {', '.join(collapsed)}" if collapsed else ""
    said = [f"{counted(made.made)}{broke_down}", *doubts]
    screen.app.notify(". ".join(said), title="Made", markup=False)
