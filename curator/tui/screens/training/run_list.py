"""The list of runs: how far each is, those that cannot be read last, and which are laid over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.session.training.runs import RunSummary


class RunList(LineList):
    """Runs by the names of their folders."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(empty=" no run yet: 5 sets one up", id=id)
        self.runs: Sequence[RunSummary] = ()
        self._damaged: Sequence[str] = ()
        self._laid: Sequence[str] = ()

    @property
    def current(self) -> str:
        """The name of the run under the cursor; empty where there is none."""
        names = [*(each.name for each in self.runs), *self._damaged]
        return names[self.cursor] if self.cursor < len(names) else ""

    def show_runs(self, runs: Sequence[RunSummary], damaged: Sequence[str], wanted: str) -> None:
        """Show other runs, the cursor on the one `wanted`."""
        if (runs, damaged) == (self.runs, self._damaged):
            return
        self.runs, self._damaged = runs, damaged
        names = [*(each.name for each in runs), *damaged]
        self.show_texts(self._lines(), names.index(wanted) if wanted in names else self.cursor)

    def lay(self, names: Sequence[str]) -> None:
        """Number the runs that are laid over each other, as the plot does."""
        self._laid = names
        self.show_texts(self._lines())

    def _lines(self) -> list[Text]:
        lines = [self._line_of(each) for each in self.runs]
        return [
            *lines,
            *(
                Text().append(" damaged            ", meanings.FINDING).append(visible(name))
                for name in self._damaged
            ),
        ]

    def _line_of(self, run: RunSummary) -> Text:
        sign = str(self._laid.index(run.name) + 1) if run.name in self._laid else " "
        steps = f"{run.step}/{run.total_steps or '?'}"
        text = Text(sign).append(f"{run.status:<8} ", meanings.of_state(run.status))
        return text.append(f"{steps:>9} ", meanings.QUIET).append(visible(run.name))
