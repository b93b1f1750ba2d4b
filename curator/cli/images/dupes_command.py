"""`frieze dupes`: copies found, listed and marked."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.bulk_edit import ask
from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, YesOption
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesOrAll, takes_images
from curator.cli.shared.output import (
    in_any_case,
    progress_shown,
    put,
    put_json,
    put_json_rows,
    put_table,
    say,
    warn,
)
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.edits import EditCounts
    from curator.cli.schemas.images import Copy, CopyGroup, DupesReport
    from curator.session.images.copies import CopyResolution, Group
    from curator.session.images.images import Result
    from curator.session.session import Session


@takes_images
def dupes(
    images: ImagesOrAll,
    *,
    near: Annotated[
        int | None,
        typer.Option(
            "--near",
            metavar="D",
            help="Also those that look alike: at most D of 64 bits differ, usually 6; default: same bytes.",
        ),
    ] = None,
    best: Annotated[
        str,
        typer.Option(
            "--best",
            metavar="ORDER",
            help="Which one of a group is the best: by size, score, fav, bytes or score(NAME).",
        ),
    ] = "size",
    mark: Annotated[
        bool, typer.Option("--mark", help="Mark all but the best as rejected; 'frieze undo' takes it back.")
    ] = False,
    carry_annotations: Annotated[
        bool,
        typer.Option(
            "--carry-words",
            help="With --mark: the best takes over the others' tags, and a caption if it has none.",
        ),
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """List copies of images, and keep the best: one of each group stays, and all that are marked to keep."""
    if carry_annotations and not mark:
        raise UserError(
            "--carry-words without --mark", "add --mark; words are carried over when copies are rejected"
        )
    with opened(collection) as session:
        session.copies.check(near, best)
        found = images.of(session)
        ids = found.ids.tolist()
        if near is not None:
            _look(session, ids)
        groups = session.copies.find(ids, near, best)
        if not as_json:
            with in_any_case() if mark else nullcontext():
                _put(session, groups)
        elif not mark:
            put_json_rows(map(_group_json, groups))
        if mark:
            keeping = session.copies.keep_best(groups, best, carry_annotations=carry_annotations)
            counts = _mark(session, keeping, len(found), dry_run=dry_run, yes=yes)
            if as_json:
                _put_marked_json(groups, keeping, counts, found)


def _look(session: Session, ids: list[int]) -> None:
    """Look at images nobody looked at before, and name those that cannot be."""
    with progress_shown("look") as show:
        filled = session.copies.fingerprint(ids, show)
    if filled.fingerprinted:
        say(counted(filled.fingerprinted, "new fingerprint"))
    for path, why in filled.undecodable:
        warn(f"quarantined: {path}: {why}")
    for path, why in filled.unopened:
        warn(f"not looked at: {path}: {why}")


def _group_json(group: Group) -> CopyGroup:
    copies: list[Copy] = [
        {"image": each.image, "distance": each.distance, "exact": each.exact} for each in group.copies
    ]
    return {"best": group.best, "copies": copies}


def _put_marked_json(groups: list[Group], keeping: CopyResolution, counts: EditCounts, found: Result) -> None:
    report: DupesReport = {
        "schema": "frieze/dupes/1",
        **counts,
        "groups": [_group_json(group) for group in groups],
        "rejected": len(keeping.rejected),
        "annotated": len(keeping.annotated),
        "unknown_tags": found.unknown_tags,
    }
    put_json(report)


def _put(session: Session, groups: list[Group]) -> None:
    for group in groups:
        rows = session.images.rows([group.best, *(copy.image for copy in group.copies)])
        said = [
            "best",
            *("same file" if copy.exact else counted(copy.distance, "bit") for copy in group.copies),
        ]
        cells = [
            (row.id, f"{row.width}x{row.height}", row.file_bytes, how, row.path)
            for row, how in zip(rows, said, strict=True)
        ]
        put_table(cells, ("image", "size", "bytes", "is", "path"))
        put()
    copies = sum(len(group.copies) for group in groups)
    put(f"{counted(len(groups), 'group')}, {copies} more than one needs")


def _mark(session: Session, keeping: CopyResolution, matched: int, *, dry_run: bool, yes: bool) -> EditCounts:
    from curator.cli.schemas.edits import edit_counts

    if dry_run:
        say(f"{counted(len(keeping.rejected))} would be rejected")
        return edit_counts(matched, session.edits.preview(keeping.edit, keeping.images), (), dry_run=True)
    if len(keeping.images) > 1 and not yes:
        ask(len(keeping.images))
    commit = session.edits.apply(keeping.edit, keeping.images)
    carried = f", words carried over to {counted(len(keeping.annotated))}" if keeping.annotated else ""
    say(f"{counted(len(keeping.rejected))} rejected{carried}")
    return edit_counts(matched, commit.images_changed, [commit.id] if commit.id else [], dry_run=False)


app = single(dupes)
