"""`frieze import`: data of other tools, a plan first, then a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.shared.bulk_edit import ask
from curator.cli.shared.options import CollectionOption, DryRunOption, JsonOption, YesOption
from curator.cli.shared.output import counted, put, put_json, put_table, tell
from curator.cli.shared.places import enclosing_collection
from curator.cli.shared.progress import progress_shown
from curator.cli.shared.scan_lines import passed_over_lines
from curator.cli.shared.typer_apps import single
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.session.exchange import AnnotationReport, ImportPlan, ImportReport


_SHOWN = 20  # warnings of a scan


def import_data(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder or file of another tool.")],
    *,
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            metavar="LAYOUT",
            help="kohya-folders, -toml, -json, everydream, everydream1, booru, gallery-dl, imagefolder, scores.",
        ),
    ] = "auto",
    reg: Annotated[
        Path | None, typer.Option("--reg", metavar="DIR", help="Regularisation folders, for kohya-folders.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", help="Where the images are, for kohya-json and scores."),
    ] = None,
    replace_annotations: Annotated[
        bool, typer.Option("--replace", help="Also write over tags and captions that images have.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring in images, captions, repeats and metadata of other tools; --dry-run shows it first."""
    from curator.session.exchange import Exchange
    from curator.session.session import Session

    planned = Exchange.plan(path, layout, reg=reg, images=images)
    home = collection or enclosing_collection(Path.cwd())
    if dry_run:
        _show_plan(planned, home, replace_annotations=replace_annotations, as_json=as_json)
        return
    if replace_annotations and home and not yes:
        _ask_to_replace(planned, home)
    with Session.create(home or Path.cwd()) as session, progress_shown("import", "read") as show:
        report = session.exchange.carry_out(
            planned,
            lambda rows: show(rows, 0),
            scanned=lambda now: show(now.done, now.total),
            replace_annotations=replace_annotations,
        )
    _show_report(report, as_json)
    Exchange.refuse_empty_import(planned, report.words)


def _ask_to_replace(plan: ImportPlan, home: Path) -> None:
    """Ask where the rows of a plan reach several images: some may lose words."""
    from curator.session.exchange import Exchange

    if (images := Exchange.count_rows(plan, home, replace_annotations=True).found) > 1:
        ask(images)


def _show_plan(plan: ImportPlan, home: Path | None, *, replace_annotations: bool, as_json: bool) -> None:
    from curator.session.exchange import Exchange

    counts = Exchange.count_rows(plan, home, replace_annotations=replace_annotations)
    if as_json:
        put_json({**plan.as_json(), **_words_json(counts)})
    else:
        _put_plan(plan, counts)
    Exchange.refuse_empty_import(plan, counts)


def _put_plan(plan: ImportPlan, counts: AnnotationReport) -> None:
    if plan.subsets:
        rows = [
            (
                each.name,
                each.images,
                f"{each.repeats:g}",
                "reg" if each.is_reg else "",
                each.class_tokens,
                each.folder,
            )
            for each in plan.subsets
        ]
        put_table(rows, ("subset", "images", "repeats", "", "class tokens", "folder"))
    for each in plan.ignored:
        put(f"ignored: {visible(each.path)}: {visible(each.reason)}")
    _put_words(counts)
    for note in plan.notes:
        put(f"note: {visible(note)}")


def _show_report(report: ImportReport, as_json: bool) -> None:
    scanned = report.scanned
    if as_json:
        put_json(
            {
                "added": scanned.added,
                "quarantined": [{"path": path, "reason": why} for path, why in scanned.quarantined],
                "passed_over": dict(sorted(scanned.passed_over.items())),
                "scan_warnings": [{"path": path, "warning": why} for path, why in scanned.warnings],
                "subsets": list(report.subsets),
                "class_tokens_given": report.captioned,
                **_words_json(report.words),
            }
        )
        return
    if scanned.added or report.subsets:
        tell(f"{counted(scanned.added)} added, {counted(len(report.subsets), 'subset')} saved")
    if report.captioned:
        tell(f"{counted(report.captioned)} without a caption got the class tokens")
    for line in passed_over_lines(scanned):
        tell(line)
    for path, why in scanned.quarantined:
        put(f"quarantined: {visible(path)}: {visible(why)}")
    for path, why in scanned.warnings[:_SHOWN]:
        put(f"warning: {visible(path)}: {visible(why)}")
    if len(scanned.warnings) > _SHOWN:
        put(f"and {len(scanned.warnings) - _SHOWN} more warnings: see --json")
    _put_words(report.words)


def _words_json(words: AnnotationReport) -> dict[str, Any]:
    found = {
        "rows": words.rows,
        "funnel": dict(words.funnel),
        "understood": dict(words.fields),
        "warnings": dict(words.warnings),
    }
    return {**found, "scores": dict(words.scores)} if words.scores else found


def _put_words(words: AnnotationReport) -> None:
    from curator.session.exchange import Exchange

    if not words.rows:
        return
    put_table([(count, reason) for reason, count in words.funnel.most_common()], ("rows", "of which"))
    if words.fields:
        put(f"understood: {Exchange.understood_in_words(words)}")
    if words.is_without_annotations:
        put("warning: no tags and no captions were found in them")
    for name, count in words.scores.items():
        put(f"score({name}): {counted(count, 'value')}")
    for warning, count in words.warnings.items():
        put(f"warning: {counted(count, 'row')} with {warning}")


app = single(import_data)
