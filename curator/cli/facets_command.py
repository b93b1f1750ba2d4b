"""`frieze facets`: the tags of a filter's images, the most common first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curator.cli.shared.options import CollectionOption, JsonOption, LimitOption
from curator.cli.shared.output import put_json_rows, put_table, say_cut
from curator.cli.shared.places import opened
from curator.cli.shared.selection import ImagesOrAll, takes_images
from curator.cli.shared.typer_apps import single

if TYPE_CHECKING:
    from curator.cli.schemas.images import FacetRow


@takes_images
def facets(
    images: ImagesOrAll,
    collection: CollectionOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List the tags most common among the images of a filter."""
    with opened(collection) as session:
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


app = single(facets)
