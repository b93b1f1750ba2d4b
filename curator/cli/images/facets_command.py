"""`frieze facets`: the tags of a filter's images, the most common first; or how a number is spread over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption, LimitOption
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesOrAll, takes_images
from curator.cli.shared.output import put_json_rows, put_table, say_cut
from curator.cli.shared.typer_apps import single

if TYPE_CHECKING:
    from curator.cli.schemas.images import FacetRow, ScoreBar
    from curator.session.images.images import Bar

_WIDEST = 30  # characters of the longest bar


@takes_images
def facets(
    images: ImagesOrAll,
    *,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="FIELD",
            help="A histogram instead of tags: of ratio, megapixels, tags, tokens, year, score(NAME), ...",
        ),
    ] = "",
    collection: CollectionOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List the tags most common among the images of a filter, or how a number is spread over them."""
    with opened(collection) as session:
        if by:
            _put_bars(session.images.histogram(by, images.of(session).bitmap()), limit, as_json)
            return
        found = session.images.facets(images.of(session).bitmap(), limit and limit + 1, exact=True)
    tags = found.tags[: limit or None]
    is_whole = len(tags) == len(found.tags)
    say_cut(len(tags), len(tags) if is_whole else found.distinct)
    total = max(found.images, 1)
    if as_json:
        rows_json: Iterator[FacetRow] = (
            {
                "name": each.tag.name,
                "class": each.tag.cls,
                "images": each.images,
                "share": each.images / total,
            }
            for each in tags
        )
        put_json_rows(rows_json)
        return
    rows = [(each.images, f"{each.images / total:.1%}", each.tag.cls, each.tag.name) for each in tags]
    put_table(rows, ("images", "share", "class", "tag"))


def _put_bars(bars: list[Bar], limit: int, as_json: bool) -> None:
    shown = bars[: limit or None]
    say_cut(len(shown), len(bars), "bars")
    if as_json:
        rows: Iterator[ScoreBar] = (
            {"at_least": each.at_least, "below": each.below, "images": each.images, "remain": each.remain}
            for each in shown
        )
        put_json_rows(rows)
        return
    most = max((each.images for each in bars), default=1)
    table = [
        (
            f"{each.at_least:.10g}",
            f"{each.below:.10g}",
            each.images,
            each.remain,
            "#" * -(-each.images * _WIDEST // most),
        )
        for each in shown
    ]
    put_table(table, ("at least", "below", "images", "a cut leaves", ""))


app = single(facets)
