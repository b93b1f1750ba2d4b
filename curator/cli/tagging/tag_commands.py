"""`frieze tag`: tags edited and listed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curator.cli.options.bulk_edit import ask, change, change_images
from curator.cli.options.options import (
    CollectionOption,
    DryRunOption,
    JsonOption,
    LimitOption,
    ReplaceOption,
    YesOption,
)
from curator.cli.options.places import opened, opened_names
from curator.cli.options.selection import ImagesArgument, takes_images
from curator.cli.shared.output import progress_shown, put, put_json, put_json_rows, put_table, say_cut, tell
from curator.cli.shared.typer_apps import noun
from curator.cli.tagging.identifier_command import check_identifier
from curator.cli.tagging.proposals_command import accept
from curator.cli.tagging.tag_again_command import again
from curator.cli.tagging.tag_rule_commands import clean, derive, order_by_rules, relate, tables
from curator.cli.tagging.tag_word_commands import alias, set_class
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.edits import SidecarReport
    from curator.cli.schemas.images import BandRow, FoundTag, TagRow
    from curator.session.images.exchange import WriteReport
    from curator.session.images.tags import Tag

app = noun("Add, remove, rename, class, derive, clean and order tags; write sidecars.")
app.command()(derive)
app.command()(clean)
app.command()(relate)
app.command()(again)
app.command()(tables)
app.command()(check_identifier)
app.command()(accept)
app.command("class")(set_class)
app.command()(alias)

TagsArgument = Annotated[list[str], typer.Argument(metavar="TAG...", help="Tags; commas part them as well.")]


@app.command()
@takes_images
def add(
    images: ImagesArgument,
    tags: TagsArgument,
    *,
    at: Annotated[
        Literal["start", "end"], typer.Option("--at", help="Where in the caption they go.")
    ] = "end",
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add tags to the images that lack them."""
    from curator.index.changes.edits import AddTags

    with opened(collection) as session:
        change(session, AddTags(_names(tags), at), images, dry_run=dry_run, yes=yes, as_json=as_json)


@app.command()
@takes_images
def remove(
    images: ImagesArgument,
    tags: TagsArgument,
    *,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take tags away."""
    from curator.index.changes.edits import RemoveTags

    with opened(collection) as session:
        change(session, RemoveTags(_names(tags)), images, dry_run=dry_run, yes=yes, as_json=as_json)


@app.command()
@takes_images
def rename(
    images: ImagesArgument,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The tag as it is.")],
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="The tag as it shall be; an existing one takes it in.")
    ],
    *,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Call a tag by another name; two that become one are merged."""
    from curator.index.changes.edits import RenameTag
    from curator.tags.text import clean_tag

    with opened(collection) as session:
        session.tags.check_known(clean_tag(old))
        change(
            session,
            RenameTag(clean_tag(old), clean_tag(new)),
            images,
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )


@app.command()
@takes_images
def order(
    images: ImagesArgument,
    tags: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TAG...]", help="Only move these to the front; default: order all by the rules."
        ),
    ] = None,
    *,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Order tags by the rules of 'frieze tag tables' (pins, people counts, classes), or move some to the front."""

    with opened(collection) as session:
        found = images.of(session)
        if not tags:
            order_by_rules(session, found, images.kept_text, dry_run=dry_run, yes=yes, as_json=as_json)
            return
        ids: Sequence[int] = found.ids.tolist()
        edit, unknown = session.tags.to_front(ids, _names(tags)), found.unknown_tags
        change_images(session, edit, ids, dry_run=dry_run, yes=yes, as_json=as_json, unknown_tags=unknown)


@app.command()
@takes_images
def caption(
    images: ImagesArgument,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Free text that follows the tags; '' takes it away.")
    ],
    *,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replace the free caption beside the tags."""
    from curator.index.changes.edits import SetCaption

    with opened(collection) as session:
        change(session, SetCaption(text), images, dry_run=dry_run, yes=yes, as_json=as_json)


