"""Decides how subsets, repeats and bucket sizes are set, with the steps they cause seen at once (row B14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.buckets import BucketRule
from curator.contract.errors import UserError
from curator.contract.recipe import BatchSize
from curator.contract.text import visible
from curator.freeze.preview import FreezePreview, SubsetShare
from curator.index.small_tables import Subset
from curator.session import Session
from curator.tui import keys
from curator.tui.background import in_background, mistakes_shown
from curator.tui.messages import CollectionChanged, Mistake, WorkDone, WorkRefused
from curator.tui.recipe_form import in_text
from curator.tui.screens.dialogs import Confirm, Form, FormLine, number_of, whole_number_of, yes_or_no
from curator.tui.widgets.bars import HEADING, bar, bucket_lines
from curator.tui.widgets.chrome import KeyLine, TabLine, TooSmall
from curator.tui.widgets.line_list import LineList

_SUBSET_HEADING = (
    f" {'subset':<20} {'images':>9} {'x repeats':>10} {'= samples':>10} {'share':>7} {'steps':>9}"
)


class SubsetsScreen(Screen):
    """Subsets above, buckets below, the length of an epoch between."""

    BINDINGS = keys.bindings("subsets")

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._batch = int(session.recall("batch", 4))
        self._subsets: list[Subset] = []
        self._shown: FreezePreview | None = None

    def compose(self) -> ComposeResult:
        yield TabLine("Subsets")
        yield Label(Text(_SUBSET_HEADING, "bold"), classes="heading")
        yield LineList(
            id="subsets", empty=" no subset yet: every picture is trained once an epoch. a adds one."
        )
        yield Label("", id="epoch", markup=False)
        yield Label(Text(HEADING, "bold"), classes="heading")
        yield LineList(id="buckets", empty=" no buckets: no picture would be trained")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one("#subsets").focus()

    def on_screen_resume(self) -> None:
        self._count()

    @on(CollectionChanged)
    def _count(self) -> None:
        self._subsets = self._session.subsets()
        batch = BatchSize(size=self._batch)
        in_background(self, "preview", lambda: self._reader.preview(batch))

    def on_resize(self) -> None:
        if self._shown:
            self._show(self._shown, self._shown)

    def on_work_done(self, message: WorkDone) -> None:
        before, shown = self._shown, cast("FreezePreview", message.result)
        self._shown = shown
        self._show(shown, before or shown)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(Mistake(message.error))

    def _show(self, shown: FreezePreview, before: FreezePreview) -> None:
        lines = [_share_line(share, self.size.width) for share in shown.subsets] if self._subsets else []
        self.query_one("#subsets", LineList).show_texts(lines)
        width = self.size.width - 1
        self.query_one("#buckets", LineList).show_texts(bucket_lines(shown.buckets, width))
        self.query_one("#epoch", Label).update(_epoch_line(shown, before, self._session.bucket_rule))

    @property
    def _current(self) -> Subset | None:
        position = self.query_one("#subsets", LineList).cursor
        return self._subsets[position] if position < len(self._subsets) else None

    @mistakes_shown
    def action_repeat(self, change: float) -> None:
        subset = self._current
        if subset is None:
            self.notify("No subset yet: a adds one.", markup=False)
            return
        repeats = max(0.0, round(subset.repeats + change, 4))
        self._session.save_subset(replace(subset, repeats=repeats))
        self._count()

    def action_batch(self, change: int) -> None:
        self._batch = max(1, self._batch + change)
        self._session.remember("batch", self._batch)
        self._count()

    def action_add(self) -> None:
        self._open_form(Subset("", ""), "Add a subset")

    def action_edit(self) -> None:
        if self._current:
            self._open_form(self._current, f"Subset {visible(self._current.name)}")

    @on(LineList.Chosen, "#subsets")
    def _edit_chosen(self) -> None:
        self.action_edit()

    def _open_form(self, subset: Subset, title: str) -> None:
        def check(values: Mapping[str, str]) -> Subset:
            changed = _subset_of(values, subset)
            if not subset.name and any(each.name == changed.name for each in self._session.subsets()):
                raise UserError(
                    f"there is a subset '{changed.name}'", "choose another name, or edit that one"
                )
            self._session.save_subset(changed, before=subset.name)
            return changed

        self.app.push_screen(Form(title, _subset_lines(subset), check))

    def action_remove(self) -> None:
        subset = self._current
        if subset is None:
            return

        @mistakes_shown
        def remove(screen: SubsetsScreen) -> None:
            screen._session.remove_subset(subset.name)
            screen._count()

        question = Confirm(
            f"Remove the subset '{visible(subset.name)}'?", "Its pictures stay in the collection."
        )
        self.app.push_screen(question, lambda yes: remove(self) if yes else None)

    def action_rule(self) -> None:
        def check(values: Mapping[str, str]) -> BucketRule:
            rule = _rule_of(values)
            self._session.set_bucket_rule(rule)
            return rule

        self.app.push_screen(Form("Bucket sizes", _rule_lines(self._session.bucket_rule), check))


def _share_line(share: SubsetShare, width: int) -> Text:
    line = Text(
        f" {visible(share.name):<20.20} {share.images:>9,} {f'x {share.repeats:g}':>10} {share.samples:>10,}"
    )
    line.append(f" {share.share:>7.1%} {share.steps:>9,.1f}  ")
    room = width - line.cell_len - 1
    if room > 30:
        line.append(bar(share.share, min(20, room // 2))).append("  ")
    return line.append(visible(share.filter))


def _epoch_line(shown: FreezePreview, before: FreezePreview, rule: BucketRule) -> Text:
    steps = f"{shown.steps_per_epoch:,} steps per epoch"
    change = shown.steps_per_epoch - before.steps_per_epoch
    line = Text(f" batch {shown.effective_batch}: ").append(steps, "bold")
    if change:
        line.append(f" ({change:+,})", "bold")
    line.append(f", {shown.samples_per_epoch:,} samples of {shown.images:,} images")
    sizes = f"{rule.width}x{rule.height}, sides {rule.min_side} to {rule.max_side} by {rule.step}"
    return line.append(f"\n buckets: {sizes}{'' if rule.upscale else ', never enlarged'}")


def _subset_lines(subset: Subset) -> list[FormLine]:
    rules = subset.rules
    return [
        FormLine("name", "name", subset.name, "what it is called"),
        FormLine(
            "filter",
            "filter",
            subset.filter,
            "which pictures; an image goes to the first subset that takes it",
        ),
        FormLine(
            "repeats",
            "repeats",
            in_text(subset.repeats),
            "times each picture is seen in an epoch, such as 2 or 1.5",
        ),
        FormLine(
            "weight", "loss weight", in_text(subset.loss_weight), "how much its pictures count; 1 is usual"
        ),
        FormLine("flip", "flip", _yes(subset.flip), "mirror half of the samples: yes or no"),
        FormLine("trigger", "trigger", rules.trigger, "a word before every caption; may be empty"),
        FormLine("shuffle", "shuffle", _yes(rules.shuffle), "tags in another order each time: yes or no"),
        FormLine("keep", "keep tags", str(rules.keep_tags), "the first tags that never move"),
        FormLine(
            "tag_dropout", "tag dropout", in_text(rules.tag_dropout), "chance that a tag is left out, 0 to 1"
        ),
        FormLine(
            "dropout",
            "no caption",
            in_text(rules.caption_dropout),
            "chance that the whole caption is left out, 0 to 1",
        ),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _subset_of(values: Mapping[str, str], before: Subset) -> Subset:
    """What the form says; rules it does not show stay as they were."""
    name = values["name"].strip()
    if not name:
        raise UserError("the subset has no name", "give a short one, such as 'cats'")
    repeats = number_of(values, "repeats", "repeats")
    if not 0 <= repeats <= 1_000_000:
        raise UserError(f"repeats: {repeats:g} is out of range", "give 0 or more, such as 1.5")
    rules = replace(
        before.rules,
        shuffle=yes_or_no(values, "shuffle", "shuffle"),
        keep_tags=whole_number_of(values, "keep", "keep tags"),
        tag_dropout=number_of(values, "tag_dropout", "tag dropout"),
        caption_dropout=number_of(values, "dropout", "no caption"),
        trigger=values["trigger"].strip(),
    )
    weight = number_of(values, "weight", "loss weight")
    return Subset(name, values["filter"].strip(), repeats, weight, yes_or_no(values, "flip", "flip"), rules)


def _rule_lines(rule: BucketRule) -> list[FormLine]:
    return [
        FormLine(
            "width", "width", str(rule.width), "pixels; width x height is the area every bucket stays within"
        ),
        FormLine("height", "height", str(rule.height), "pixels"),
        FormLine("min_side", "shortest side", str(rule.min_side), "pixels"),
        FormLine("max_side", "longest side", str(rule.max_side), "pixels"),
        FormLine("step", "step", str(rule.step), "pixels between two sizes; 64 is usual, 8 the least"),
        FormLine("upscale", "enlarge", _yes(rule.upscale), "may small pictures be enlarged: yes or no"),
    ]


def _rule_of(values: Mapping[str, str]) -> BucketRule:
    sizes = [
        whole_number_of(values, name, name) for name in ("width", "height", "min_side", "max_side", "step")
    ]
    return BucketRule(*sizes, upscale=yes_or_no(values, "upscale", "enlarge"))
