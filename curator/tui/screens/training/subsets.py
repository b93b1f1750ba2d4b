"""The Subsets screen: subsets, repeats and bucket sizes, with the steps they cause shown live (row B14)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.buckets import BucketRule, advice_on
from curator.contract.errors import UserError
from curator.contract.recipe.fields import recipe_fields
from curator.contract.text import counted, visible
from curator.index.tables.rows import Subset
from curator.tui import meanings
from curator.tui.background import in_background, write
from curator.tui.completing.filters import filters_of
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import CollectionChanged, UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.questions import Confirm, Form
from curator.tui.text.recipe_form import RecipeForm, change_remembered, remembered_recipe
from curator.tui.text.subset_form import (
    caption_lines,
    rule_lines,
    rule_typed,
    rules_typed,
    subset_lines,
    subset_summary,
    subset_typed,
)
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.bars import HEADING, bar, bucket_line
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Passage, fitted
from curator.tui.widgets.subset_peek import SubsetPeek

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import BatchSize
    from curator.freeze.preview import SubsetShare
    from curator.session.session import Session
    from curator.session.training.manifests import FreezePreview
    from curator.session.training.subsets import Balanced

_COLUMNS = (("images", 9), ("x repeats", 10), ("= samples", 11), ("share", 7), ("steps", 9))  # with cells
_FEW_COLUMNS = ("x repeats", "steps")  # where there is no room for all
_ALL_COLUMNS_CELLS = 64
_NAME_CELLS = 36  # of a subset, at most
_LEFTOVERS_SAID = {
    "short": "leftovers make a short batch",
    "fill": "leftovers are filled up",
    "carry": "leftovers wait for the next epoch",
}
_SHOWN_CHANGES = 12  # of subsets in the question of a balance


KEYS = (
    KeyAction("subsets.more", "plus,equals_sign", "repeat(1)", "one repeat more", "repeats"),
    KeyAction("subsets.less", "minus", "repeat(-1)", "one repeat less"),
    KeyAction(
        "subsets.bit_more", "right_square_bracket", "repeat(0.1)", "a tenth of a repeat more", "by 0.1"
    ),
    KeyAction("subsets.bit_less", "left_square_bracket", "repeat(-0.1)", "a tenth of a repeat less"),
    KeyAction("subsets.add", "a", "add", "add a subset", "add"),
    KeyAction("subsets.edit", "e", "edit", "edit the subset", "edit"),
    KeyAction("subsets.remove", "d", "remove", "remove the subset", "remove"),
    KeyAction("subsets.captions", "c", "captions", "edit the subset's caption rules", "captions"),
    KeyAction("subsets.balance", "b", "balance", "give every subset the same share of the epoch", "balance"),
    KeyAction("subsets.rule", "s", "rule", "bucket sizes", "bucket sizes"),
    KeyAction("subsets.leftovers", "o", "leftovers", "images that fill no batch: short, filled, carried"),
    KeyAction("subsets.batch_more", "greater_than_sign", "batch(1)", "a larger batch", "batch"),
    KeyAction("subsets.batch_less", "less_than_sign", "batch(-1)", "a smaller batch"),
)


class SubsetsScreen(Screen):
    """Subsets above, buckets below, the length of an epoch between."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._subsets: list[Subset] = []
        self._shown: FreezePreview | None = None

    def compose(self) -> ComposeResult:
        yield TabLine("Subsets")
        yield PanelTitle(id="heading", of="#subsets", heads=_heads)
        yield LineList(
            id="subsets", empty=" no subset yet: every image is trained once an epoch. a adds one."
        )
        yield Passage(id="which")
        yield Label("", id="epoch", markup=False)
        with Horizontal(id="below"):
            with Vertical(id="left"):
                yield PanelTitle(of="#buckets", heads=lambda _: HEADING)
                yield LineList(id="buckets", empty=" no buckets: no image would be trained")
            yield SubsetPeek(self._reader, id="peek")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one("#subsets").focus()

    def on_screen_resume(self) -> None:
        self._count()

    @on(CollectionChanged)
    def _count(self) -> None:
        self._subsets = self._session.subsets.all()
        batch = self._batch
        in_background(self, "preview", lambda: self._reader.freezing.preview(batch), keys_wait=True)

    def on_resize(self) -> None:
        if self._shown:
            self._show(self._shown, self._shown)

    def on_work_done(self, message: WorkDone) -> None:
        before, shown = self._shown, cast("FreezePreview", message.result)
        self._shown = shown
        self._show(shown, before or shown)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(UserErrorRaised(message.error))

    def _show(self, shown: FreezePreview, before: FreezePreview) -> None:
        by_name = {each.name: each for each in self._subsets}
        lines = [
            _share_line(share, by_name[share.name], self.size.width)
            for share in shown.subsets
            if share.name in by_name
        ]
        self.query_one("#subsets", LineList).show_texts(lines)
        loads, most = shown.buckets, max((each.samples for each in shown.buckets), default=1)
        self.query_one("#buckets", LineList).show(
            len(loads), lambda at, width: bucket_line(loads[at], most, width)
        )
        self.query_one("#epoch", Label).update(
            _epoch_line(shown, before, self._session.buckets.rule, self._batch)
        )

    @on(LineList.Moved, "#subsets")
    def _show_which(self) -> None:
        subset = self._current
        self.query_one("#which", Passage).say(Text(subset_summary(subset) if subset else ""))
        self.query_one(SubsetPeek).look(subset)

    def on_subset_peek_seen(self, message: SubsetPeek.Seen) -> None:
        """Where there is no room beside the buckets, one caption stands below the rules that it comes of."""
        subset = self._current
        if subset == message.subset and not self.query_one(SubsetPeek).size.area:
            said = Text(f"{subset_summary(message.subset)}\n")
            self.query_one("#which", Passage).say(said.append(visible(message.caption), "italic"))

    @property
    def _current(self) -> Subset | None:
        position = self.query_one("#subsets", LineList).cursor
        return self._subsets[position] if position < len(self._subsets) else None

    @property
    def _wanted_subset(self) -> Subset | None:
        """That under the cursor; where there is none it is said."""
        subset = self._current
        if subset is None:
            self.notify("No subset yet: a adds one.", markup=False)
        return subset

    def action_repeat(self, change: float) -> None:
        subset = self._wanted_subset
        if subset is None:
            return
        name = subset.name
        self._write(
            lambda: self._session.subsets.change(
                name, lambda now: replace(now, repeats=max(0.0, round(now.repeats + change, 4)))
            )
        )

    def _write(self, work: Callable[[], object]) -> None:
        write(self, work, lambda _: self._count())

    @property
    def _batch(self) -> BatchSize:
        """That of the recipe of the Train screen: what is seen here is what trains."""
        return remembered_recipe(self._session).batch

    def action_batch(self, change: int) -> None:
        size = recipe_fields()["batch.size"]

        def changed(form: RecipeForm) -> RecipeForm:
            return form.set(size, max(1, cast("int", form.values[size.name]) + change))

        self._write(lambda: change_remembered(self._session, changed))

    def action_leftovers(self) -> None:
        leftovers = recipe_fields()["batch.leftovers"]
        self._write(lambda: change_remembered(self._session, lambda form: form.turned(leftovers, 1)))

    def action_balance(self) -> None:
        """Every subset gets the same part of the epoch, which stays as long; regularisation has its own rule."""
        shown = self._shown
        if self._wanted_subset is None or shown is None:
            return
        try:
            balanced = self._session.subsets.balanced(shown)
        except UserError as error:
            self.post_message(UserErrorRaised(error))
            return
        lines = [f"{visible(each.name)}: x {each.before:g} -> x {each.repeats:g}" for each in balanced]
        question = Confirm(
            "Give every subset the same share of the epoch?", "\n".join(lines[:_SHOWN_CHANGES])
        )
        self.app.push_screen(question, lambda yes: self._balance(balanced) if yes else None)

    def _balance(self, shown: Sequence[Balanced]) -> None:
        self._write(lambda: self._session.subsets.balance(shown))

    def action_add(self) -> None:
        self._open_form(Subset("", ""), "Add a subset")

    def action_edit(self) -> None:
        if subset := self._wanted_subset:
            self._open_form(subset, f"Subset {visible(subset.name)}")

    @on(LineList.Chosen, "#subsets")
    def _edit_chosen(self) -> None:
        self.action_edit()

    def _open_form(self, subset: Subset, title: str) -> None:
        def check(values: Mapping[str, str]) -> Subset:
            changed = subset_typed(values, subset)
            if subset.name:
                return self._session.subsets.edit(subset, changed)
            self._session.subsets.add(changed)
            return changed

        self.app.push_screen(Form(title, subset_lines(subset, filters_of(self._reader)), check))

    def action_captions(self) -> None:
        """The caption rules of the subset."""
        subset = self._wanted_subset
        if subset is None:
            return

        def check(values: Mapping[str, str]) -> Subset:
            return self._session.subsets.edit(
                subset, replace(subset, rules=rules_typed(values, subset.rules))
            )

        self.app.push_screen(Form(f"Captions of {visible(subset.name)}", caption_lines(subset.rules), check))

    def action_remove(self) -> None:
        subset = self._wanted_subset
        if subset is None:
            return

        def remove() -> None:
            self._write(lambda: self._session.subsets.remove(subset.name))

        question = Confirm(
            f"Remove the subset '{visible(subset.name)}'?", "Its images stay in the collection."
        )
        self.app.push_screen(question, lambda yes: remove() if yes else None)

    def action_rule(self) -> None:
        shown = self._session.buckets.rule

        def check(values: Mapping[str, str]) -> BucketRule:
            rule = self._session.buckets.edit_rule(shown, rule_typed(values))
            for advice in advice_on(rule):
                self.notify(f"{advice[:1].upper()}{advice[1:]}.", markup=False)
            return rule

        self.app.push_screen(Form("Bucket sizes", rule_lines(shown), check))