@app.command()
@takes_images
def write(
    images: ImagesArgument,
    *,
    collection: CollectionOption = None,
    suffix: Annotated[
        Literal[".txt", ".caption"], typer.Option("--suffix", help="Ending of the sidecars.")
    ] = ".txt",
    replace: ReplaceOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write tags and captions into the sidecars beside the images.

    Those that others changed since they were read stay as they are; --replace writes over them.
    """
    with opened(collection) as session:
        found = images.of(session)
        ids = found.ids.tolist()

        def written(doing: str, *, dry_run: bool) -> WriteReport:
            with progress_shown(doing) as show:
                return session.sidecars.write(
                    ids, suffix, replace=replace, dry_run=dry_run, progress=lambda done: show(done, len(ids))
                )

        if not dry_run and not yes and len(ids) > 1:
            foreseen = written("look", dry_run=True)
            if foreseen.written > 1:
                ask(foreseen.written, "write", "sidecar")
        report = written("write", dry_run=dry_run)
    if as_json:
        _put_written_json(report, len(ids), found.unknown_tags, dry_run=dry_run)
    else:
        _put_written(report, dry_run=dry_run)
    if report.conflicts or report.failed:
        raise UserError(
            "some sidecars were not written", "they are as they were; each line says why", ExitCode.NO
        )


def _put_written(report: WriteReport, *, dry_run: bool) -> None:
    tell(
        f"{report.written} {'would be written' if dry_run else 'written'}, {report.unchanged} unchanged,"
        f" {counted(len(report.conflicts), 'conflict')}"
    )
    if report.by_full_name:
        tell(f"{report.by_full_name} of them by the image's full name, since others have its stem")
    for path, why in (*report.conflicts, *report.failed):
        put(f"{path}: {why}")


def _put_written_json(
    report: WriteReport, matched: int, unknown_tags: Sequence[str], *, dry_run: bool
) -> None:
    about: SidecarReport = {
        "schema": "frieze/sidecars/1",
        "matched": matched,
        "dry_run": dry_run,
        "written": report.written,
        "by_full_name": report.by_full_name,
        "unchanged": report.unchanged,
        "conflicts": [{"path": str(path), "reason": why} for path, why in report.conflicts],
        "failed": [{"path": str(path), "reason": why} for path, why in report.failed],
        "unknown_tags": unknown_tags,
    }
    put_json(about)


@app.command("list")
def list_tags(
    *,
    collection: CollectionOption = None,
    cls: Annotated[str, typer.Option("--class", metavar="CLASS", help="Only tags of this class.")] = "",
    group: Annotated[
        str, typer.Option("--group", metavar="GROUP", help="Only tags of this group, such as hair.")
    ] = "",
    limit: LimitOption = 0,
    bands: Annotated[
        str,
        typer.Option("--bands", metavar="A,B", help="Only count the tags with at least A, B, ... images."),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List tags with their counts, most common first."""
    if group:
        with opened(collection) as session:
            found = session.tags.in_group(group)
    else:
        with opened_names(collection) as names:
            found = names.tags()
    tags = [tag for tag in found if not cls or tag.cls == cls][: limit or None]
    if bands:
        _put_bands(tags, bands, as_json)
        return
    if as_json:
        put_json_rows(_row(tag) for tag in tags)
        return
    put_table([(tag.count, tag.cls, tag.name) for tag in tags], ("count", "class", "tag"))


def _put_bands(tags: Sequence[Tag], bands: str, as_json: bool) -> None:
    """How many tags have at least so many images (S008): what a model can be expected to know."""
    if not all(part.strip().isdecimal() for part in bands.split(",")):
        raise UserError(f"'{bands}' are no counts", "write them like 1000,100")
    edges = sorted({int(part) for part in bands.split(",")}, reverse=True)
    counts = [(edge, sum(1 for tag in tags if tag.count >= edge)) for edge in edges]
    if as_json:
        rows: Iterator[BandRow] = ({"images": edge, "tags": count} for edge, count in counts)
        put_json_rows(rows)
        return
    put_table([(count, f"at least {counted(edge)}") for edge, count in counts], ("tags", "with"))


def _row(tag: Tag) -> TagRow:
    return {"name": tag.name, "class": tag.cls, "images": tag.count, "count": tag.count}


def _names(typed: Sequence[str]) -> tuple[str, ...]:
    from curator.tags.text import clean_tags

    return clean_tags(", ".join(typed))


@app.command()
def find(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Any part of a tag's name, or of an alias.")],
    collection: CollectionOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Find tags by any part of their name, with count, class and the alias that matched (B15)."""
    with opened_names(collection) as names:
        matches = names.find_tags(text, limit + 1 if limit else sys.maxsize)
    found = matches[: limit or None]
    say_cut(len(found), len(matches) if len(matches) == len(found) else None)
    if as_json:
        rows: Iterator[FoundTag] = ({**_row(tag), "alias": alias or None} for tag, alias in found)
        put_json_rows(rows)
        return
    put_table(
        [(tag.count, tag.cls, tag.name, alias) for tag, alias in found], ("count", "class", "tag", "alias")
    )
