"""`frieze proposals` and `frieze tag accept`: what tag models say of images, and tags made of it (row B04)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curator.cli.options.bulk_edit import ask
from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, YesOption
from curator.cli.options.places import opened
from curator.cli.options.proposal_options import (
    CharacterOption,
    GeneralOption,
    McutOption,
    ModelOption,
    thresholds_of,
)
from curator.cli.options.selection import ImagesOrAll, takes_images
from curator.cli.shared.output import (
    put,
    put_json,
    put_json_lines,
    put_json_rows,
    put_table,
    say,
    say_cut,
    tell,
)
from curator.cli.shared.typer_apps import single
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.models import AcceptReport, ImageProposalsRow, LabelCount
    from curator.session.images.proposals import ImageProposals, PlannedAcceptance
    from curator.session.session import Session

_PAGE = 4096


@takes_images
def proposals(
    images: ImagesOrAll,
    *,
    model: ModelOption,
    general: GeneralOption = None,
    character: CharacterOption = None,
    mcut: McutOption = False,
    counts: Annotated[
        bool, typer.Option("--counts", help="Print how many images each tag would be accepted for.")
    ] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what a model proposes at any threshold, without looking at images again; JSON is a line an image."""
    thresholds = thresholds_of(general, character, mcut)
    with opened(collection) as session:
        session.proposals.collect()
        found = images.of(session)
        kept = session.proposals.model(model)
        if counts:
            _put_counts(session.proposals.counts(kept, found.ids.tolist(), thresholds), as_json)
            return
        page: list[ImageProposals] = []
        for each in session.proposals.of_images(kept, found.ids.tolist(), thresholds):
            page.append(each)
            if len(page) == _PAGE:
                _put_page(session, page, as_json)
                page = []
        _put_page(session, page, as_json)


def _put_counts(counts: Mapping[str, int], as_json: bool) -> None:
    if as_json:
        rows: Iterator[LabelCount] = ({"name": name, "images": count} for name, count in counts.items())
        put_json_rows(rows)
    else:
        put_table([(count, name) for name, count in counts.items()], ("images", "tag"))


def _put_page(session: Session, page: list[ImageProposals], as_json: bool) -> None:
    rows = session.images.rows([each.image for each in page])
    for row, each in zip(rows, page, strict=True):
        if as_json:
            about: ImageProposalsRow = {
                "id": row.id,
                "path": row.path,
                "tags": each.tags,
                "rating": each.rating,
            }
            if each.caption is not None:
                about["caption"] = each.caption
            put_json_lines([about])
            continue
        words = [f"{tag.name} {tag.value:.2f}" for tag in each.tags]
        said = each.caption if each.caption is not None else ", ".join(words)
        rating = f"{each.rating[0]} {each.rating[1]:.2f}" if each.rating else ""
        put(str(row.id), row.path, rating, said)


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


@takes_images
def accept(
    images: ImagesOrAll,
    *,
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            metavar="MODEL",
            help="The model; given several times, their proposals are put together.",
        ),
    ],
    general: GeneralOption = None,
    character: CharacterOption = None,
    mcut: McutOption = False,
    mode: Annotated[
        Literal["add", "replace", "missing"],
        typer.Option(
            "--mode",
            help="add what images lack; replace the tags of these classes; or only for images missing the class.",
        ),
    ] = "add",
    classes: Annotated[
        str, typer.Option("--class", metavar="A,B", help="Only labels of these classes, such as general.")
    ] = "",
    agree: Annotated[
        int,
        typer.Option("--agree", metavar="N", min=1, help="Of several models at least N must propose a tag."),
    ] = 1,
    drop_overlaps: Annotated[
        bool, typer.Option("--drop-overlaps", help="Leave out a tag within another, as hair in long hair.")
    ] = False,
    rating: Annotated[
        bool, typer.Option("--rating", help="Add the likeliest rating as rating:NAME.")
    ] = False,
    without: Annotated[
        str, typer.Option("--without", metavar="A,B", help="Labels that become no tags.")
    ] = "",
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Tell only of the N commonest tags; 0 is all.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Make tags of a model's proposals (of a captioner captions), as one edit that can be undone."""
    from curator.proposals.acceptance import Acceptance

    how = Acceptance(
        thresholds_of(general, character, mcut),
        mode,
        _names(classes),
        agree,
        drop_overlaps,
        rating,
        _names(without),
    )
    with opened(collection) as session:
        session.proposals.collect()
        found = images.of(session)
        models = [session.proposals.model(name) for name in model]
        planned = session.proposals.preview(models, found.ids.tolist(), how)
        changed = session.edits.preview(planned.edit, found.ids.tolist())
        commit = None
        if changed and not dry_run:
            if changed > 1 and not yes:
                ask(changed)
            made, planned = session.proposals.accept(models, found.ids.tolist(), how)
            changed, commit = made.images_changed, made.id or None
        for label in planned.no_tags:
            say(f"not a tag here, left out: {label}")
        if as_json:
            report: AcceptReport = {
                "schema": "frieze/accept/1",
                "matched": len(found.ids),
                "answered": planned.answered,
                "changed": changed,
                "dry_run": dry_run,
                "commit": commit,
                "unknown_tags": found.unknown_tags,
                "tags_added": dict(planned.added),
                "tags_removed": dict(planned.removed),
                "no_tags": list(planned.no_tags),
            }
            put_json(report)
        else:
            _put_accepted(planned, changed, limit, dry_run=dry_run)


def _put_accepted(planned: PlannedAcceptance, changed: int, limit: int, *, dry_run: bool) -> None:
    for sign, counts in (("+", planned.added), ("-", planned.removed)):
        common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        for name, count in common[: limit or None]:
            put(f"{sign} {name}", str(count))
        say_cut(min(limit or len(common), len(common)), len(common), f"tags ({sign})")
    tell(
        f"{changed:,} of {counted(planned.answered)} with proposals {'would change' if dry_run else 'changed'}"
    )


app = single(proposals)
