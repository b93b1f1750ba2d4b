"""The Prepare screen: tags derived, cleaned and ordered by rules, with a preview of the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.text import counted, visible
from curator.tui.background import in_background, progress_on_status, user_errors_shown
from curator.tui.completing.filters import filters_of
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import (
    CollectionChanged,
    Place,
    StatusChanged,
    UserErrorRaised,
    WorkDone,
    WorkRefused,
)
from curator.tui.screens.dialogs.importing import Planned, ask_for_import, propose_import, report_in_words
from curator.tui.screens.dialogs.picking import NamedPick, ask_for_pick, propose_pick
from curator.tui.screens.dialogs.questions import Confirm, Form, FormLine
from curator.tui.screens.dialogs.table_editor import TableEditor
from curator.tui.text.review_lines import change_lines, in_words
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.session.images.edits import Commit
    from curator.session.images.exchange import ImportReport
    from curator.session.images.rules import Due, Review, Rule
    from curator.session.session import Session

_WHAT: dict[Rule, str] = {
    "quality": "quality by favourites, inside each rating",
    "rating": "words for ratings",
    "year": "words for the year",
    "head": "tags that lead every caption",
    "count": "tags that count people get their class",
    "clean": "black list, replacements, doubles",
    "relations": "tags that exclude or follow each other",
    "order": "order of tags by class",
}


KEYS = (
    KeyAction("prepare.filter", "slash", "filter", "on other images", "filter"),
    KeyAction("prepare.table", "e", "table", "edit the rule's table", "edit table"),
    KeyAction("prepare.again", "n", "again", "do the rule again on what came since", "on what came"),
    KeyAction("prepare.pick", "p", "pick", "pick images: ranges, dates, caps, halves", "pick"),
    KeyAction("prepare.import", "i", "import", "bring in data of another tool", "import"),
)


class PrepareScreen(Screen):
    """The rules, and what the one under the cursor would change on the images of a filter."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self._filter = str(session.memory.recall("prepare filter", ""))
        self._rules = session.rules.all()
        self.review: Review | None = None
        self.due: dict[Rule, Due] = {}  # rules done before that would change what came since

    def compose(self) -> ComposeResult:
        yield TabLine("Prepare")
        yield Label("", id="images", markup=False)
        with Horizontal():
            with Vertical(id="left"):
                yield PanelTitle("Rules", of="#rules")
                yield LineList(id="rules")
            with Vertical(id="right"):
                yield PanelTitle(id="about", of="#changes")
                yield LineList(id="changes", empty=" looking...")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self._show_rules()
        self.query_one("#rules", LineList).focus()

    def on_screen_resume(self) -> None:
        self._look_again()

    @on(CollectionChanged)
    def _look_again(self) -> None:
        in_background(self, "due", self._reader.rules.due)
        self._look()

    def _show_rules(self) -> None:
        """The rules, and of those done before how many images came since that they would change."""
        lines = list[Text]()
        for rule in self._rules:
            line = Text(f" {rule:<10}")
            if rule in self.due:
                line.append(f"n: {self.due[rule].review.images:,} came since ", "bold")
            lines.append(line.append(_WHAT[rule], "italic"))
        self.query_one("#rules", LineList).show_texts(lines)

    @property
    def rule(self) -> Rule:
        """The rule under the cursor."""
        return self._rules[self.query_one("#rules", LineList).cursor]

    @on(LineList.Moved, "#rules")
    def _look(self) -> None:
        """Look at a sample at once; how many of all is counted before anything is changed."""
        rule, words = self.rule, self._filter
        about = Text(f" {rule}", "bold").append(f": {_WHAT[rule]}; ", "not bold")
        about.append("enter", "bold").append(f" does it on {visible(words) or 'all images'}", "not bold")
        self.query_one("#images", Label).update(about, layout=False)
        in_background(self, "look", lambda: self._looked(rule, words))

    def _looked(self, rule: Rule, words: str) -> Review:
        return self._reader.rules.glance(rule, self._reader.images.select(words).ids)

    def on_work_done(self, message: WorkDone) -> None:
        if message.kind not in ("look", "due"):
            self.post_message(StatusChanged(""))
        match message.kind:
            case "due":
                self.due = {each.rule: each for each in cast("list[Due]", message.result)}
                self._show_rules()
            case "look":
                self._show(cast("Review", message.result))
            case "count":
                self._ask(cast("Review", message.result))
            case "change":
                self._tell(cast("list[Commit]", message.result))
            case "pick":
                propose_pick(self, self._session, cast("NamedPick", message.result))
            case "plan":
                propose_import(self, self._reader, cast("Planned", message.result))
            case _:
                done = report_in_words(cast("ImportReport", message.result))
                self.notify(done, title="Brought in", markup=False)
                self.post_message(CollectionChanged(images=True))

    def _tell(self, done: list[Commit]) -> None:
        count = counted(sum(each.images_changed for each in done))
        self.notify(f"{count}; u takes it back", title=visible(done[0].what) if done else "", markup=False)
        self.post_message(CollectionChanged())

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(message.error))
        if message.kind != "look":  # what the rule would change is as it was
            return
        changes = self.query_one("#changes", LineList)
        changes.empty = f" {message.error.what}"
        changes.show_texts([])

    def _show(self, found: Review) -> None:
        self.review = found
        self.query_one("#about", PanelTitle).say(in_words(found))
        changes = self.query_one("#changes", LineList)
        changes.empty = " nothing would change"
        changes.show_texts(change_lines(found))

    @on(LineList.Chosen, "#rules")
    def action_carry_out(self) -> None:
        """Count on all images, ask, and do it."""
        rule, words = self.rule, self._filter
        tell = progress_on_status(self, "counting")
        self.post_message(StatusChanged("counting"))

        def counted() -> Review:
            return self._reader.rules.review(rule, self._reader.images.select(words).ids, tell)

        in_background(self, "count", counted, keys_wait=True)  # the next key may be the answer

    def on_work_cancelled(self) -> None:
        self.post_message(StatusChanged(""))

    def _ask(self, found: Review) -> None:
        if not found.images:
            self.notify("Nothing would change.", markup=False)
            return
        self.app.push_screen(
            Confirm(f"{found.rule}: change {counted(found.images)}?", _WHAT[found.rule]),
            lambda yes: self._carry_out(found.rule) if yes else None,
        )

    def _carry_out(self, rule: Rule) -> None:
        words = self._filter
        self.post_message(StatusChanged(f"changing: {rule}"))

        def change() -> list[Commit]:
            with self._session.apart() as own:
                return own.rules.carry_out(rule, own.images.select(words).ids, kept_for=words)

        in_background(self, "change", change)

    def action_again(self) -> None:
        """Do the rule under the cursor on the images that came since it was done."""
        rule, due = self.rule, self.due.get(self.rule)
        if due is None:
            self.notify(f"{rule}: nothing came since that it would change.", markup=False)
            return

        def do_again() -> list[Commit]:
            with self._session.apart() as own:
                return own.rules.do_again(rule)

        def answered(yes: bool | None) -> None:
            if yes:
                self.post_message(StatusChanged(f"changing: {rule}"))
                in_background(self, "change", do_again)

        images = f"of {visible(due.filter)}" if due.filter else "of all"
        question = f"{rule}: change {counted(due.review.images)} that came since?"
        self.app.push_screen(
            Confirm(question, f"{_WHAT[rule]}; it was done on the images {images}"), answered
        )

    def action_filter(self) -> None:
        """Other images."""

        def check(values: Mapping[str, str]) -> str:
            self._session.images.select(values["filter"])
            return values["filter"]

        line = FormLine(
            "filter",
            "filter",
            self._filter,
            "the images the rules are for; nothing is all of them",
            filters_of(self._reader),
        )
        self.app.push_screen(Form("Which images", [line], check), self._take_filter)

    def _take_filter(self, words: object) -> None:
        if words is not None:
            self._filter = str(words)
            self.post_message(Place({"prepare filter": self._filter}))
            self._look()

    def action_table(self) -> None:
        """Edit the rule's table, with what it would change beside."""
        self.app.push_screen(
            TableEditor(self._session, self._reader, self.rule, self._filter),
            lambda kept: self._look() if kept else None,
        )

    @user_errors_shown
    def action_pick(self) -> None:
        ask_for_pick(self, self._session, self._reader)

    @user_errors_shown
    def action_import(self) -> None:
        ask_for_import(self, self._reader)
