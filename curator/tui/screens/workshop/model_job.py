"""A model made from others in the app: asked for in a form, said what it will be, and made after a yes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from rich.text import Text

from curator.contract.text import visible
from curator.runs.words import bytes_in_words
from curator.tui.screens.dialogs.at_work import Progress, do_longer, do_writing
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine

if TYPE_CHECKING:
    from textual.screen import Screen

Report = Mapping[str, Any]  # of the trainer's program


class Make(Protocol):
    """Make it, or with `is_dry` only say what it would be."""

    def __call__(self, tell: Progress, *, replaces: bool, is_dry: bool) -> Report: ...


class Asked(NamedTuple):
    """What a filled-in form asks for, and where the result goes."""

    make: Make
    out: Path


@dataclass
class ModelJob:
    """A kind of such work: `doing` names it, `read` understands its form, `tell` tells of its end.

    What was typed last stands in the form again.
    """

    title: str
    doing: str
    lines: Sequence[FormLine]
    read: Callable[[Mapping[str, str]], Asked]
    tell: Callable[[Screen[Any], Report], None]
    _typed: dict[str, str] = field(default_factory=dict)

    def ask(self, screen: Screen[Any], here: Mapping[str, str], made: Callable[[Path], None]) -> None:
        """Ask over `screen`; `here` goes before what was typed last, and `made` hears of the result."""
        values = {**self._typed, **here}
        lines = [line._replace(value=values.get(line.name, line.value)) for line in self.lines]

        def check(typed: Mapping[str, str]) -> Asked:
            self._typed = dict(typed)
            return self.read(typed)

        def begin(asked: object) -> None:
            if asked is not None:
                self._plan(screen, cast("Asked", asked), made)

        screen.app.push_screen(Form(self.title, lines, check), begin)

    def _plan(self, screen: Screen[Any], asked: Asked, made: Callable[[Path], None]) -> None:
        def look(tell: Progress, replaces: bool) -> tuple[Report, bool]:
            return asked.make(tell, replaces=replaces, is_dry=True), replaces

        def ask(found: tuple[Report, bool] | None) -> None:
            if found is not None:
                plan, replaces = found
                question = f"Write {visible(str(asked.out))}?"
                screen.app.push_screen(
                    Proposal(question, _plan_lines(plan)), lambda yes: make(replaces) if yes else None
                )

        def make(replaces: bool) -> None:
            do_longer(
                screen,
                self.doing,
                lambda tell: asked.make(tell, replaces=replaces, is_dry=False),
                told,
                bytes_in_words,
            )

        def told(done: Report | None) -> None:
            if done is not None:
                self.tell(screen, done)
                made(asked.out)

        do_writing(screen, f"{self.doing}: a look", look, ask)


def _plan_lines(plan: Report) -> list[Text]:
    """The recipe, and what is doubtful in it."""
    lines = [Text(f" {visible(line)}") for line in plan["toml"].rstrip("\n").split("\n")]
    for doubt in plan["doubts"]:
        lines += [Text(), Text(f" {visible(doubt['what'])}", "bold"), Text(f"   {visible(doubt['hint'])}")]
    return lines
