"""`frieze tag derive`, `clean` and `order`: tags by rules, with a preview first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from curator.cli.shared.bulk_edit import ask
from curator.cli.shared.options import CollectionOption, DryRunOption, JsonOption, YesOption
from curator.cli.shared.output import counted, put, put_json, put_table, say
from curator.cli.shared.places import opened
from curator.cli.shared.progress import Show, progress_shown
from curator.cli.shared.selection import ImagesArgument, takes_images
from curator.contract.errors import UserError
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.session.edits import Commit
    from curator.session.rules import Derivation, Diff, Ids
    from curator.session.session import Session

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
        typer.Option("--too-young-post", metavar="N", help="No quality for posts above this number."),
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
        ids = images.of(session).ids
        reports = [
            _derive(session, ids, kind, changes, at=at, dry_run=dry_run, yes=yes)
            for kind in dict.fromkeys(kinds)
        ]
    if as_json:
        put_json(reports)
        return
    for report in reports:
        _put_derived(report)


def _derive(
    session: Session, ids: Ids, kind: str, changes: dict[str, Any], *, at: str, dry_run: bool, yes: bool
) -> dict[str, Any]:
    tables = session.rules.tables(changes)
    if kind == "count":
        commit = None if dry_run else session.rules.classify_counts(tables)
        return {"kind": kind, "images": 0, "tags": [], "cuts": {}, "done": _what([commit] if commit else [])}
    derivation = session.rules.derivation(kind, ids, tables)
    done: list[Commit] = []
    if not dry_run:
        if len(derivation.plan.images) > 1 and not yes:
            ask(len(derivation.plan.images))
        done = session.rules.derive(derivation, at_start=at == "start")
    return _derived_json(derivation, done)


def _derived_json(derivation: Derivation, done: Sequence[Commit]) -> dict[str, Any]:
    derived, plan = derivation
    return {
        "kind": plan.kind,
        "images": len(plan.images),
        "tags": [asdict(each) for each in plan.tags],
        "cuts": {rating: list(cuts) for rating, cuts in derived.cuts.items()},
        "done": _what(done),
    }


def _what(done: Sequence[Commit]) -> list[str]:
    return [f"{commit.what} ({counted(commit.images_changed)})" for commit in done]


def _put_derived(report: dict[str, Any]) -> None:
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
        put(f"done: {visible(what)}")


def order_by_rules(session: Session, ids: Sequence[int], *, dry_run: bool, yes: bool) -> None:
    """Order the tags of images by the rules of the collection's tables."""
    with progress_shown("look", "looked at") as show:
        count = session.rules.ordering(ids, show)
    _rewrite(
        count, len(ids), partial(session.rules.order, ids), "order tags by rule", dry_run=dry_run, yes=yes
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
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Show the N most common changes.")
    ] = 20,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Clean tags and captions by the rules of 'frieze tag tables'; --dry-run shows the changes."""
    with opened(collection) as session:
        ids = images.of(session).ids.tolist()
        rules = session.rules.clean_rules(aliases, implications)
        with progress_shown("look", "looked at") as show:
            diff = session.rules.cleaning(ids, rules, show)
        _put_diff(diff, limit, as_json)
        if as_json and dry_run:
            return
        clean_all = partial(session.rules.clean, ids, rules)
        _rewrite(diff.images, len(ids), clean_all, "clean tags", dry_run=dry_run, yes=yes, tell=not as_json)


def _put_diff(diff: Diff, limit: int, as_json: bool) -> None:
    common = diff.changes.most_common(limit)
    if as_json:
        changes = [
            {"rule": r, "before": old, "after": new, "count": count} for (r, old, new), count in common
        ]
        put_json({"images": diff.images, "rules": diff.by_rule(), "changes": changes})
        return
    if common:
        put_table([(count, rule) for rule, count in diff.by_rule().items()], ("changes", "rule"))
        put()
        rows = [(count, rule, _shown(old), _shown(new) or "(goes)") for (rule, old, new), count in common]
        put_table(rows, ("count", "rule", "before", "after"))
        put()


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _rewrite(
    count: int,
    selected: int,
    carry_out: Callable[[Show], list[Commit]],
    why: str,
    *,
    dry_run: bool,
    yes: bool,
    tell: bool = True,
) -> None:
    """Carry a rule out after asking; says what was done."""
    line = f"{count} of {counted(selected)} would change"
    if not dry_run:
        if count > 1 and not yes:
            ask(count)
        with progress_shown("write", "written") as show:
            done = carry_out(show)
        line = f"{sum(each.images_changed for each in done)} of {counted(selected)} changed: {why}"
    (put if tell else say)(line)


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
            put_json(session.rules.tables())
            return
        put(session.rules.program_text().rstrip())
        for name, value in session.rules.changed_tables().items():
            put(f"# changed here: {visible(name)} = {visible(repr(value))}")
