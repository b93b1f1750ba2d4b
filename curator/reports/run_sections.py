"""Sections about a training itself: what it is, its recipe, curves, losses of images, warnings, and what it saved."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.recipe.fields import toml_value
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import differences, dump_recipe
from curator.contract.text import counted
from curator.pages.html import Html, facts, folded, joined, safe, table
from curator.pages.plot import Line, Plot, Points, drawn
from curator.reports.layout import boxed, code, listed
from curator.runs.image_losses import losses_of_run
from curator.runs.words import (
    bytes_in_words,
    evaluation_in_words,
    loss_in_words,
    rate_in_words,
    seconds_in_words,
    state_in_words,
    validation_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curator.contract.run.run_folder import RunFolder, RunInfo
    from curator.pages.pictures import Pictures
    from curator.reports.run_curves import RunCurves
    from curator.runs.fold import RunView
    from curator.runs.image_losses import ImageLoss

_SIDE_PX = 256
_STRETCHES = 60  # of a curve whose means are drawn
_MOST_LINES = 50  # warnings and images left out that are named


def what_it_is(info: RunInfo, curves: RunCurves) -> Html:
    """State, length, device, speed, memory and losses, as far as they are known."""
    view = curves.view
    memory = max(curves.memory.values, default=0)
    images = sum(n * s for n, s in zip(curves.images_per_s.values, curves.step_seconds.values, strict=False))
    devices = f"{view.processes} x " if view.processes > 1 else ""
    said = facts(
        [
            ("state", state_in_words(view)),
            ("made", info.created_at),
            ("goes on from", f"step {info.from_step:,} of {info.forked_from}" if info.forked_from else ""),
            ("with other", ", ".join(info.changed)),
            ("steps", f"{view.step:,} of {view.total_steps:,}" if view.total_steps else ""),
            ("epochs", f"{view.epoch:,} of {view.total_epochs:,}" if view.total_epochs else ""),
            ("device", f"{devices}{view.device}" if view.device else ""),
            ("time of steps", seconds_in_words(curves.seconds) if curves.seconds else ""),
            ("speed", _speed(curves, images)),
            ("memory", f"{bytes_in_words(memory)} at most" if memory else ""),
            ("loss, smoothed", loss_in_words(view.smoothed_loss) if view.smoothed_loss is not None else ""),
            ("loss on fixed noise", evaluation_in_words(view)),
            ("loss of images held out", validation_in_words(view)),
        ]
    )
    failure = view.failure
    failed = Html(f'<p class="wrong">{safe(failure.what)}: {safe(failure.hint)}</p>' if failure else "")
    return joined([failed, said])


def _speed(curves: RunCurves, images: float) -> str:
    if not curves.seconds:
        return ""
    steps = rate_in_words(len(curves.step_seconds) / curves.seconds, "step", "steps")
    return f"{steps}, {rate_in_words(images / curves.seconds, 'image', 'images')}"


def recipe_section(recipe: Recipe) -> Html:
    """What differs from the defaults, and the whole."""
    rows = [
        (code(key), code(toml_value(value)), code(toml_value(default)))
        for key, default, value in differences(Recipe(), recipe)
    ]
    whole = folded("the whole recipe", Html(f"<pre>{_lines(dump_recipe(recipe))}</pre>"))
    return joined([table(("key", "value", "default"), rows), whole])


def _lines(text: str) -> str:
    return "\n".join(map(safe, text.splitlines()))


def curves_section(curves: RunCurves) -> Html:
    """A plot of each thing that was measured."""
    view = curves.view
    begins = [step for _, step in curves.epochs[1:]]
    smoothed = [(each.step, each.value) for each in view.curve.bins]
    rates = [Line(name, _pairs(points)) for name, points in curves.rates.items()]
    held_out = [(each.step, each.loss) for each in view.validations]
    fixed = [Line("trained images", view.evaluations), Line("images held out", held_out)]
    plots = [
        Plot("Loss while training", [Line("smoothed", smoothed)], curves.loss, begins),
        Plot("Loss on fixed noise", fixed, epochs=begins),
        Plot("Loss of images held out, by subset", _by_subset(view), epochs=begins),
        Plot("Learning rate", rates, epochs=begins, words="{:.2g}".format, from_zero=True),
        Plot("Gradient norm", _mean(curves.gradients), curves.gradients, begins, from_zero=True),
        Plot("Images a second", _mean(curves.images_per_s), curves.images_per_s, begins, from_zero=True),
        Plot("Memory", [Line("memory", _pairs(curves.memory))], epochs=begins, words=bytes_in_words, from_zero=True),
    ]  # fmt: skip
    return boxed("plots", joined(map(drawn, plots)))


def _mean(points: Points) -> list[Line]:
    return [Line("mean", points.means(_STRETCHES))]


def _pairs(points: Points) -> list[tuple[float, float]]:
    return list(zip(points.steps, points.values, strict=True))


def _by_subset(view: RunView) -> list[Line]:
    names = list(dict.fromkeys(name for each in view.validations for name in each.subsets))
    if len(names) < 2:
        return []
    return [
        Line(name, [(each.step, each.subsets[name]) for each in view.validations if name in each.subsets])
        for name in names
    ]


def extremes_section(run: RunFolder, pictures: Pictures, count: int) -> Html:
    """The images of highest and of lowest loss, and each subset's mean; nothing where a run has none on record."""
    try:
        losses = losses_of_run(run, max(count, 1))
    except (UserError, OSError):
        return Html("")
    rows = [
        (safe(each.name), safe(f"{each.images:,}"), *(safe(_loss(n)) for n in (each.loss, each.early, each.late)))
        for each in losses.subsets
    ]  # fmt: skip
    highest, lowest = losses.highest, [each for each in losses.lowest if each not in losses.highest]
    return joined(
        [
            table(("subset", "images", "loss", "first half", "second half"), rows),
            Html("<h3>Highest: what does not fit, or is tagged wrongly</h3>"),
            _cards(highest, pictures),
            Html("<h3>Lowest: what may be memorised</h3>" if lowest else ""),
            _cards(lowest, pictures),
        ]
    )


