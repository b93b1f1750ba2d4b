"""How two models differ, told on the app: chosen, read in a thread, and shown block by block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from curator.contract.text import counted, visible
from curator.runs.words import bytes_in_words
from curator.session.training import models
from curator.tui.screens.dialogs.at_work import do_longer
from curator.tui.screens.dialogs.choice import Choice, Line
from curator.tui.screens.dialogs.told import tell

if TYPE_CHECKING:
    from textual.screen import Screen

_TENSORS_SHOWN = 200  # those that differ most
_BLOCK_CELLS = 10
_NUMBER_CELLS = 10


def compare_with(screen: Screen[Any], first: Path, others: Sequence[Path]) -> None:
    """Ask with which of the others, and tell how the two differ."""
    choices = [Line(each.name, str(each.parent), str(each)) for each in others if each != first]
    if not choices:
        screen.notify("There is no other model in the list: a adds one.", markup=False)
        return

    def compare(other: str | None) -> None:
        if other is not None:
            do_longer(
                screen,
                "comparing",
                lambda told: models.compare_models(first, Path(other), "supermerger", told),
                lambda found: None if found is None else _tell(screen, first, Path(other), found),
                bytes_in_words,
            )

    screen.app.push_screen(Choice(f"Compare {visible(first.name)} with", choices), compare)


def _tell(screen: Screen[Any], first: Path, second: Path, found: dict[str, Any]) -> None:
    title = f"{visible(first.name)} and {visible(second.name)}"
    if found["equal"]:
        tell(screen, title, [Text(f" {models.EQUAL}")])
        return
    tensors = found["different_tensors"]
    lines = [Text(f" {each}", "bold") for each in models.not_in_both(found)]
    if blocks := models.block_rows(found):
        lines += _table(models.DIFFERENT_BLOCKS, blocks)
    if tensors:
        lines += [Text(), *_table(models.DIFFERENT_TENSORS, models.tensor_rows(tensors[:_TENSORS_SHOWN]))]
    if len(tensors) > _TENSORS_SHOWN:
        lines.append(Text(f" and {counted(len(tensors) - _TENSORS_SHOWN, 'other')}"))
    tell(screen, title, lines)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Text]:
    """Rows of a block, a name or a count, and two numbers, under their heads; the name last, as it is long."""
    shown = [(block, *numbers, name) for block, name, *numbers in [tuple(heads), *rows]]
    lines = [
        Text(
            f" {visible(block):<{_BLOCK_CELLS}} {largest:>{_NUMBER_CELLS}} {relative:>{_NUMBER_CELLS}}  {visible(name)}"
        )
        for block, largest, relative, name in shown
    ]
    lines[0].stylize("bold")
    return lines
