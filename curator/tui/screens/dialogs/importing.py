"""Import of other tools' data in the app: where it is, the plan to read, then the import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual.screen import Screen

from curator.contract.errors import UserError
from curator.contract.text import counted, visible
from curator.session.images.exchange import Exchange
from curator.tui.background import in_background, progress_on_status
from curator.tui.completing.completion import paths, words_of
from curator.tui.messages import StatusChanged
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, yes_or_no

if TYPE_CHECKING:
    from curator.session.images.exchange import AnnotationReport, ImportPlan, ImportReport
    from curator.session.session import Session


def _form_lines(layouts: Iterable[str]) -> tuple[FormLine, ...]:
    return (
        FormLine(
            "path", "folder or file", "", "of kohya, EveryDream, a booru, gallery-dl, an imagefolder", paths()
        ),
        FormLine("layout", "layout", "auto", "auto, " + ", ".join(layouts), words_of(("auto", *layouts))),
        FormLine("reg", "regularisation", "", "its folders, for kohya-folders", paths(only_folders=True)),
        FormLine("images", "images", "", "where they are, for kohya-json", paths(only_folders=True)),
        FormLine("replace", "replace words", "no", "yes: also tags and captions that images have"),
    )


class Planned(NamedTuple):
    """A plan, what its rows would do, and whether their words replace those that images have."""

    plan: ImportPlan
    counts: AnnotationReport
    replace_annotations: bool


def ask_for_import(screen: Screen, reader: Session) -> None:
    """Ask where it is, and plan in the background as the work "plan" of `screen`; for `propose_import`."""

    def progress(rows: int) -> None:
        screen.post_message(StatusChanged(f"{counted(rows, 'row')} read"))

    def check(values: Mapping[str, str]) -> Callable[[], Planned]:
        typed = {name: value.strip() for name, value in values.items()}
        if not typed["path"]:
            raise UserError("no folder or file was given", "type where it is")
        replace = yes_or_no(typed, "replace", "replace words")
        path, reg, images = (Path(typed[name]).expanduser() for name in ("path", "reg", "images"))
        reg, images = (where if typed[name] else None for name, where in (("reg", reg), ("images", images)))

        def planned() -> Planned:
            plan = reader.exchange.plan(path, typed["layout"], reg=reg, images=images)
            return Planned(plan, reader.exchange.count(plan, progress, replace_annotations=replace), replace)

        return planned

    def begin(result: object) -> None:
        if result is not None:
            screen.post_message(StatusChanged("reading"))
            in_background(screen, "plan", cast("Callable[[], Planned]", result), keys_wait=True)

    screen.app.push_screen(
        Form("Bring in data of another tool", _form_lines(reader.exchange.layouts()), check), begin
    )


def propose_import(screen: Screen, reader: Session, planned: Planned) -> None:
    """Show the plan, and carry it out in the background as the work "import" of `screen`."""

    def progress(rows: int) -> None:
        screen.post_message(StatusChanged(f"{counted(rows, 'row')} read"))

    def carry_out(yes: bool | None) -> None:
        if yes:
            screen.post_message(StatusChanged("bringing in"))
            plan, _, replace = planned
            tell = progress_on_status(screen, "scanning")

            def bring_in() -> ImportReport:
                with reader.apart() as own:
                    return own.exchange.carry_out(
                        plan,
                        progress,
                        scanned=lambda now: tell(now.done, now.total),
                        replace_annotations=replace,
                    )

            in_background(screen, "import", bring_in)

    question = f"Bring this in ({planned.plan.layout})?"
    screen.app.push_screen(
        Proposal(question, [*plan_lines(planned.plan), *count_lines(planned.counts)]), carry_out
    )


def plan_lines(plan: ImportPlan) -> list[Text]:
    """What an import would do, as lines."""
    lines = [Text(f" index {visible(str(folder))}") for folder in plan.folders]
    for each in plan.subsets:
        reg = "  regularisation" if each.is_reg else ""
        about = f" {each.images:>7,} x {each.repeats:g}{reg}  {visible(each.class_tokens)}"
        lines.append(Text(f" subset {visible(each.name)}", "bold").append(about, "not bold"))
    lines += [Text(f" words and facts of {visible(str(each.path))}") for each in plan.sources]
    lines += [
        Text(f" ignored: {visible(each.path)}: {visible(each.reason)}", "italic") for each in plan.ignored
    ]
    return lines + [Text(f" {visible(note)}", "italic") for note in plan.notes]


def count_lines(counts: AnnotationReport) -> list[Text]:
    """What would become of every row, as lines."""
    lines = [
        Text(f" {counted(count, 'row'):>12}: {visible(reason)}")
        for reason, count in counts.funnel.most_common()
    ]
    if counts.rows:
        lines.append(Text(f" understood: {Exchange.understood_in_words(counts)}"))
    return lines + [
        Text(f" {counted(count, 'row')} with {visible(what)}", "italic")
        for what, count in counts.warnings.items()
    ]


def report_in_words(report: ImportReport) -> str:
    """One sentence about an import that is done."""
    kept = f"{counted(report.scanned.added)} added, {counted(len(report.subsets), 'subset')}"
    words = report.words
    if not words.rows:
        return kept
    read = f"{counted(words.rows, 'row')} read, {words.found:,} of images here"
    return f"{kept}, {read}; understood: {Exchange.understood_in_words(words)}"
