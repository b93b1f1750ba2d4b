"""The Grids screen: images of saved weights side by side, made, looked at, and judged blind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen

from curator.contract.text import counted, visible
from curator.session.training.grids import STANDING_HEADS, compare_grid, judged_axes, open_grid
from curator.tui import meanings
from curator.tui.background import in_background, write
from curator.tui.completing.completion import paths
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.questions import Form, FormLine, path_of, whole_number_of
from curator.tui.screens.dialogs.told import tell
from curator.tui.screens.workshop.grid_images import GridImagesScreen, laid_out
from curator.tui.screens.workshop.judge import JudgeScreen
from curator.tui.screens.workshop.known_grids import KnownGrid, forget, known_grids, remember
from curator.tui.screens.workshop.making import ask_what_to_make
from curator.tui.text.own_words import own_error
from curator.tui.widgets.cells.sample_grid import PictureTable, SampleGrid
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Passage, fitted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from textual.timer import Timer

    from curator.session.session import Session
    from curator.session.training.grids import Comparison, GridFile
    from curator.tui.screens.workshop.grid_images import GridPictures

KEYS = (
    KeyAction("grids.make", "n", "make", "make one, after a look at what that takes", "make"),
    KeyAction("grids.show", "o", "show", "its images", "images"),
    KeyAction("grids.judge", "J", "judge", "judge its images in pairs, blind", "judge"),
    KeyAction("grids.standings", "s", "standings", "what won so far", "what won"),
    KeyAction("grids.add", "a", "add", "one that was made elsewhere", "add"),
    KeyAction("grids.forget", "d", "forget", "take it from the list; its files stay", "off the list"),
    KeyAction("grids.close", "escape", "close", "back", "back"),
)
_REST_S = 0.15  # after a move of the cursor
_NO_PICTURES = PictureTable((), 0, {})
_LEAST_NAME = 12  # cells of a folder's name, before what else there is gets room
_GONE, _DAMAGED = "! gone", "! damaged"


class _Told(NamedTuple):
    """A comparison, and the table of it."""

    folder: Path
    by: tuple[str, ...]
    said: str
    rows: list[tuple[str, ...]]


class GridsScreen(Screen[None]):
    """The grids that were made or opened here, the last one first; escape goes back to Runs."""

    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = "GridsScreen LineList { height: auto; min-height: 1; max-height: 50%; }"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._grids: list[KnownGrid] = []
        self._passing: Timer | None = None
        self._widest: list[int] = []  # of each of their columns
        self._judged_by: dict[Path, tuple[str, ...]] = {}  # as it was last asked for

    def compose(self) -> ComposeResult:
        yield TabLine("Runs")
        yield PanelTitle("Grids", of="LineList", id="about")
        yield LineList(empty=" looking...")
        yield SampleGrid(self._session.thumbnails.of_file)
        yield Passage(id="whole")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(SampleGrid).can_focus = False  # only looked at here
        self.query_one(LineList).focus()
        self._look()

    def _look(self) -> None:
        in_background(self, "look", lambda: known_grids(self._session), keys_wait=True)

    def on_work_done(self, message: WorkDone) -> None:
        if message.kind == "show":
            self.app.push_screen(GridImagesScreen(self._session, cast("GridPictures", message.result)))
        elif message.kind == "pictures":
            shown = cast("GridPictures", message.result)
            if (here := self._current) and here.folder == shown.folder:
                self.query_one(SampleGrid).show(shown.table)
        elif message.kind == "standings":
            self._tell_standings(cast("_Told", message.result))
        else:
            self._grids = cast("list[KnownGrid]", message.result)
            columns = zip(*map(_columns, self._grids), strict=True)
            self._widest = [max(map(cell_len, each)) for each in columns]
            shown = self.query_one(LineList)
            shown.empty = " none yet: n makes one, a adds one that was made elsewhere"
            self.query_one("#about", PanelTitle).say(counted(len(self._grids), "grid"))
            shown.show(len(self._grids), self._line)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(UserErrorRaised(message.error))

    @property
    def _current(self) -> KnownGrid | None:
        cursor = self.query_one(LineList).cursor
        return self._grids[cursor] if cursor < len(self._grids) else None

    @property
    def _wanted(self) -> KnownGrid | None:
        """That under the cursor, for a key that needs one; without one it is said."""
        if self._current is None:
            self.notify("There is no grid here yet: n makes one, a adds one.", markup=False)
        return self._current

    @on(LineList.Moved)
    def _show_whole(self) -> None:
        current = self._current
        self.query_one(Passage).say(_whole(current) if current else Text())
        if self._passing:
            self._passing.stop()
        self._passing = self.set_timer(_REST_S, self._show_pictures)

    def _show_pictures(self) -> None:
        """Those of the grid under the cursor, once the cursor rests."""
        current = self._current
        if current and current.grid:
            in_background(self, "pictures", lambda: laid_out(current.folder))
        else:
            self.query_one(SampleGrid).show(_NO_PICTURES)

    def _line(self, position: int, width: int) -> Text:
        """Its name; behind it as much as there is room for."""
        known, about = self._grids[position], ""
        for each, widest in zip(_columns(known), self._widest, strict=True):
            if width - cell_len(about) - widest - 4 >= _LEAST_NAME:
                about += f"  {fitted(each, widest)}" if widest else ""
        line = Text(f" {fitted(visible(known.folder.name), width - cell_len(about) - 2)} ", "bold")
        line.append(about, "not bold")
        if known.fault:
            line.highlight_words([_GONE, _DAMAGED], meanings.MISTAKE)
        elif known.made < known.images:
            line.highlight_words([_columns(known)[0]], meanings.FINDING)
        return line

    # one more, one less

    def action_make(self) -> None:
        ask_what_to_make(self, self._session, self._look)

    def action_add(self) -> None:
        """One that was made by the command, or on another machine."""

        def check(values: Mapping[str, str]) -> Path:
            folder = path_of(values, "folder").absolute()
            open_grid(folder)
            remember(self._session, folder)
            return folder

        line = FormLine("folder", "folder", "", "of a grid that was made elsewhere", paths(only_folders=True))
        form = Form("Add a grid", [line], check)
        self.app.push_screen(form, lambda added: self._look_at_first() if added else None)

    def _look_at_first(self) -> None:
        self.query_one(LineList).go(0)
        self._look()

    def action_forget(self) -> None:
        if current := self._wanted:

            def gone(_: None) -> None:
                self.notify(f"{visible(current.folder.name)} is off the list; its files stay.", markup=False)
                self._look()

            write(self, lambda: forget(self._session, current.folder), gone)

    # looked at and judged

    @on(LineList.Chosen)
    def action_show(self) -> None:
        if current := self._wanted:
            in_background(self, "show", lambda: laid_out(current.folder), keys_wait=True)

    def action_judge(self) -> None:
        """By what, and in which order, is asked."""
        if (current := self._wanted) is None:
            return
        if current.grid is None:
            if current.fault:
                self.post_message(UserErrorRaised(current.fault))
            return
        folder, axes = current.folder, [axis.name for axis in current.grid.axes]
        lines = (
            FormLine("by", "by", ", ".join(self._by(current)), f"which is judged of: {', '.join(axes)}"),
            FormLine("seed", "order", "0", "another number, another order of the pairs"),
        )

        def check(values: Mapping[str, str]) -> Comparison:
            seed = whole_number_of(values, "seed", "order")
            by = [word for each in values["by"].split(",") if (word := each.strip())]
            return compare_grid(folder, by, seed)

        def begin(result: object) -> None:
            if result is not None:
                comparison = cast("Comparison", result)
                self._judged_by[folder] = comparison.by
                self.app.push_screen(JudgeScreen(comparison), lambda _: self._judged(comparison))

        title = f"Judge {visible(folder.name)} blind"
        self.app.push_screen(Form(title, lines, check), begin)

    def _judged(self, comparison: Comparison) -> None:
        self._look()
        if comparison.done:
            self._tell_standings(_told(comparison))

    def _by(self, known: KnownGrid) -> tuple[str, ...]:
        return self._judged_by.get(known.folder) or (judged_axes(known.grid) if known.grid else ())

    def action_standings(self) -> None:
        if current := self._wanted:
            folder, by = current.folder, self._by(current)
            in_background(self, "standings", lambda: _told(compare_grid(folder, by)), keys_wait=True)

    def _tell_standings(self, told: _Told) -> None:
        title = f"{visible(told.folder.name)}: {told.said}, by {' and '.join(told.by)}"
        tell(self, title, _table(told.rows))

    def action_close(self) -> None:
        self.dismiss()


def _told(comparison: Comparison) -> _Told:
    said = f"{comparison.done:,} of {counted(comparison.total, 'pair')} judged"
    return _Told(comparison.folder, comparison.by, said, [each.in_words() for each in comparison.standings()])


def _table(rows: list[tuple[str, ...]]) -> list[Text]:
    """Numbers under their heads, and last the candidate, of which some are long."""
    heads = STANDING_HEADS[1:]
    numbers = [
        "".join(f"{cell:>{len(head) + 2}}" for head, cell in zip(heads, row[1:], strict=True)) for row in rows
    ]
    head = "".join(f"  {head}" for head in heads)
    lines = [Text(f"{head}  {STANDING_HEADS[0]}", meanings.QUIET)]
    return [
        *lines,
        *(Text(f"{each}  ").append(visible(row[0]), "bold") for each, row in zip(numbers, rows, strict=True)),
    ]


def _columns(known: KnownGrid) -> tuple[str, str, str]:
    """What stands behind a name: images, axes, pairs."""
    if known.grid is None:
        return (_GONE if known.is_gone else _DAMAGED, "", "")
    judged = f"{counted(known.judged, 'pair')} judged" if known.judged else _DAMAGED if known.fault else ""
    return (f"{known.made:,} of {counted(known.images)}", _axes(known.grid), judged)


def _axes(grid: GridFile) -> str:
    return " x ".join(f"{axis.name} {len(axis.labels):,}" for axis in grid.axes)


def _whole(known: KnownGrid) -> Text:
    """All that is known of it."""
    text, grid = Text(), known.grid
    if grid is not None:
        models = visible(", ".join(grid.models))
        text.append(f"{visible(grid.title)}: {_axes(grid)}", "bold").append(f", of {models}\n", "not bold")
    if known.fault:
        what, hint = own_error(known.fault)
        if known.is_gone:
            what, hint = "the folder is not there now", "d takes it from the list"
        text.append(f"! {what}", meanings.MISTAKE).append(f": {hint}\n", "not bold")
    elif known.made < known.images:
        missing = counted(known.images - known.made)
        text.append(f"{missing} to make: n with the same spec and folder goes on\n", "not bold")
    return text.append(visible(str(known.folder)), "not bold")
