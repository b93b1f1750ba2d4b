"""`frieze tag again`: rules done before, on the images that came or were changed since (B13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.bulk_edit import ask
from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, YesOption
from curator.cli.options.places import opened
from curator.cli.shared.output import put, put_json_rows, tell
from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.edits import DueRule
    from curator.session.images.rules import Due, Rule
    from curator.session.session import Session


def again(
    rules: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RULE...]", help="Only these, such as order; default: all that are due."),
    ] = None,
    *,
    forget: Annotated[bool, typer.Option("--forget", help="Offer these no more.")] = False,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Do rules again, each on the images that came, or were changed by others, since it was done.

    Known are 'tag clean', 'tag relate' and 'tag order' of a filter, and the rules of the app's Prepare screen.
    """
    with opened(collection) as session:
        wanted = _known(session, rules or [])
        if forget:
            for rule in wanted:
                session.rules.forget(rule)
            reports: list[DueRule] = []
        else:
            due = [each for each in session.rules.due() if not wanted or each.rule in wanted]
            count = sum(each.review.images for each in due)
            if due and not dry_run and count > 1 and not yes:
                ask(count)
            reports = [_done_again(session, each, dry_run=dry_run) for each in due]
    if as_json:
        put_json_rows(reports)
        return
    if not reports:
        tell(f"forgotten: {', '.join(wanted)}" if forget else "nothing came that a rule would change")
    for report in reports:
        of = f"{counted(report['matched'])} that came since"
        put(f"{report['kind']}: {report['changed']:,} of {of} {'would change' if dry_run else 'changed'}")


def _known(session: Session, names: Sequence[str]) -> list[Rule]:
    known: dict[str, Rule] = {rule: rule for rule in session.rules.all()}
    for name in names:
        if name not in known:
            raise UserError(f"there is no rule '{name}'", did_you_mean(name, known))
    return [known[name] for name in names]


def _done_again(session: Session, due: Due, *, dry_run: bool) -> DueRule:
    from curator.cli.schemas.edits import edit_counts

    done = [] if dry_run else session.rules.do_again(due.rule)
    changed = due.review.images if dry_run else sum(each.images_changed for each in done)
    matched = due.review.sampled_from or due.review.looked_at
    counts = edit_counts(matched, changed, [each.id for each in done], dry_run=dry_run)
    return {**counts, "kind": due.rule, "filter": due.filter}
