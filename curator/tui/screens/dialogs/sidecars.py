"""Sidecars written from the app: which kind, then what would be written and what stands against it, then the act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual.screen import Screen

from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import counted, visible
from curator.tui.completing.completion import words_of
from curator.tui.screens.dialogs.at_work import Progress, do_longer
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, yes_or_no
from curator.tui.screens.dialogs.told import tell
from curator.tui.text.own_words import in_own_words

if TYPE_CHECKING:
    from curator.session.images.exchange import Suffix, WriteReport
    from curator.session.session import Session

_KINDS = {".txt": "the tags, as most trainers read them", ".caption": "the free caption"}


class _Wanted(NamedTuple):
    """What kind of sidecar, and whether over files that others changed."""

    suffix: Suffix
    replace: bool


def ask_for_sidecars(screen: Screen, session: Session, ids: Sequence[int]) -> None:
    """Ask which kind, show the plan, and write it."""

    def check(values: Mapping[str, str]) -> _Wanted:
        suffix = values["suffix"].strip()
        if suffix not in _KINDS:
            raise UserError(f"'{suffix}' is no kind of sidecar", did_you_mean(suffix, _KINDS))
        return _Wanted(cast("Suffix", suffix), yes_or_no(values, "replace", "replace"))

    lines = (
        FormLine("suffix", "kind", ".txt", ".txt: the tags; .caption: the free caption", words_of(_KINDS)),
        FormLine(
            "replace",
            "replace",
            "no",
            "yes: also over files that others changed since they were read",
            words_of(("no", "yes")),
        ),
    )
    title = f"Write the sidecars of {counted(len(ids))}"
    screen.app.push_screen(
        Form(title, lines, check), lambda wanted: _plan(screen, session, ids, cast("_Wanted | None", wanted))
    )


def _plan(screen: Screen, session: Session, ids: Sequence[int], wanted: _Wanted | None) -> None:
    """Look at all of them, writing nothing, and ask."""
    if wanted is None:
        return

    def work(show: Progress, *, dry_run: bool) -> WriteReport:
        with session.apart() as own:
            return own.sidecars.write(
                ids,
                wanted.suffix,
                replace=wanted.replace,
                dry_run=dry_run,
                progress=lambda done: show(done, len(ids)),
            )

    def ask(plan: WriteReport | None) -> None:
        if plan is None:
            return
        if not plan.written:
            tell(screen, "Nothing to write", report_lines(plan, "to write"))
            return
        screen.app.push_screen(
            Proposal(f"Write {counted(plan.written, 'sidecar')}?", report_lines(plan, "to write")),
            lambda yes: write() if yes else None,
        )

    def write() -> None:
        do_longer(screen, "writing", lambda show: work(show, dry_run=False), say)

    def say(done: WriteReport | None) -> None:
        if done is None:
            screen.app.notify("Given up; what was written stays.", title="Sidecars", markup=False)
        elif done.conflicts or done.failed:
            tell(screen, "Some sidecars were not written", report_lines(done, "written"))
        else:
            screen.app.notify(f"{counted(done.written, 'sidecar')} written.", markup=False)

    do_longer(screen, "looking", lambda show: work(show, dry_run=True), ask)


def report_lines(report: WriteReport, done: str) -> list[Text]:
    """What became of the sidecars, or would, as lines: those that stay as they are with the reason."""
    lines = [Text(f" {report.written:>9,} {done}"), Text(f" {report.unchanged:>9,} as they should be")]
    if report.by_full_name:
        about = "of them by the image's full name, since others have its stem"
        lines.insert(1, Text(f" {report.by_full_name:>9,} {about}"))
    for name, pairs in (
        ("in conflict, left as they are", report.conflicts),
        ("cannot be written", report.failed),
    ):
        if pairs:
            lines.append(Text(f" {len(pairs):>9,} {name}", "bold"))
        lines += [Text(f"   {visible(path)}: {visible(in_own_words(why))}") for path, why in pairs]
    return lines
