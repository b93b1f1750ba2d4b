"""`frieze tag derive`, `clean`, `relate` and `order`: tags by rules, with a preview first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from curator.cli.options.bulk_edit import ask, put_edit
from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, LimitOption, YesOption
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesArgument, takes_images
from curator.cli.shared.output import (
    Show,
    in_any_case,
    progress_shown,
    put,
    put_json,
    put_json_rows,
    put_table,
    put_text,
    say,
    say_cut,
    tell,
)
from curator.contract.errors import UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.edits import CleanReport, DeriveReport, EditCounts, TagTables
    from curator.session.images.edits import Commit
    from curator.session.images.images import Result
    from curator.session.images.rules import Diff
    from curator.session.session import Session

_Common = list[tuple[tuple[str, str, str], int]]  # rule, before and after, and how often

KindArgument = Annotated[
    list[str],
    typer.Argument(metavar="KIND...", help="quality, rating, year, head, count."),
]


@takes_images
def derive(
    images: ImagesArgument,
    kinds: KindArgument,
    *,
    preset: Annotated[str, typer.Option("--preset", metavar="NAME", help="Which table of quality.")] = "",
    too_young_post: Annotated[
        int | None,
        typer.Option(
            "--too-young-post", metavar="N", help="No quality for posts above this number; default: for all."
        ),
    ] = None,
    too_young_date: Annotated[
        str, typer.Option("--too-young-date", metavar="DATE", help="No quality for posts from this day on.")
    ] = "",
    head: Annotated[
        str, typer.Option("--head", metavar="TAGS", help="What the kind head puts in front.")
    ] = "",
    at: Annotated[Literal["start", "end"], typer.Option("--at", help="Where the tags go.")] = "end",
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give tags that follow from the posts' facts; done again, it changes only what is new. Yours are never touched."""
    with opened(collection) as session:
        changes: dict[str, dict[str, Any]] = {"quality": {}, "head": {}}
        if preset:
            changes["quality"]["preset"] = preset
        if too_young_post is not None:
            changes["quality"]["too_young_post"] = too_young_post
        if too_young_date:
            changes["quality"]["too_young_date"] = too_young_date
        if head:
            changes["head"]["tags"] = [each.strip() for each in head.split(",") if each.strip()]
        found = images.of(session)
        reports = [
            _derive(session, found, kind, changes, at=at, dry_run=dry_run, yes=yes)
            for kind in dict.fromkeys(kinds)
        ]
    if as_json:
        put_json_rows(reports)
        return
    for report in reports:
        _put_derived(report)


def _derive(
    session: Session, found: Result, kind: str, changes: dict[str, Any], *, at: str, dry_run: bool, yes: bool
) -> DeriveReport:
    tables = session.rules.tables(changes)
    if kind == "count":
        commit = None if dry_run else session.rules.classify_counts(tables)
        return _derived(found, kind, [commit] if commit else [], 0, dry_run=dry_run)
    derivation = session.rules.derivation(kind, found.ids, tables)
    derived, plan = derivation
    done: list[Commit] = []
    if not dry_run:
        if len(plan.images) > 1 and not yes:
            ask(len(plan.images))
        done = session.rules.derive(derivation, at_start=at == "start")
    report = _derived(found, plan.kind, done, len(plan.images), dry_run=dry_run)
    report["tags"] = [
        {
            "name": tag.name,
            "images": tag.images,
            "gained": tag.gained,
            "lost": tag.lost,
            "by_hand": tag.by_hand,
        }
        for tag in plan.tags
    ]
    report["cuts"] = {rating: list(cuts) for rating, cuts in derived.cuts.items()}
    return report


def _derived(
    found: Result, kind: str, done: Sequence[Commit], changed: int, *, dry_run: bool
) -> DeriveReport:
    from curator.cli.schemas.edits import edit_counts

    commits = [commit.id for commit in done if commit.id]
    return {
        "kind": kind,
        **edit_counts(len(found), changed, commits, dry_run=dry_run),
        "images": changed,
        "tags": [],
        "cuts": {},
        "done": [f"{commit.what} ({counted(commit.images_changed)})" for commit in done],
        "unknown_tags": found.unknown_tags,
    }


def _put_derived(report: DeriveReport) -> None:
    names = ("images", "gained", "lost", "by_hand", "name")
    put(f"{report['kind']}: {counted(report['images'])} to change")
    if report["tags"]:
        put_table(
            [[each[name] for name in names] for each in report["tags"]],
            ("by rule", "new", "gone", "by hand", "tag"),
        )
    for rating, cuts in report["cuts"].items():
        put(f"cuts of {rating}: {', '.join(f'{cut:g}' for cut in cuts)}")
    for what in report["done"]:
        tell(f"done: {what}")


