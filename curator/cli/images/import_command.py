"""`frieze import`: data of other tools, a plan first, then a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.bulk_edit import ask
from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, YesOption
from curator.cli.options.places import enclosing_collection, interrupts_told
from curator.cli.shared.output import progress_shown, put, put_json, put_table, tell
from curator.cli.shared.scan_lines import passed_over_lines
from curator.cli.shared.typer_apps import single
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.collection import ImportedRows
    from curator.cli.schemas.collection import ImportPlan as PlanReport
    from curator.cli.schemas.collection import ImportReport as Report
    from curator.session.images.exchange import AnnotationReport, ImportPlan, ImportReport


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
    from curator.session.images.exchange import Exchange
    from curator.session.session import Session

    planned = Exchange.plan(path, layout, reg=reg, images=images)
    home = collection or enclosing_collection(Path.cwd())
    if dry_run:
        _show_plan(planned, home, replace_annotations=replace_annotations, as_json=as_json)
        return
    if not yes:
        _ask(planned, home, replace_annotations=replace_annotations)
    with (
        interrupts_told(Session.create(home or Path.cwd())) as session,
        session.edits.recorded() as commits,
        progress_shown("import") as show,
    ):
        report = session.exchange.carry_out(
            planned,
            lambda rows: show(rows, 0),
            scanned=lambda now: show(now.done, now.total),
            replace_annotations=replace_annotations,
        )
    _put_report_json(report, commits) if as_json else _put_report(report)
    Exchange.refuse_empty_import(planned, report.words)


def _ask(plan: ImportPlan, home: Path | None, *, replace_annotations: bool) -> None:
    """Ask where a plan brings several images in, or its rows reach several."""
    from curator.session.images.exchange import Exchange

    counts = Exchange.count_rows(plan, home, replace_annotations=replace_annotations)
    Exchange.refuse_empty_import(plan, counts)
    images = max(counts.found, sum(each.images for each in plan.subsets))
    if images > 1:
        ask(images, "import")


def _show_plan(plan: ImportPlan, home: Path | None, *, replace_annotations: bool, as_json: bool) -> None:
    from curator.session.images.exchange import Exchange

    counts = Exchange.count_rows(plan, home, replace_annotations=replace_annotations)
    if as_json:
        _put_plan_json(plan, counts)
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
        put(f"ignored: {each.path}: {each.reason}")
    _put_words(counts)
    for note in plan.notes:
        put(f"note: {note}")


def _put_plan_json(plan: ImportPlan, counts: AnnotationReport) -> None:
    about: PlanReport = {
        "schema": "frieze/import-plan/1",
        "layout": plan.layout,
        "subsets": [
            {
                "name": each.name,
                "folder": str(each.folder),
                "repeats": int(each.repeats) if each.repeats == int(each.repeats) else each.repeats,
                "class_tokens": each.class_tokens,
                "images": each.images,
                "is_reg": each.is_reg,
            }
            for each in plan.subsets
        ],
        "ignored": [{"path": each.path, "reason": each.reason} for each in plan.ignored],
        "notes": plan.notes,
        **_rows_json(counts),
    }
    put_json(about)


def _put_report_json(report: ImportReport, commits: Sequence[int]) -> None:
    scanned = report.scanned
    about: Report = {
        "schema": "frieze/import/1",
        "added": scanned.added,
        "quarantined": [{"path": path, "reason": why} for path, why in scanned.quarantined],
        "passed_over": dict(sorted(scanned.passed_over.items())),
        "scan_warnings": [{"path": path, "reason": why} for path, why in scanned.warnings],
        "subsets": report.subsets,
        "class_tokens_given": report.captioned,
        "commit": commits[0] if commits else None,
        "commits": commits,
        **_rows_json(report.words),
    }
    put_json(about)


def _put_report(report: ImportReport) -> None:
    scanned = report.scanned
    if scanned.added or report.subsets:
        tell(f"{counted(scanned.added)} added, {counted(len(report.subsets), 'subset')} saved")
    if report.captioned:
        tell(f"{counted(report.captioned)} without a caption got the class tokens")
    for line in passed_over_lines(scanned):
        tell(line)
    for path, why in scanned.quarantined:
        put(f"quarantined: {path}: {why}")
    for path, why in scanned.warnings[:_SHOWN]:
        put(f"warning: {path}: {why}")
    if len(scanned.warnings) > _SHOWN:
        put(f"and {counted(len(scanned.warnings) - _SHOWN, 'more warning')}: see --json")
    _put_words(report.words)


def _rows_json(words: AnnotationReport) -> ImportedRows:
    return {
        "rows": words.rows,
        "funnel": [{"reason": reason, "count": count} for reason, count in words.funnel.most_common()],
        "understood": words.fields,
        "warnings": [{"what": what, "count": count} for what, count in words.warnings.items()],
        "scores": words.scores,
    }


def _put_words(words: AnnotationReport) -> None:
    from curator.session.images.exchange import Exchange

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
