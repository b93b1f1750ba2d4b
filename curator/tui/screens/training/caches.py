"""The Caches screen: what models encoded once, how large it is and when it was used; verified, pruned after a look."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen

from curator.contract.clock import clock_time, iso_time
from curator.contract.errors import UserError
from curator.contract.text import counted, visible
from curator.runs.words import bytes_in_words
from curator.tui import meanings
from curator.tui.background import in_background
from curator.tui.completing.completion import words_of
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import UserErrorRaised, WorkDone, WorkRefused
from curator.tui.screens.dialogs.at_work import Progress, do_longer
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, number_of, yes_or_no
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Passage, fitted

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.session.training.caches import CacheCheck, CacheSummary, Pruned

KEYS = (
    KeyAction("caches.verify", "v", "verify", "read every entry and compare it with its checksum", "verify"),
    KeyAction(
        "caches.prune", "p", "prune", "remove what is not needed, after a look at what that is", "prune"
    ),
    KeyAction("caches.close", "escape", "close", "back", "back"),
)
_GIB = 1 << 30
_MOST = 1e9  # days or GiB that one can mean
_LEAST_NAME = 16  # cells of a model's name, before what else there is gets room


class _Wanted(NamedTuple):
    """What is to be removed."""

    unused: bool
    damaged: bool
    unused_days: float | None
    most_bytes: int | None


class _Looked(NamedTuple):
    """The caches, and the names of the collection's manifests by digest."""

    caches: list[CacheSummary]
    manifests: Mapping[str, str]