def order_by_rules(
    session: Session, found: Result, kept_for: str | None, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Order the tags of images by the rules of the collection's tables; offered again for what comes, see `again`."""
    ids = found.ids.tolist()
    with progress_shown("look") as show:
        count = session.rules.ordering(ids, show)
    order = partial(session.rules.order, ids, kept_for=kept_for)
    done = [] if dry_run else _rewritten(count, order, yes=yes)
    put_edit(
        len(ids),
        count if dry_run else _changed(done),
        [commit.id for commit in done],
        None if dry_run else "order tags by rule",
        dry_run=dry_run,
        as_json=as_json,
        unknown_tags=found.unknown_tags,
    )


@takes_images
def clean(
    images: ImagesArgument,
    *,
    aliases: Annotated[
        Path | None, typer.Option("--aliases", metavar="CSV", help="Tags that are another one's name.")
    ] = None,
    implications: Annotated[
        Path | None,
        typer.Option("--implications", metavar="CSV", help="Tags that another tag says already go."),
    ] = None,
    limit: LimitOption = 20,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Clean tags and captions by the rules of 'frieze tag tables'; --dry-run shows the changes."""
    with opened(collection) as session:
        found = images.of(session)
        ids = found.ids.tolist()
        rules = session.rules.clean_rules(aliases, implications)
        kept_for = None if aliases or implications else images.kept_text
        _rewrite(
            found,
            "clean tags",
            partial(session.rules.cleaning, ids, rules),
            partial(session.rules.clean, ids, rules, kept_for=kept_for),
            limit=limit,
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )


@takes_images
def relate(
    images: ImagesArgument,
    *,
    limit: LimitOption = 20,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make tags follow the table relations of 'frieze tag tables': groups of which one stays, and conditions.

    --dry-run shows the changes.
    """
    with opened(collection) as session:
        rules = session.rules.relations()
        if not rules:
            say(
                "note: the table relations has no rules; write some and keep them with 'frieze tag tables FILE'"
            )
        found = images.of(session)
        ids = found.ids.tolist()
        _rewrite(
            found,
            "relate tags",
            partial(session.rules.relating, ids, rules),
            partial(session.rules.relate, ids, rules, kept_for=images.kept_text),
            limit=limit,
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )


def _rewrite(
    found: Result,
    what: str,
    look: Callable[[Show], Diff],
    carry_out: Callable[[Show], list[Commit]],
    *,
    limit: int,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Tell what rules would change, the most common changes first, and after asking carry it out."""
    from curator.cli.schemas.edits import edit_counts

    with progress_shown("look") as show:
        diff = look(show)
    common = diff.changes.most_common(limit or None)
    say_cut(len(common), len(diff.changes))
    if not as_json:
        with in_any_case():
            _put_diff(diff, common)
    done = [] if dry_run else _rewritten(diff.images, carry_out, yes=yes)
    changed = diff.images if dry_run else _changed(done)
    if as_json:
        commits = [commit.id for commit in done]
        counts = edit_counts(len(found), changed, commits, dry_run=dry_run)
        _put_rewrite_json(found, diff, common, counts, None if dry_run else what)
    else:
        put_edit(len(found), changed, what=None if dry_run else what, dry_run=dry_run, as_json=False)


def _put_rewrite_json(
    found: Result, diff: Diff, common: _Common, counts: EditCounts, what: str | None
) -> None:
    report: CleanReport = {
        "schema": "frieze/clean/1",
        **counts,
        "what": what,
        "unknown_tags": found.unknown_tags,
        "images": diff.images,
        "changes_by_rule": diff.by_rule(),
        "changes": [
            {"kind": kind, "before": old, "after": new, "count": count} for (kind, old, new), count in common
        ],
    }
    put_json(report)


def _put_diff(diff: Diff, common: _Common) -> None:
    if common:
        put_table([(count, rule) for rule, count in diff.by_rule().items()], ("changes", "rule"))
        put()
        rows = [(count, rule, _shown(old), _shown(new) or "(goes)") for (rule, old, new), count in common]
        put_table(rows, ("count", "rule", "before", "after"))
        put()


def _shown(text: str) -> str:
    """A caption as a table in a terminal has room for it; a program gets it whole."""
    if not sys.stdout.isatty():
        return text
    return text if len(text) <= 60 else f"{text[:57]}..."


def _rewritten(count: int, carry_out: Callable[[Show], list[Commit]], *, yes: bool) -> list[Commit]:
    """Carry a rule out after asking; gives the commits."""
    if count > 1 and not yes:
        ask(count)
    with progress_shown("write") as show:
        return carry_out(show)


def _changed(done: Sequence[Commit]) -> int:
    return sum(each.images_changed for each in done)


def tables(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="TOML with what shall differ; kept with the collection."),
    ] = None,
    *,
    reset: Annotated[bool, typer.Option("--reset", help="Forget what was changed.")] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the tables of derived, ordered and cleaned tags, or keep changes to them."""
    if reset and file:
        raise UserError("--reset forgets what a file would change", "give one of the two")
    with opened(collection) as session:
        if reset:
            session.rules.reset_tables()
        if file:
            session.rules.read_tables(file)
        if as_json:
            report: dict[str, Any] = {"schema": "frieze/tag-tables/1", **session.rules.tables()}
            put_json(cast("TagTables", report))  # the tables' own check has looked at them
            return
        put_text(session.rules.program_text().rstrip())
        for name, value in session.rules.changed_tables().items():
            put(f"# changed here: {name} = {value!r}")