def _share_line(share: SubsetShare, subset: Subset, width: int) -> Text:
    values = (
        f"{share.images:,}",
        f"x {share.repeats:g}",
        f"{share.samples:,}",
        f"{share.share:.1%}",
        f"{share.steps:,.1f}",
    )
    line = Text(_table_line(visible(share.name), values, width - 1))
    room = width - line.cell_len - 3
    if room < 12:  # the filter is below, with the rest of what is to say of the subset under the cursor
        return line
    line.append("  ")
    if room > 30:
        line.append(bar(share.share, min(20, room // 2)), meanings.BAR).append("  ")
    if subset.is_reg:
        line.append("reg  ", "bold")
    return line.append(visible(share.filter), meanings.QUIET)


def _heads(width: int) -> str:
    return _table_line("subset", [name for name, _ in _COLUMNS], width)


def _table_line(name: str, values: Sequence[str], width: int) -> str:
    """A line of the table of subsets, or its heading."""
    few = width < _ALL_COLUMNS_CELLS
    rest = "".join(
        f" {value:>{cells}}"
        for value, (column, cells) in zip(values, _COLUMNS, strict=True)
        if not few or column in _FEW_COLUMNS
    )
    room = min(_NAME_CELLS, max(8, width - len(rest) - 2))
    return f" {fitted(name, room)}{rest}"


def _epoch_line(shown: FreezePreview, before: FreezePreview, rule: BucketRule, batch: BatchSize) -> Text:
    steps = f"{counted(shown.steps_per_epoch, 'step')} per epoch"
    change = shown.steps_per_epoch - before.steps_per_epoch
    line = Text(f" batch {shown.effective_batch}: ").append(steps, "bold")
    if change:
        line.append(f" ({change:+,})", f"bold {meanings.ADDED if change > 0 else meanings.REMOVED}")
    line.append(f", {counted(shown.samples_per_epoch, 'sample')} of {counted(shown.images)}")
    if shown.held_out:
        line.append(f", {shown.held_out:,} held out")
    sizes = f"{rule.width}x{rule.height}, sides {rule.min_side} to {rule.max_side} by {rule.step}"
    line.append(f"\n buckets: {sizes}{'' if rule.upscale else ', never enlarged'}; ")
    return line.append(_LEFTOVERS_SAID[batch.leftovers])
