"""The samples of a run: a grid of prompts and steps that grows while the run runs; enter enlarges one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.contract.text import counted, visible
from curator.session.training.samples import table_of_samples
from curator.tui.background import in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.screens.images.picture import PictureScreen, ShownPicture
from curator.tui.widgets.cells.sample_grid import PictureOf, PictureTable, SampleGrid
from curator.tui.widgets.frame.chrome import Foot

if TYPE_CHECKING:
    from pathlib import Path

    from curator.runs.fold import RunView
    from curator.session.session import Session
    from curator.session.training.runs import Follower
    from curator.session.training.samples import SampleTable
    from curator.tui.messages import WorkDone, WorkRefused

KEYS = (KeyAction("run_samples.close", "escape,q", "close", "back to the run", "close"),)
_LOOK_EVERY_S = 2.0


class RunSamplesScreen(ModalScreen[None]):
    """The samples of the run that `follower` follows."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, follower: Follower) -> None:
        super().__init__()
        self._session, self._follower = session, follower
        self._view = follower.view
        self._table = table_of_samples(self._view.samples)

    def compose(self) -> ComposeResult:
        yield Label("", id="title", markup=False)
        yield SampleGrid(self._session.thumbnails.of_file, grows=True)
        yield Foot()

    def on_mount(self) -> None:
        self._show(self._view)
        self.set_interval(_LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        if self.is_current:
            in_background(self, "look", self._follower.poll)

    def on_work_done(self, message: WorkDone) -> None:
        view = cast("RunView", message.result)
        if view.samples != self._view.samples:
            self._show(view)

    def on_work_refused(self, _: WorkRefused) -> None:
        """The run was deleted, say: the screen behind tells it."""

    def _show(self, view: RunView) -> None:
        """New prompts come below: what one looks at stays where it is."""
        table, before = table_of_samples(view.samples), self._table.rows
        rows = dict.fromkeys([*(row for row in before if row in table.rows), *table.rows])
        self._view, self._table = view, replace(table, rows=tuple(rows))
        self.query_one(SampleGrid).show(_pictures(self._table, self._follower.run.path))

    @on(SampleGrid.Moved)
    def _tell(self) -> None:
        table = self._table
        what = f"{counted(len(table.rows), 'prompt')}, {counted(len(table.steps), 'step')}"
        self.query_one("#title", Label).update(Text(f" {what}  {visible(self._view.name)}"), layout=False)

    @on(SampleGrid.Opened)
    def _enlarge(self) -> None:
        """One after the other: of a prompt all steps, then the next prompt."""
        table, grid, folder = self._table, self.query_one(SampleGrid), self._follower.run.path
        places = [
            (row, column)
            for row, prompt in enumerate(table.rows)
            for column, step in enumerate(table.steps)
            if (prompt, step) in table.cells
        ]

        def shown(position: int) -> ShownPicture:
            row, column = places[position]
            sample = table.cells[table.rows[row], table.steps[column]]
            title = f"step {sample.step}  seed {sample.seed}  {visible(sample.prompt)}"
            return ShownPicture(title, folder / sample.path)

        here = places.index((grid.row, grid.column))
        screen = PictureScreen(len(places), shown, here)
        self.app.push_screen(screen, lambda last: grid.go(*places[last or 0]))

    def action_close(self) -> None:
        self.dismiss()


def _pictures(table: SampleTable, folder: Path) -> PictureTable:
    """Samples whose files lie in the folder of a run, as they are shown."""
    rows, columns = ({each: at for at, each in enumerate(all_)} for all_ in (table.rows, table.steps))
    return PictureTable(
        tuple((row.prompt or "(no prompt)", f"seed {row.seed}") for row in table.rows),
        len(columns),
        {
            (rows[row], columns[step]): PictureOf(f"step {step:,}", folder / sample.path, sample.at)
            for (row, step), sample in table.cells.items()
        },
    )
