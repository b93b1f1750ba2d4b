"""The Train screen: manifest, preset and every knob in one list, steps below, launch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Input, Label

from curator.contract.errors import UserError
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.presets import presets
from curator.contract.run.outlook_words import outlook_lines
from curator.contract.text import visible
from curator.session.training.run_queue import Queued
from curator.tui.background import in_background, progress_on_status, user_errors_shown, write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import (
    CollectionChanged,
    Place,
    RunLaunched,
    StatusChanged,
    UserErrorRaised,
    WorkDone,
    WorkRefused,
)
from curator.tui.screens.dialogs.questions import KEYS as DIALOG_KEYS
from curator.tui.screens.dialogs.questions import Confirm, said
from curator.tui.screens.training.recipe_list import RecipeList
from curator.tui.screens.training.training_outlook import TrainingOutlook
from curator.tui.text.recipe_form import (
    HEAD,
    FormRow,
    RecipeForm,
    change_remembered,
    form_from,
    in_text,
    range_in_words,
    remembered_form,
)
from curator.tui.text.training_words import length_in_words
from curator.tui.widgets.entries.entry import Entry
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Span
    from curator.contract.recipe.fields import FieldInfo
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunFolder
    from curator.session.session import Session
    from curator.session.training.manifests import FrozenManifest

KEYS = (
    KeyAction("train.launch", "L", "launch", "start the training", "launch"),
    KeyAction("train.queue", "Q", "launch(True)", "put it in the queue: it begins in its turn", "queue"),
    KeyAction("train.check", "C", "check", "try it out first: two steps, a sample, a save", "try out"),
    KeyAction("train.next", "space,right,l", "turn(1)", "next choice", "change"),
    KeyAction("train.back", "left,h", "turn(-1)", "previous choice"),
    KeyAction("train.reset", "backspace", "reset", "back to the preset's value", "preset's value"),
    KeyAction("train.find", "slash", "find", "find a field", "find"),
    KeyAction("train.fold", "z", "fold", "fold the section, or unfold it", "fold"),
    KeyAction("train.fold_all", "Z", "fold(True)", "fold all sections, or unfold them"),
    KeyAction("train.memory", "m", "memory", "reckon the memory it takes, part by part"),
    KeyAction("value.stay", "tab,shift+tab", "stay", "stay in the line one types in"),
)


class _ValueEntry(Entry):
    BINDINGS = [*bindings(DIALOG_KEYS, "dialog.close"), *bindings(KEYS, "value")]

    def action_stay(self) -> None:
        """Not to the list: what one types next is still meant for this line."""

    def action_close(self) -> None:
        cast("TrainScreen", self.screen).leave_entry()


_T = TypeVar("_T")


class TrainScreen(Screen):
    """The form is a list; enter edits the line under the cursor, below the list, with its help and range."""

    BINDINGS = bindings(KEYS, "train")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._form = remembered_form(session)
        self._run_name = str(session.memory.recall("run", "run"))
        self._manifests: list[FrozenManifest] = []
        self._manifest: FrozenManifest | None = None
        self._spans: tuple[Span, ...] = ()
        self._finding = False

    def compose(self) -> ComposeResult:
        yield TabLine("Train")
        with Horizontal(id="body"):
            yield Vertical(PanelTitle("Recipe", of="#form", spare=True), RecipeList(id="form"), id="left")
            yield Vertical(PanelTitle("Outlook", spare=True), TrainingOutlook(id="outlook"), id="beside")
        yield Label("", id="about", markup=False)
        yield _ValueEntry(id="value")
        yield Label("", id="steps", markup=False)
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one("#value").display = False
        self.query_one("#form").focus()

    def on_screen_resume(self) -> None:
        """There may be other manifests, and another batch size from Subsets."""
        self._read()

    @on(CollectionChanged)
    def _read(self) -> None:
        self._form = remembered_form(self._session)
        self._manifests = self._session.freezing.manifests()
        wanted = self._manifest.name if self._manifest else str(self._session.memory.recall("manifest", ""))
        named = [each for each in self._manifests if each.name == wanted]
        self._use((named or self._manifests or [None])[0])

    def _use(self, manifest: FrozenManifest | None) -> None:
        self._manifest, self._spans = manifest, ()
        if manifest:
            try:
                with open_manifest(manifest.path) as opened:
                    self._spans = tuple(opened.spans)
            except UserError as error:
                self.post_message(UserErrorRaised(error))
        self._show()

    # what is seen

    def _show(self) -> None:
        self._list.show_form(self._form, {name: self._head_value(name) for name in HEAD})
        self._show_steps()

    @property
    def _list(self) -> RecipeList:
        return self.query_one(RecipeList)

    def _head_value(self, name: str) -> str:
        if name == "manifest":
            return self._manifest.name if self._manifest else "(none: freeze one first, 4)"
        if name == "preset":
            return f"{self._form.preset}: {presets()[self._form.preset]}"
        return self._run_name

    @on(LineList.Moved, "#form")
    def _show_about(self) -> None:
        row = self._row
        if row.field:
            about = f" {row.name}: {row.field.help}\n {row.field.kind}: {range_in_words(row.field)}"
        else:
            about = " " + {
                "manifest": "space: another manifest",
                "preset": "space: another preset; what you changed stays changed",
                "name of the run": "enter: another name; the folder is runs/DATE-NAME",
            }.get(row.name, "z: unfold; Z: all")
        self.query_one("#about", Label).update(Text(about + ("" if "\n" in about else "\n")), layout=False)

    def _show_steps(self) -> None:
        try:
            recipe = self._form.recipe()
            self.query_one(TrainingOutlook).show_recipe(recipe, self._spans)
            text = length_in_words(recipe, self._spans)
            if recipe.model.path:
                self._session.runs.check_models(recipe)
        except UserError as error:
            text = said(error)
        self.query_one("#steps", Label).update(text, layout=False)

    # what is changed

    @property
    def _row(self) -> FormRow:
        return self._list.row

    def action_turn(self, places: int) -> None:
        row = self._row
        if field := row.field:
            self._change(lambda form: form.turned(field, places))
        elif row.name == "manifest" and self._manifests:
            self._use(_next(self._manifests, self._manifest, places))
        elif row.name == "manifest":
            self.notify("No manifest yet: 4 freezes one.", markup=False)
        elif row.name == "preset":
            name = _next(sorted(presets()), self._form.preset, places)
            self._change(lambda form: form_from(dict(form.changes), name))

    def action_reset(self) -> None:
        if (field := self._row.field) and field.name in dict(self._form.changes):
            self._change(lambda form: form.reset(field))
        else:
            self.notify("Nothing is changed here.", markup=False)

    @user_errors_shown
    def _change(self, change: Callable[[RecipeForm], RecipeForm]) -> None:
        """Show the change at once; what stands in the collection is changed by itself, and shown where it differs."""
        self._form = change(self._form)
        self._show()
        write(self, lambda: change_remembered(self._session, change), self._remembered)

    def _remembered(self, form: RecipeForm) -> None:
        if form != self._form:
            self._form = form
            self._show()

    @on(LineList.Chosen, "#form")
    def _edit(self) -> None:
        row = self._row
        if (row.field and isinstance(row.field.default, bool)) or row.name in ("manifest", "preset"):
            self.action_turn(1)
        elif row.field:
            self._open_entry(in_text(self._form.values[row.name], row.field))
        elif row.name in HEAD:
            self._open_entry(self._run_name)

    def action_fold(self, every: bool = False) -> None:
        self._list.fold(every=every)

    def action_find(self) -> None:
        self._finding = True
        about = Text(" find a field by any part of its name, else of its help; enter on it edits it\n")
        self.query_one("#about", Label).update(about, layout=False)
        self._open_entry("")

    def _open_entry(self, value: str) -> None:
        entry = self.query_one("#value", _ValueEntry)
        entry.value, entry.display = value, True
        entry.cursor_position = len(value)
        entry.focus()

    def leave_entry(self) -> None:
        """Close the line one types in and go back to the list."""
        self._finding = False
        self.query_one("#value").display = False
        self.query_one("#form").focus()
        self._show_about()
        self._show_steps()

    @on(Input.Changed, "#value")
    def _try(self, event: Input.Changed) -> None:
        if self._finding:
            self._list.find(event.value)
        elif self._row.field and self.query_one("#value").has_focus:
            self._checked(self._row.field, event.value, keep=False)

    @on(Input.Submitted, "#value")
    def _take(self, event: Input.Submitted) -> None:
        if self._finding or not self._row.field:
            if not self._finding:
                self._run_name = event.value.strip() or "run"
            self.leave_entry()
            self._show()
        elif self._checked(self._row.field, event.value, keep=True):
            self.leave_entry()

    def _checked(self, field: FieldInfo, text: str, *, keep: bool) -> bool:
        """Whether the text will do; a mistake is said in place at once."""
        try:
            self._form.typed(field, text)
        except UserError as error:
            self.query_one("#steps", Label).update(said(error), layout=False)
            return False
        if keep:
            self._change(lambda form: form.typed(field, text))
        else:
            self._show_steps()
        return True

    def place(self) -> dict[str, object]:
        """What a restart should find again, besides the form."""
        return {"run": self._run_name, "manifest": self._manifest.name if self._manifest else ""}

    # the launch

    @user_errors_shown
    def action_launch(self, queued: bool = False) -> None:
        recipe, manifest = self._ready()
        self.post_message(Place(self.place()))
        asked = "Put in the queue:" if queued else "Start training"
        waits, words = Queued() if queued else None, dedent(length_in_words(recipe, self._spans).plain)
        question = Confirm(f"{asked} '{visible(self._run_name)}'?", words)
        path = manifest.path
        self.app.push_screen(question, lambda yes: self._launch(path, recipe, waits) if yes else None)

    def _ready(self) -> tuple[Recipe, FrozenManifest]:
        if self._manifest is None:
            raise UserError("there is no manifest to train on", "freeze one first: press 4")
        recipe = self._form.recipe()
        if not recipe.model.path:
            raise UserError("the recipe names no base model", "fill in model.path: / path, then enter")
        self._session.runs.check_models(recipe)
        return recipe, self._manifest

    def _launch(self, manifest: Path, recipe: Recipe, queued: Queued | None) -> None:
        self.post_message(StatusChanged("starting the worker"))
        runs, name = self._session.runs, self._run_name
        in_background(self, "launch", lambda: runs.launch(manifest, recipe, name, queued=queued))

    @user_errors_shown
    def action_check(self) -> None:
        """Whether it fits, how long it takes: asked before the launch, which a yes then is."""
        recipe, manifest = self._ready()
        path, runs, progress = manifest.path, self._session.runs, progress_on_status(self, "trying it out")
        in_background(self, "check", lambda: (path, recipe, runs.preflight(path, recipe, 1, progress)))

    @user_errors_shown
    def action_memory(self) -> None:
        """From the shapes of the model, which take seconds to learn."""
        recipe, _ = self._ready()
        self.post_message(StatusChanged("reckoning the memory"))
        in_background(self, "memory", lambda: (recipe, self._session.runs.memory(recipe)))

    def _show_outlook(self, manifest: Path, recipe: Recipe, outlook: Mapping[str, Any]) -> None:
        fits = "" if outlook["fits"] else " although it does not fit"
        asked = f"Start training '{visible(self._run_name)}'{fits}?"
        question = Confirm(asked, "\n".join(outlook_lines(outlook)))
        self.app.push_screen(question, lambda yes: self._launch(manifest, recipe, None) if yes else None)

    def on_work_done(self, message: WorkDone) -> None:
        self.post_message(StatusChanged(""))
        if message.kind == "check":
            self._show_outlook(*cast("tuple[Path, Recipe, Mapping[str, Any]]", message.result))
        elif message.kind == "memory":
            outlook = self.query_one(TrainingOutlook)
            outlook.show_memory(*cast("tuple[Recipe, Mapping[str, Any] | None]", message.result))
        else:
            self.post_message(RunLaunched(cast("RunFolder", message.result).path.name))

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(message.error))


def _next(choices: Sequence[_T], current: object, places: int) -> _T:
    place = next((at + places for at, each in enumerate(choices) if each == current), 0)
    return choices[place % len(choices)]