class CachesScreen(Screen[None]):
    """The caches of the collection, those used last first; escape goes back to Runs."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._looked = _Looked([], {})
        self._damaged: dict[str, int] = {}  # entries by cache, since it was verified

    def compose(self) -> ComposeResult:
        yield TabLine("Runs")
        yield PanelTitle("Caches", of="LineList", id="about")
        yield LineList(empty=" looking...")
        yield Passage(id="whole")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(LineList).focus()
        self._look()

    def _look(self) -> None:
        caches, manifests = self._session.caches, self._session.manifests

        def look() -> _Looked:
            return _Looked(caches.all(), {each.digest: each.name for each in manifests.all()})

        in_background(self, "look", look, keys_wait=True)

    def on_work_done(self, message: WorkDone) -> None:
        self._looked = cast("_Looked", message.result)
        caches, shown = self._looked.caches, self.query_one(LineList)
        size = bytes_in_words(sum(each.bytes for each in caches))
        title = f"{counted(len(caches), 'cache')}, {size}: {visible(str(self._session.caches.folder))}"
        self.query_one("#about", PanelTitle).say(title)
        shown.empty = " none: cache.latents = disk in the recipe keeps what a run encodes"
        shown.show(len(caches), self._line)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(UserErrorRaised(message.error))

    @on(LineList.Moved)
    def _show_whole(self) -> None:
        cursor = self.query_one(LineList).cursor
        caches = self._looked.caches
        self.query_one(Passage).say(self._whole(caches[cursor]) if cursor < len(caches) else Text())

    def _whole(self, cache: CacheSummary) -> Text:
        known = self._looked.manifests
        names = [known[digest] for digest in cache.used_by if digest in known]
        others = len(cache.used_by) - len(names)
        users = [*names, *([f"{counted(others, 'other manifest')}"] if others else [])]
        made = clock_time(cache.made_at, "%Y-%m-%d")
        text = Text(f"{visible(cache.name)}\n", "bold").append(
            f"{counted(cache.entries, 'entry', 'entries')} of {cache.kind}, made {made},"
            f" used by {', '.join(map(visible, users)) or 'no manifest'}",
            "not bold",
        )
        if damaged := self._damaged.get(cache.name):
            said = f"\n{counted(damaged, 'entry is', 'entries are')} damaged, and never used: p removes them"
            text.append(said, meanings.MISTAKE)
        return text

    def _line(self, position: int, width: int) -> Text:
        """Kind, model and size; behind them as much as there is room for."""
        cache = self._looked.caches[position]
        state = self._damaged.get(cache.name)
        abouts = (
            f" {bytes_in_words(cache.bytes):>10}",
            f"  {'' if state is None else f'! {state:,} damaged' if state else 'sound':<13}",
            f"  used {_ago(cache.last_used):<12}",
            f"  {counted(cache.entries, 'entry', 'entries'):>16}",
        )
        about = ""
        for each in abouts:
            if width - len(about + each) - 11 >= _LEAST_NAME:
                about += each
        line = Text(f" {cache.kind:<9} ", meanings.QUIET)
        line.append(fitted(visible(cache.model), width - len(about) - 11), "bold")
        line.append(about, "not bold")
        if state:
            line.highlight_words([f"! {state:,} damaged"], meanings.MISTAKE)
        return line

    def action_verify(self) -> None:
        """Read every entry of all caches."""
        caches = self._session.caches
        do_longer(self, "verifying", caches.verify, self._verified, bytes_in_words)

    def _verified(self, checks: list[CacheCheck] | None) -> None:
        if checks is None:
            return
        self._damaged = {each.name: each.damaged for each in checks}
        entries, damaged = sum(each.entries for each in checks), sum(self._damaged.values())
        if damaged:
            wrong = counted(damaged, "entry is", "entries are")
            self.post_message(
                UserErrorRaised(
                    UserError(
                        f"{wrong} damaged, of {entries:,}",
                        "they are never used; p removes them, the next run encodes them anew",
                    )
                )
            )
        else:
            self.notify(
                f"{counted(entries, 'entry is', 'entries are')} sound", title="Verified", markup=False
            )
        self._look()

    def action_prune(self) -> None:
        """Ask what is to be removed, say what that is, and remove it."""

        def begin(result: object) -> None:
            if result is not None:
                self._plan(cast("_Wanted", result))

        yes_no = words_of(("no", "yes"))
        damaged = "yes" if any(self._damaged.values()) else "no"
        lines = (
            FormLine("unused", "unneeded", "yes", "what no manifest of the collection or its runs needs", yes_no),
            FormLine("damaged", "damaged", damaged, "what is not as it was written; all is read for it", yes_no),
            FormLine("days", "unused days", "", "whole caches that no run used for so long; empty: not asked"),
            FormLine("gib", "at most GiB", "", "what was used least lately, until all take so much; empty: any size"),
        )  # fmt: skip
        self.app.push_screen(Form("Prune the caches", lines, _checked), begin)

    def _plan(self, wanted: _Wanted) -> None:
        def ask(planned: Pruned | None) -> None:
            if planned is None:
                return
            if not planned.entries:
                self.notify("Nothing to remove.", markup=False)
                return
            count = counted(sum(planned.entries.values()), "entry", "entries")
            about = {each.name: each for each in self._looked.caches}
            lines = [
                _planned_line(name, removed, about.get(name)) for name, removed in planned.entries.items()
            ]
            lines += [
                Text(),
                Text(" What a run writes to now stays; runs encode anew what they miss.", "italic"),
            ]
            question = f"Remove {count}, {bytes_in_words(planned.bytes)}?"
            self.app.push_screen(Proposal(question, lines), lambda yes: self._prune(wanted) if yes else None)

        do_longer(self, "looking", lambda tell: self._pruned(wanted, tell, is_dry=True), ask)

    def _prune(self, wanted: _Wanted) -> None:
        def told(done: Pruned | None) -> None:
            if done is not None:
                in_use = (
                    f"; {counted(done.in_use, 'part is', 'parts are')} in use and left" if done.in_use else ""
                )
                count = counted(sum(done.entries.values()), "entry", "entries")
                self.notify(f"{count}, {bytes_in_words(done.bytes)}{in_use}", title="Removed", markup=False)
                if wanted.damaged:
                    self._damaged = {}
            self._look()

        do_longer(self, "removing", lambda tell: self._pruned(wanted, tell, is_dry=False), told)

    def _pruned(self, wanted: _Wanted, tell: Progress, *, is_dry: bool) -> Pruned:
        return self._session.caches.prune(
            tell,
            unused=wanted.unused,
            damaged=wanted.damaged,
            unused_days=wanted.unused_days,
            most_bytes=wanted.most_bytes,
            dry_run=is_dry,
        )

    def action_close(self) -> None:
        self.dismiss()


def _checked(values: Mapping[str, str]) -> _Wanted:
    """What a person typed.

    Raises:
        UserError: no number, one below 0, or nothing is asked for.
    """
    days = number_of(values, "days", "unused days") if values["days"].strip() else None
    gib = number_of(values, "gib", "at most GiB") if values["gib"].strip() else None
    for label, number in (("unused days", days), ("at most GiB", gib)):
        if number is not None and not number >= 0:
            raise UserError(f"{label}: {number:g} is less than none", "type 0 or more, or leave it empty")
        if number is not None and number > _MOST:
            raise UserError(f"{label}: {number:g} is more than there can be", "type less, or leave it empty")
    wanted = _Wanted(
        yes_or_no(values, "unused", "unneeded"),
        yes_or_no(values, "damaged", "damaged"),
        days,
        None if gib is None else round(gib * _GIB),
    )
    if wanted == _Wanted(unused=False, damaged=False, unused_days=None, most_bytes=None):
        raise UserError("nothing is said of what to remove", "type yes, a number of days or a size")
    return wanted


def _planned_line(name: str, removed: int, cache: CacheSummary | None) -> Text:
    """What goes of one cache."""
    of_all = f" of {cache.entries:,}" if cache else ""
    model = f"  {cache.kind} of {visible(cache.model)}" if cache else ""
    return Text(f" {removed:>9,}{of_all}{model}  ").append(visible(name), meanings.QUIET)


def _ago(at: float) -> str:
    if not iso_time(at):
        return clock_time(at)
    days = int((time.time() - at) / 86_400)
    return "today" if days <= 0 else f"{counted(days, 'day')} ago"
