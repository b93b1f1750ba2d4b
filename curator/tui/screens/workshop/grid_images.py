"""The images of a grid, by its axes; what is under the cursor is told whole, enlarged, or baked into its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Label

from curator.contract.text import counted, visible
from curator.runs.words import bytes_in_words
from curator.session.training.grids import bake_cell, choose_cell, image_of, open_grid
from curator.tui import meanings
from curator.tui.background import user_errors_shown
from curator.tui.completing.completion import paths
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.screens.dialogs.at_work import Progress, do_writing
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, path_of
from curator.tui.screens.images.picture import PictureScreen, ShownPicture
from curator.tui.widgets.cells.sample_grid import PictureOf, PictureTable, SampleGrid
from curator.tui.widgets.frame.chrome import Foot
from curator.tui.widgets.lists.lines import Passage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curator.session.session import Session
    from curator.session.training.grids import ChosenCell, GridCell, GridFile

KEYS = (
    KeyAction("grid_images.choose", "c", "choose", "bake the adapters of this one into its model", "choose"),
    KeyAction("grid_images.close", "escape,q", "close", "back to the grids", "close"),
)


class GridPictures(NamedTuple):
    """A grid in its folder, and its cells as pictures: columns as in it, the rows of all pages below each other."""

    folder: Path
    grid: GridFile
    table: PictureTable
    cells: Mapping[tuple[int, int], GridCell]


def laid_out(folder: Path) -> GridPictures:
    """The grid in a folder, to be shown.

    Raises:
        UserError: none is there, or its file is damaged.
    """
    grid = open_grid(folder)
    down = grid.length(1)
    rows = [
        ", ".join(label for label in (page, row) if label) or grid.title
        for page in grid.labels_at(2)
        for row in grid.labels_at(1)
    ]
    cells: dict[tuple[int, int], GridCell] = {}
    for cell in grid.cells:
        column, row, page = (*cell.at, 0, 0)[:3]
        cells[page * down + row, column] = cell
    pictures = {at: _picture(folder, grid, cell) for at, cell in cells.items()}
    return GridPictures(
        folder, grid, PictureTable(tuple((row, "") for row in rows), grid.length(0), pictures), cells
    )


def _picture(folder: Path, grid: GridFile, cell: GridCell) -> PictureOf:
    path, sign = image_of(folder, cell), " !" if _wrong(cell) else ""
    name = f"{cell.name} {grid.labels_at(0)[cell.at[0]]}{sign}"
    return PictureOf(name, path, path.stat().st_mtime if path else 0.0)


class GridImagesScreen(ModalScreen[None]):
    """The images of one grid."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, shown: GridPictures) -> None:
        super().__init__()
        self._session, self._shown = session, shown

    def compose(self) -> ComposeResult:
        yield Label("", id="title", markup=False)
        yield SampleGrid(self._session.thumbnails.of_file)
        yield Passage(id="whole")
        yield Foot()

    def on_mount(self) -> None:
        shown = self._shown
        axes = " x ".join(f"{axis.name} {len(axis.labels):,}" for axis in shown.grid.axes)
        title = f" {counted(len(shown.cells), 'cell')}, {axes}  {visible(shown.folder.name)}"
        self.query_one("#title", Label).update(Text(title, no_wrap=True, overflow="ellipsis"))
        self.query_one(SampleGrid).show(shown.table)

    @property
    def _cell(self) -> GridCell:
        grid = self.query_one(SampleGrid)
        return self._shown.cells[grid.row, grid.column]

    @on(SampleGrid.Moved)
    def _tell(self) -> None:
        self.query_one(Passage).say(_whole(self._shown, self._cell))

    @on(SampleGrid.Opened)
    def _enlarge(self) -> None:
        """One after the other: of a row all columns, then the next row."""
        table, grid = self._shown.table, self.query_one(SampleGrid)
        places = sorted(at for at, picture in table.pictures.items() if picture.path)

        def shown(position: int) -> ShownPicture | None:
            cell, path = self._shown.cells[places[position]], table.pictures[places[position]].path
            title = f"{cell.name}  {visible(', '.join(self._shown.grid.labels(cell)))}"
            return ShownPicture(title, path) if path else None

        screen = PictureScreen(len(places), shown, places.index((grid.row, grid.column)))
        self.app.push_screen(screen, lambda last: grid.go(*places[last or 0]))

    @user_errors_shown
    def action_choose(self) -> None:
        """Show the command that bakes it, and offer to do it at once."""
        chosen = choose_cell(self._shown.grid, self._cell.name)
        usual = self._shown.folder.parent / chosen.usual_place
        lines = [Text(f" {visible(Path(file).name)} at {ratio:g}") for file, ratio in chosen.adapters]
        lines += [
            Text(" into ").append(visible(chosen.model), "bold"),
            Text(),
            Text(" As a command:", "italic"),
            Text(f" {visible(chosen.command(usual))}"),
        ]
        question = f"Bake {chosen.name} into a model of its own?"
        self.app.push_screen(
            Proposal(question, lines), lambda yes: self._ask_where(chosen, usual) if yes else None
        )

    def _ask_where(self, chosen: ChosenCell, usual: Path) -> None:
        def bake(result: object) -> None:
            if result is not None:
                self._bake(chosen, cast("Path", result))

        line = FormLine("out", "bake to", str(usual), "a file that ends in .safetensors", paths())
        form = Form(f"Bake {chosen.name}", [line], lambda values: path_of(values, "out"))
        self.app.push_screen(form, bake)

    def _bake(self, chosen: ChosenCell, out: Path) -> None:
        def work(tell: Progress, replace: bool) -> Sequence[Mapping[str, str]]:
            return bake_cell(chosen, out, tell, replaces=replace)

        def told(doubts: Sequence[Mapping[str, str]] | None) -> None:
            if doubts is not None:
                said = [
                    f"{chosen.name}, as {visible(str(out))}",
                    *(f"{each['what']}: {each['hint']}" for each in doubts),
                ]
                self.notify(". ".join(said), title="Baked", markup=False)

        do_writing(self, "baking", work, told, bytes_in_words)

    def action_close(self) -> None:
        self.dismiss()


