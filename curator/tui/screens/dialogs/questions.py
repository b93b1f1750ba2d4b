"""Dialogs: a question with a count, or a few lines to fill in that are checked in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from curator.contract.errors import UserError
from curator.tui.background import write
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.text.own_words import own_error
from curator.tui.widgets.entries.completing_entry import CompletingEntry
from curator.tui.widgets.entries.entry import Entry
from curator.tui.widgets.lists.lines import Passage

if TYPE_CHECKING:
    from curator.tui.completing.completion import Complete

KEYS = (
    KeyAction("dialog.close", "escape", "close", "leave without a change", "cancel"),
    KeyAction("dialog.yes", "y", "yes", "yes", "yes"),
    KeyAction("dialog.no", "n,escape,q", "no", "no", "no"),
)


_LABEL_CELLS = 14  # so wide is the column of labels at least: values stand in the same place in most forms


class Confirm(ModalScreen[bool]):
    """A question; y or enter says yes, n or escape no."""

    BINDINGS = [*bindings(KEYS), ("enter", "yes", "yes")]

    def __init__(self, question: str, detail: str = "") -> None:
        super().__init__()
        self._question, self._detail = question, detail

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(Text(self._question, "bold"))
            if self._detail:
                with VerticalScroll(classes="body", can_focus=False):
                    yield Label(Text(self._detail))
            yield Label("y  yes      n  no", classes="hint")

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)

    def action_close(self) -> None:
        self.dismiss(False)


class FormLine(NamedTuple):
    """One line of a form; with `complete`, what is typed is completed."""

    name: str
    label: str
    value: str
    help: str
    complete: Complete | None = None


class Form(ModalScreen[object]):
    """A few lines to fill in; enter gives `check`'s result, which may refuse with a mistake shown in place."""

    BINDINGS = bindings(KEYS, "dialog.close")

    def __init__(
        self, title: str, lines: Sequence[FormLine], check: Callable[[Mapping[str, str]], object]
    ) -> None:
        super().__init__()
        self._title, self._lines, self._check = title, lines, check

    def compose(self) -> ComposeResult:
        widest = max(cell_len(line.label) for line in self._lines)
        with Vertical(classes="dialog form"):
            yield Label(Text(self._title, "bold"))
            with VerticalScroll(classes="body", can_focus=False):
                for line in self._lines:
                    with Horizontal(classes="form-line"):
                        label = Label(Text(line.label), classes="form-label")
                        label.styles.width = max(widest, _LABEL_CELLS) + 2
                        yield label
                        if line.complete:
                            yield CompletingEntry(line.complete, line.value, id=f"line-{line.name}")
                        else:
                            yield Entry(line.value, id=f"line-{line.name}")
            yield Passage(id="help")
            yield Label("", id="mistake", markup=False)
            tab = [*(["completes"] if any(line.complete for line in self._lines) else [])]
            tab += ["next line"] if len(self._lines) > 1 else []
            does = f"   tab {', '.join(tab)}" if tab else ""
            yield Label(f"enter accepts{does}   esc cancels", classes="hint")

    def on_mount(self) -> None:
        self.query(Entry).first().focus()

    def on_descendant_focus(self) -> None:
        """Say what the line is for, below; one help at a time leaves room for all lines at 80x24."""
        for line in self._lines:
            if self.query_one(f"#line-{line.name}").has_focus:
                self.query_one("#help", Passage).say(Text(line.help, "italic"))

    @on(Input.Submitted)
    def accept(self) -> None:
        """Check and close, or say what is wrong and stay."""
        values = {line.name: self.query_one(f"#line-{line.name}", Entry).value for line in self._lines}
        write(self, lambda: self._check(values), self._take, self._refuse)

    def _take(self, result: object) -> None:
        self.dismiss(result)

    def _refuse(self, error: UserError) -> None:
        self.query_one("#mistake", Label).update(said(error))

    def action_close(self) -> None:
        self.dismiss(None)


def said(error: UserError) -> Text:
    """A mistake in a dialog or below a form: what in bold, the hint under it."""
    what, hint = own_error(error)
    return Text(f"! {what}", "bold").append(f"\n  {hint}", "not bold")


def number_of(values: Mapping[str, str], name: str, label: str) -> float:
    """The number typed in a line.

    Raises:
        UserError: it is none.
    """
    try:
        return float(values[name])
    except ValueError as error:
        raise UserError(f"{label}: '{values[name]}' is no number", "type a number such as 1.5") from error


def whole_number_of(values: Mapping[str, str], name: str, label: str) -> int:
    """The whole number typed in a line.

    Raises:
        UserError: it is none.
    """
    try:
        return int(values[name])
    except ValueError as error:
        raise UserError(f"{label}: '{values[name]}' is no whole number", "type one such as 64") from error


def path_of(values: Mapping[str, str], name: str) -> Path:
    """The path typed in a line; `~` is the home folder.

    Raises:
        UserError: there is none.
    """
    typed = values[name].strip()
    if not typed:
        raise UserError("no file or folder was given", "type its path; tab completes")
    return Path(typed).expanduser()


def yes_or_no(values: Mapping[str, str], name: str, label: str) -> bool:
    """The yes or no typed in a line.

    Raises:
        UserError: it is neither.
    """
    word = values[name].strip().lower()
    if word not in ("yes", "no", "y", "n"):
        raise UserError(f"{label}: '{values[name]}' is neither", "type yes or no")
    return word.startswith("y")
