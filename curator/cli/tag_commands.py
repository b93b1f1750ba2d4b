"""`frieze tag`: tags edited and listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curator.cli.identifier_command import check_identifier
from curator.cli.proposals_command import accept
from curator.cli.shared.bulk_edit import change, change_images
from curator.cli.shared.options import CollectionOption, DryRunOption, FilterArgument, JsonOption, YesOption
from curator.cli.shared.output import put, put_json, put_json_rows, put_table
from curator.cli.shared.places import opened
from curator.cli.shared.progress import progress_shown
from curator.cli.shared.typer_apps import noun
from curator.cli.tag_rule_commands import clean, derive, order_by_rules, tables
from curator.contract.errors import UserError
from curator.contract.exit_codes import ExitCode
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.session.tags import Tag

app = noun("Add, remove, rename, derive, clean and order tags; write sidecars.")
app.command()(derive)
app.command()(clean)
app.command()(tables)
app.command()(check_identifier)
app.command()(accept)

TagsArgument = Annotated[list[str], typer.Argument(metavar="TAG...", help="Tags; commas part them as well.")]


@app.command()
def add(
    filter: FilterArgument,
    tags: TagsArgument,
    *,
    at: Annotated[
        Literal["start", "end"], typer.Option("--at", help="Where in the caption they go.")
    ] = "end",
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Add tags to the images that lack them."""
    from curator.index.changes.edits import AddTags

    with opened(collection) as session:
        change(session, AddTags(_names(tags), at), filter, dry_run=dry_run, yes=yes)


@app.command()
def remove(
    filter: FilterArgument,
    tags: TagsArgument,
    *,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Take tags away."""
    from curator.index.changes.edits import RemoveTags

    with opened(collection) as session:
        change(session, RemoveTags(_names(tags)), filter, dry_run=dry_run, yes=yes)


@app.command()
def rename(
    filter: FilterArgument,
    old: Annotated[str, typer.Argument(metavar="OLD", help="The tag as it is.")],
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="The tag as it shall be; an existing one takes it in.")
    ],
    *,
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Call a tag by another name; two that become one are merged."""
    from curator.index.changes.edits import RenameTag
    from curator.tags.text import clean_tag

    with opened(collection) as session:
        change(session, RenameTag(clean_tag(old), clean_tag(new)), filter, dry_run=dry_run, yes=yes)


@app.command()
def order(
    filter: FilterArgument,
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
) -> None:
    """Order tags by the rules of 'frieze tag tables' (pins, people counts, classes), or move some to the front."""

    with opened(collection) as session:
        ids: Sequence[int] = session.images.select(filter).ids.tolist()
        if not tags:
            order_by_rules(session, ids, dry_run=dry_run, yes=yes)
            return
        change_images(session, session.tags.to_front(ids, _names(tags)), ids, dry_run=dry_run, yes=yes)


@app.command()
def caption(
    filter: FilterArgument,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Free text that follows the tags; '' takes it away.")
    ],
    collection: CollectionOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Replace the free caption beside the tags."""
    from curator.index.changes.edits import SetCaption

    with opened(collection) as session:
        change(session, SetCaption(text), filter, dry_run=dry_run, yes=yes)


@app.command()
def write(
    filter: FilterArgument,
    collection: CollectionOption = None,
    suffix: Annotated[
        Literal[".txt", ".caption"], typer.Option("--suffix", help="Ending of the sidecars.")
    ] = ".txt",
    force: Annotated[
        bool, typer.Option("--force", help="Also replace sidecars that others changed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write tags and captions into the sidecars beside the images."""
    with opened(collection) as session:
        ids = session.images.select(filter).ids.tolist()
        with progress_shown("write", "written") as show:
            report = session.sidecars.write(
                ids, suffix, force=force, progress=lambda done: show(done, len(ids))
            )
    if as_json:
        put_json(asdict(report))
        return
    put(f"{report.written} written, {report.unchanged} unchanged, {len(report.conflicts)} conflicts")
    if report.by_full_name:
        put(f"{report.by_full_name} of them by the image's full name, since others have its stem")
    for path, why in (*report.conflicts, *report.failed):
        put(f"{visible(str(path))}: {visible(why)}")
    if report.conflicts or report.failed:
        raise UserError(
            "some sidecars were not written", "they are as they were; each line says why", ExitCode.NO
        )


@app.command("list")
def list_tags(
    collection: CollectionOption = None,
    cls: Annotated[str, typer.Option("--class", metavar="CLASS", help="Only tags of this class.")] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=0, help="Only the N most common.")
    ] = None,
    bands: Annotated[
        str,
        typer.Option("--bands", metavar="A,B", help="Only count the tags with at least A, B, ... images."),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List tags with their counts, most common first."""
    with opened(collection) as session:
        tags = [tag for tag in session.tags.all() if not cls or tag.cls == cls][:limit]
    if bands:
        _put_bands(tags, bands, as_json)
        return
    if as_json:
        put_json_rows({"name": tag.name, "class": tag.cls, "count": tag.count} for tag in tags)
        return
    put_table([(tag.count, tag.cls, tag.name) for tag in tags], ("count", "class", "tag"))


def _put_bands(tags: Sequence[Tag], bands: str, as_json: bool) -> None:
    """How many tags have at least so many images (S008): what a model can be expected to know."""
    if not all(part.strip().isdecimal() for part in bands.split(",")):
        raise UserError(f"'{visible(bands)}' are no counts", "write them like 1000,100")
    edges = sorted({int(part) for part in bands.split(",")}, reverse=True)
    counts = [(edge, sum(1 for tag in tags if tag.count >= edge)) for edge in edges]
    if as_json:
        put_json([{"images": edge, "tags": count} for edge, count in counts])
        return
    put_table([(count, f"at least {edge} images") for edge, count in counts], ("tags", "with"))


def _names(typed: Sequence[str]) -> tuple[str, ...]:
    from curator.tags.text import clean_tags

    return clean_tags(", ".join(typed))


@app.command()
def find(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Any part of a tag's name, or of an alias.")],
    collection: CollectionOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Only the N most common.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Find tags by any part of their name, with count, class and the alias that matched (B15)."""
    with opened(collection) as session:
        found = session.tags.find(text, limit)
    if as_json:
        put_json_rows(
            {"name": tag.name, "class": tag.cls, "count": tag.count, "alias": alias or None}
            for tag, alias in found
        )
        return
    put_table(
        [(tag.count, tag.cls, tag.name, alias) for tag, alias in found], ("count", "class", "tag", "alias")
    )