def _cards(losses: Sequence[ImageLoss], pictures: Pictures) -> Html:
    cards = [
        Html(
            f"<div>{pictures.shown_from(each.path, each.path.name, _SIDE_PX)}<b>{safe(_loss(each.loss))}</b>"
            f" {safe(each.path.name)}<br>{safe(each.subset)}, trained {each.seen:,} times</div>"
        )
        for each in losses
    ]
    return boxed("cards", joined(cards))


def _loss(loss: float) -> str:
    return "-" if loss != loss else loss_in_words(loss)  # noqa: PLR0124 (NaN: never trained in that half)


def warnings_section(view: RunView) -> Html:
    """What the run warned of, images it left out, lines of its log that could not be read."""
    warned = Counter((each.what, each.hint) for each in view.warnings)
    lines = [
        Html(f"{safe(what)} ({safe(hint)}){f', {count:,} times' if count > 1 else ''}")
        for (what, hint), count in warned.items()
    ]
    left_out = {each.path: each.reason for each in view.quarantined}
    lines += [Html(f"left out: {code(path)}: {safe(reason)}") for path, reason in left_out.items()]
    if view.damaged_lines:
        lines.append(safe(f"{counted(view.damaged_lines, 'line')} of the event log could not be read"))
    beyond = len(lines) - _MOST_LINES
    return listed([*lines[:_MOST_LINES], *([safe(f"and {beyond:,} more")] if beyond > 0 else [])])


def saved_section(run: RunFolder, view: RunView) -> Html:
    """The weights that were saved, with their hashes, and where they were uploaded to."""
    rows = [
        (
            safe(f"{each.step:,}"),
            safe(Path(each.path).name),
            safe(_size(run.path / each.path)),
            code(each.sha256 or "not told"),
        )
        for each in view.checkpoints
    ]
    uploads = [
        safe(f"{Path(each.path).name} is on the hub: {each.repo}, {each.address}") for each in view.uploads
    ]
    return joined([table(("step", "file", "size", "sha256"), rows), listed(uploads)])


def _size(path: Path) -> str:
    try:
        return bytes_in_words(path.stat().st_size)
    except OSError:
        return "no longer there"
