"""`frieze tag derive`, `clean` and `order`: tags by rules, with a preview first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from curator.cli.shared.bulk_edit import ask
from curator.cli.shared.options import CollectionOption, DryRunOption, FilterArgument, JsonOption, YesOption
from curator.cli.shared.output import counted, put, put_json, put_table, say
from curator.cli.shared.places import opened
from curator.cli.shared.progress import Show, progress_shown
from curator.contract.errors import UserError
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.index.changes.edits import Annotations, Commit
    from curator.session.session import Session
    from curator.tags.clean import Diff
    from curator.tags.derive import Derived
    from curator.tags.derive_plan import DerivePlan

KindArgument = Annotated[
    list[str],
    typer.Argument(metavar="KIND...", help="quality, rating, year, head, count."),
]


def derive(
    filter: FilterArgument,
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
        reports = [
            _derive(session, filter, kind, changes, at=at, dry_run=dry_run, yes=yes)
            for kind in dict.fromkeys(kinds)
        ]
    if as_json:
        put_json(reports)
        return
    for report in reports:
        _put_derived(report)


def _derive(
    session: Session, filter: str, kind: str, changes: dict[str, Any], *, at: str, dry_run: bool, yes: bool
) -> dict[str, Any]:
    from curator.tags.derive import derive as derived_by
    from curator.tags.derive_plan import carry_out, classify_counts, plan_derived
    from curator.tags.tables import tables_of, with_changes

    tables = with_changes(tables_of(session.collection), changes)
    if kind == "count":
        commit = None if dry_run else classify_counts(session.collection, tables["count"]["tags"])
        return {"kind": kind, "images": 0, "tags": [], "cuts": {}, "done": _what([commit] if commit else [])}
    ids = session.images.select(filter).ids
    derived = derived_by(session.collection, ids, kind, tables)
    plan = plan_derived(session.collection, derived, ids)
    done: list[Commit] = []
    if not dry_run:
        if len(plan.images) > 1 and not yes:
            ask(len(plan.images))
        done = carry_out(session.collection, derived, plan, at_start=at == "start" or kind == "head")
    return _derived_json(derived, plan, done)


def _derived_json(derived: Derived, plan: DerivePlan, done: Sequence[Commit]) -> dict[str, Any]:
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
    from curator.tags.order import order_rule, ordered_annotations
    from curator.tags.tables import tables_of

    rule = order_rule(tables_of(session.collection))

    def words(show: Show) -> Iterator[Annotations]:
        return ordered_annotations(session.collection, ids, rule, show)

    with progress_shown("look", "looked at") as show:
        count = sum(1 for _ in words(show))
    _rewrite(session, count, len(ids), words, "order tags by rule", dry_run=dry_run, yes=yes)


def clean(
    filter: FilterArgument,
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
    from curator.tags.clean import CleanRules, Diff, cleaned_annotations
    from curator.tags.relations import read_aliases, read_implications
    from curator.tags.tables import tables_of

    with opened(collection) as session:
        ids = session.images.select(filter).ids.tolist()
        rules = CleanRules(
            tables_of(session.collection)["clean"],
            read_aliases(aliases) if aliases else {},
            read_implications(implications) if implications else {},
        )
        diff = Diff()
        with progress_shown("look", "looked at") as show:
            for _ in cleaned_annotations(session.collection, ids, rules, diff, show):
                pass
        _put_diff(diff, limit, as_json)
        if as_json and dry_run:
            return

        def words(show: Show) -> Iterator[Annotations]:
            return cleaned_annotations(session.collection, ids, rules, Diff(), show)

        _rewrite(
            session, diff.images, len(ids), words, "clean tags", dry_run=dry_run, yes=yes, tell=not as_json
        )


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
    session: Session,
    count: int,
    selected: int,
    words: Callable[[Show], Iterator[Annotations]],
    why: str,
    *,
    dry_run: bool,
    yes: bool,
    tell: bool = True,
) -> None:
    """Commit the words after asking; says what was done."""
    from curator.tags.rewriting import commit

    line = f"{count} of {counted(selected)} would change"
    if not dry_run:
        if count > 1 and not yes:
            ask(count)
        with progress_shown("write", "written") as show:
            done = commit(session.collection, words(show), why)
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
    from curator.tags.tables import SETTING, default_text, keep_changes, read_changes, tables_of

    if reset and file:
        raise UserError("--reset forgets what a file would change", "give one of the two")
    with opened(collection) as session:
        if reset:
            keep_changes(session.collection, {})
        if file:
            keep_changes(session.collection, read_changes(file))
        if as_json:
            put_json(tables_of(session.collection))
            return
        put(default_text().rstrip())
        for name, value in session.collection.settings.get(SETTING, {}).items():
            put(f"# changed here: {visible(name)} = {visible(repr(value))}")
