"""The dashboard of a run: rich texts made of a `RunView`, for the command line and the app alike.

Nothing is said by colour alone and nothing moves but the numbers. Names, prompts and messages come from
files, so they are made visible and never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from curator.contract.text import counted, visible
from curator.runs.drawing.plots import plot_lines
from curator.runs.words import (
    bands_in_words,
    bytes_in_words,
    evaluation_in_words,
    left_in_words,
    loss_in_words,
    lr_in_words,
    rate_in_words,
    state_in_words,
    validation_in_words,
)

if TYPE_CHECKING:
    from curator.runs.fold import RunView

_LEAST_PLOT = 6  # lines under which a plot says nothing


class Dashboard:
    """A run as a rich renderable that fills the width and height it is given."""

    def __init__(self, view: RunView, footer: str = "", height: int | None = None) -> None:
        self.view = view
        self.footer = footer
        self.height = height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = self.height or options.height or console.height
        yield from dashboard_lines(self.view, options.max_width, height, footer=self.footer)


def dashboard_lines(
    view: RunView,
    width: int,
    height: int,
    *,
    footer: str = "",
    enlarged: str = "",
    others: Sequence[RunView] = (),
) -> list[Text]:
    """The dashboard as at most `height` lines, none wider than `width`: numbers first, plots take what is left.

    `enlarged` is the title of the one plot to be shown; the losses of `others` are laid over its own.
    """
    head = numbers(view, width)
    tail = [*_failure(view), *_warnings(view)]
    room = height - len(head) - len(tail) - bool(footer)
    made = _made(view, max(min(room - 2 * _LEAST_PLOT, 8), min(room - _LEAST_PLOT, 2), 0))
    drawn = plot_lines(view, width, room - len(made), enlarged, others)
    lines = [*head, *drawn, *made, *tail]
    ending = [Text(footer, style="dim")] if footer else []
    return _fitted([*lines[: height - len(ending)], *ending], width)


def numbers(view: RunView, width: int) -> list[Text]:
    """Name and state, progress, speed, losses, learning rates."""
    where = " · ".join(
        filter(None, (view.device, f"{view.processes} processes" if view.processes > 1 else ""))
    )
    lines = [
        Text.assemble(
            (visible(view.name), "bold"), "  ", visible(state_in_words(view)), "  ", (visible(where), "dim")
        ),
        progress(view, width),
        _pairs(
            (
                "speed",
                f"{rate_in_words(view.it_per_s, 'it', 'it')}  {rate_in_words(view.images_per_s, 'image', 'images')}",
            ),
            ("left", left_in_words(view.eta_s)),
            ("memory", bytes_in_words(view.memory_bytes) if view.memory_bytes else "-"),
        ),
        _pairs(
            ("loss", loss_in_words(view.loss)),
            ("smoothed", loss_in_words(view.smoothed_loss)),
            ("lr", lr_in_words(view.lr)),
        ),
    ]
    if evaluation := evaluation_in_words(view):
        lines.append(_pairs(("fixed-noise loss", evaluation)))
    return [*lines, *_validation(view)]


def _validation(view: RunView) -> Iterable[Text]:
    """Loss of the images held out: in all, by how much noise, and by subset where there are several."""
    if not view.validations:
        return
    newest = view.validations[-1]
    yield _pairs(("validation loss", validation_in_words(view)))
    yield _pairs(("little to much noise", bands_in_words(newest.bands)))
    if len(newest.subsets) > 1:
        yield _pairs(*((name, loss_in_words(loss)) for name, loss in newest.subsets.items()))


def progress(view: RunView, width: int) -> Text:
    """A bar of steps, or of the phase's parts while that is what runs."""
    if view.phase_total and view.status == "running":
        done, total, unit = view.phase_done, view.phase_total, visible(view.phase)
    else:
        done, total, unit = view.step, view.total_steps, "step"
    share = min(done / total, 1.0) if total else 0.0
    words = f" {unit} {done}/{total or '?'}  {share:.0%}"
    if unit == "step" and view.total_epochs:
        words += f"  epoch {view.epoch}/{view.total_epochs}"
    cells = max(min(width - len(words), 60), 4)
    filled = int(cells * share)
    return Text().append("█" * filled, "blue").append("░" * (cells - filled), "dim").append(words)


def sample_lines(view: RunView, count: int) -> list[Text]:
    """The newest `count` sample images."""
    return [
        Text(f"sample      step {each.step}  {visible(each.path)}  {visible(each.prompt)}")
        for each in _newest(view.samples, count)
    ]


def checkpoint_lines(view: RunView, count: int) -> list[Text]:
    """The newest `count` weights files."""
    return [
        Text(f"weights     step {each.step}  {visible(each.path)}  sha256 {visible(each.sha256[:12])}")
        for each in _newest(view.checkpoints, count)
    ]


def _made(view: RunView, count: int) -> list[Text]:
    weights = checkpoint_lines(view, count // 3 or 1) if count else []
    return [*sample_lines(view, count - len(weights)), *weights]


def _warnings(view: RunView) -> Iterable[Text]:
    """The newest warning in two lines, and how many images were left out."""
    if view.warnings:
        newest, more = view.warnings[-1], len(view.warnings) - 1
        also = f"  ({more} more in the log)" if more else ""
        yield Text(f"warning: {visible(newest.what)}{also}", style="yellow")
        yield Text(f"         {visible(newest.hint)}")
    if view.quarantined:
        last = view.quarantined[-1]
        yield Text(
            f"left out: {counted(view.quarantine_count)}, last {visible(last.path)}: {visible(last.reason)}",
            style="yellow",
        )
    if view.damaged_lines:
        yield Text(f"event log: damaged lines passed over: {view.damaged_lines}", style="yellow")


def _failure(view: RunView) -> Iterable[Text]:
    if view.failure:
        yield Text(f"failed: {visible(view.failure.what)}", style="bold red")
        yield Text(f"        {visible(view.failure.hint)}")
    elif view.status == "crashed":
        yield Text("crashed: the worker is gone without a word", style="bold red")
        yield Text(f"        start it again with 'frieze train --resume {visible(view.name)}'")


def _pairs(*pairs: tuple[str, str]) -> Text:
    """`name value` side by side, names dimmed."""
    line = Text()
    for name, value in pairs:
        line.append(f"{name} ", style="dim")
        line.append(visible(value) + "   ")
    line.rstrip()
    return line


def _newest(items: Sequence, count: int) -> Sequence:
    return items[-count:] if count > 0 else ()


def _fitted(lines: Iterable[Text], width: int) -> list[Text]:
    fitted = [line.copy() for line in lines]
    for line in fitted:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return fitted