def _wrong(cell: GridCell) -> str:
    """What is the matter with a cell; empty where nothing is."""
    return (
        f"failed: {cell.failed}" if cell.failed else f"collapsed: {cell.collapsed}" if cell.collapsed else ""
    )


def _whole(shown: GridPictures, cell: GridCell) -> Text:
    """A cell with all that its image is made with; the prompt has a line of its own."""
    image, grid = cell.image, shown.grid
    labels = zip(grid.axes, grid.labels(cell), strict=True)
    said = ", ".join(label for axis, label in labels if axis.name != "prompt")
    text = Text(cell.name, "bold").append(f"  {visible(said)}", "not bold")
    if wrong := _wrong(cell):
        text.append(f"\n! {visible(wrong)}", meanings.MISTAKE)
    elif image_of(shown.folder, cell) is None:
        text.append("\nnot made yet", meanings.FINDING)
    adapters = " + ".join(f"{_short(file)} at {ratio:g}" for file, ratio in image.adapters)
    model = _short(grid.models[image.model])
    size = f"  {image.width}x{image.height}" if image.width else ""
    made = f"{model}, {adapters or 'no adapter'}  seed {image.seed}  {counted(image.steps, 'step')}"
    text.append(f"\n{visible(made)}  scale {image.scale:g}  {image.sampler}{size}", "not bold")
    negative = f"  without: {image.negative_prompt}" if image.negative_prompt else ""
    return text.append(f"\n{visible(image.prompt + negative)}", "not bold")


def _short(file: str) -> str:
    """The name of a model or adapter without its folder."""
    return Path(file).name.removesuffix(".safetensors")
