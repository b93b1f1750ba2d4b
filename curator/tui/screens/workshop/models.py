"""The Models screen: model files at hand and what they say of themselves; merged, baked, compared, led back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen

from curator.contract.base_model.family import FAMILIES
from curator.contract.text import counted, visible
from curator.runs.words import bytes_in_words
from curator.session.training import model_list, models
from curator.tui import meanings
from curator.tui.background import in_background, user_errors_shown
from curator.tui.completing.completion import paths
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.at_work import do_longer
from curator.tui.screens.dialogs.questions import Form, FormLine, path_of
from curator.tui.screens.dialogs.told import tell
from curator.tui.screens.workshop.baking import bake_job
from curator.tui.screens.workshop.comparing import compare_with
from curator.tui.screens.workshop.merging import merge_job
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines, fitted

if TYPE_CHECKING:
    from textual.timer import Timer

    from curator.session.session import Session
    from curator.session.training.model_list import ListedModel

KEYS = (
    KeyAction("models.merge", "m", "merge", "merge it with others into a new one", "merge"),
    KeyAction("models.bake", "b", "bake", "bake adapters into it", "bake"),
    KeyAction("models.compare", "c", "compare", "how it differs from another, block by block", "compare"),
    KeyAction("models.origin", "w", "origin", "where it comes from: run, manifest, ancestors", "origin"),
    KeyAction("models.hashes", "H", "hashes", "the hashes by which model sites and programs know it"),
    KeyAction("models.add", "a", "add", "have another file in this list", "add"),
    KeyAction("models.forget", "d", "forget", "take it from this list; the file stays"),
    KeyAction("models.close", "escape", "close", "back", "back"),
)
T = TypeVar("T")
_REST_S = 0.15  # after a move of the cursor
_FACT_CELLS = 16
_KIND_CELLS = 12


class ModelsScreen(Screen[None]):
    """Files a person named and the newest weights of the runs; escape goes back to Runs."""

    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    ModelsScreen LineList { height: auto; min-height: 1; max-height: 50%; }
    ModelsScreen #facts { height: 1fr; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._models: list[ListedModel] = []
        self._wanted: Path | None = None
        self._passing: Timer | None = None
        self._merge, self._bake = merge_job(), bake_job()

    def compose(self) -> ComposeResult:
        yield TabLine("Runs")
        yield PanelTitle("Models", of="LineList", id="about")
        yield LineList(empty=" looking...")
        yield PanelTitle("What it says of itself", id="facts-title", spare=True)
        yield Lines(id="facts")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(LineList).focus()
        self._look()

    def _look(self) -> None:
        session = self._session

        def look() -> list[ListedModel]:
            return model_list.models_at_hand(model_list.named_models(session.memory), session.runs.all())

        in_background(self, "look", look, keys_wait=True)

    def on_work_done(self, message: WorkDone) -> None:
        if message.kind == "facts":
            path, facts = cast("tuple[Path, dict[str, str]]", message.result)
            if (here := self._current) and here.path == path:
                self.query_one("#facts", Lines).show([*fact_lines(facts)])
            return
        self._models = cast("list[ListedModel]", message.result)
        shown, wanted = self.query_one(LineList), self._wanted
        self.query_one("#about", PanelTitle).say(counted(len(self._models), "model"))
        shown.empty = " none yet: a adds a file, and the weights of runs come by themselves"
        cursor = next((at for at, each in enumerate(self._models) if each.path == wanted), None)
        self._wanted = None
        shown.show(len(self._models), self._line, cursor)

    def on_work_refused(self, message: WorkRefused) -> None:
        if message.kind == "facts":  # the cursor only passes
            text = Text(f" {visible(message.error.what)}", meanings.MISTAKE)
            self.query_one("#facts", Lines).show([text, Text(f" {visible(message.error.hint)}")])
        else:
            self.post_message(UserErrorRaised(message.error))

    @property
    def _current(self) -> ListedModel | None:
        cursor = self.query_one(LineList).cursor
        return self._models[cursor] if cursor < len(self._models) else None

    @on(LineList.Moved)
    def _show_current(self) -> None:
        """What the model under the cursor says, once the cursor rests."""
        if self._passing:
            self._passing.stop()
        self._passing = self.set_timer(_REST_S, self._show_rested)

    def _show_rested(self) -> None:
        model = self._current
        if model is None or model.problem or model.kind == model_list.PICKLE:
            said = "" if model is None else model.problem or f"{model_list.PICKLE}: enter looks into it"
            self.query_one("#facts", Lines).show([Text(f" {visible(said)}", meanings.QUIET)])
            return
        in_background(self, "facts", lambda: (model.path, models.facts_of(models.model_info(model.path))))

    def _line(self, position: int, width: int) -> Text:
        """Name, kind, size, and whose it is as far as there is room."""
        model = self._models[position]
        whose = model.whose or str(model.path.parent)
        about = f" {fitted(visible(model.kind), _KIND_CELLS)} {bytes_in_words(model.bytes):>9} "
        if model.problem:
            about = f" ! {visible(model.problem)} "
        name_cells = max(12, min(40, (width - len(about)) * 3 // 5))
        line = Text(f" {fitted(visible(model.path.name), name_cells)}", "bold")
        line.append(about, meanings.MISTAKE if model.problem else "not bold")
        return line.append(visible(whose), f"{meanings.QUIET} not bold")

    # looked into

    @on(LineList.Chosen)
    def _tell_facts(self) -> None:
        """All that it says; of a pickle PyTorch is asked, without running it."""
        self._ask(lambda path: models.facts_of(models.model_info(path)), "looking", fact_lines)

    def action_hashes(self) -> None:
        """Those of model sites and programs; the whole file is read."""
        self._ask(lambda path: models.hashes_by_word(models.model_hashes(path)), "reading", fact_lines)

    def action_origin(self) -> None:
        """Run, recipe, manifest, selection and ancestors."""
        session = self._session

        def origin(path: Path) -> list[str]:
            found = models.explain_model(path, session.runs.folder, session.manifests.folder)
            with session.apart() as own:
                return [*models.origin_lines(found, own.filters.meanings)]

        self._ask(origin, "looking", lambda lines: [Text(f" {visible(each)}") for each in lines])

    def _ask(self, ask: Callable[[Path], T], doing: str, lines: Callable[[T], list[Text]]) -> None:
        """Tell of the model under the cursor what `ask` finds, in a thread."""
        model = self._current
        if model is None:
            self._say_none()
            return
        name = visible(model.path.name)

        def told(found: T | None) -> None:
            if found is not None:
                tell(self, name, lines(found))

        do_longer(self, f"{doing} {name}", lambda _: ask(model.path), told)

    def _say_none(self) -> None:
        self.notify("There is no model here yet: a adds a file.", markup=False)

    # made

    def action_merge(self) -> None:
        """A form, then what the merge would do, then the merge."""
        model = self._current
        here = {"a": str(model.path)} if model and _is_whole(model) else {}
        self._merge.ask(self, here, self._made)

    def action_bake(self) -> None:
        """The same, of adapters and a model: either may be under the cursor."""
        model = self._current
        here = {"model" if _is_whole(model) else "adapter": str(model.path)} if model else {}
        self._bake.ask(self, here, self._made)

    def action_compare(self) -> None:
        if self._current:
            compare_with(self, self._current.path, [each.path for each in self._models])
        else:
            self._say_none()

    def _made(self, path: Path) -> None:
        """A new model is in the list, under the cursor."""
        model_list.name_model(self._session.memory, path)
        self._wanted = path.absolute()
        self._look()

    def action_add(self) -> None:
        def check(values: Mapping[str, str]) -> Path:
            path = path_of(values, "path").absolute()
            models.model_info(path)  # refuses what is no model
            return path

        def add(path: object) -> None:
            if path is not None:
                self._made(cast("Path", path))

        about = "a checkpoint, an adapter, or a diffusers folder"
        line = FormLine("path", "file or folder", "", about, paths())
        self.app.push_screen(Form("Another model", [line], check), add)

    @user_errors_shown
    def action_forget(self) -> None:
        model = self._current
        if model is None:
            self._say_none()
        elif model_list.forget_model(self._session.memory, model.path):
            self.notify(f"{visible(str(model.path))} stays where it is.", title="Off the list", markup=False)
            self._look()
        else:
            what = f"It is {visible(model.whose)}, and here as long as that is."
            self.notify(what, markup=False)

    def action_close(self) -> None:
        self.dismiss()


def _is_whole(model: ListedModel) -> bool:
    """Whether it is a model rather than an adapter or an embedding."""
    return model.kind in FAMILIES or model.kind == model_list.PICKLE


def fact_lines(facts: Mapping[str, str]) -> list[Text]:
    """A line for each fact, its word in front."""
    return [
        Text().append(f" {fitted(visible(name), _FACT_CELLS)} ", meanings.QUIET).append(visible(value))
        for name, value in facts.items()
    ]
