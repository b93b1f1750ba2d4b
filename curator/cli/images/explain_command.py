"""`frieze explain`: everything about one image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.epochs import EpochsOption, SeedOption
from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened
from curator.cli.schemas.edits import commit_row
from curator.cli.schemas.words import MARKS
from curator.cli.shared.output import put, put_json, say_cut
from curator.cli.shared.typer_apps import single
from curator.session.images.images import Images

if TYPE_CHECKING:
    from curator.cli.schemas.images import Explanation as Report
    from curator.session.images.images import Explanation


def explain(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Its number, its path, or part of its name.")],
    *,
    epochs: EpochsOption = 3,
    seed: SeedOption = 42,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="N", min=0, help="Of its history only the newest N changes; 0 is all."
        ),
    ] = 20,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell why an image would be trained or not, and how: subset, bucket, crop, captions, history."""
    with opened(collection) as session:
        said = session.images.explain(session.images.find(image), epochs, seed, limit and limit + 1)
    is_cut = 0 < limit < len(said.history)
    if is_cut:
        said = replace(said, history=said.history[:limit])
    if as_json:
        put_json(_report(said))
    else:
        for line in Images.explained_in_words(said):
            put(line)
    if is_cut:
        say_cut(limit, None, "changes")


def _report(said: Explanation) -> Report:
    row, placement = said.row, said.placement
    return {
        "schema": "frieze/explain/1",
        "row": {
            "id": row.id, "path": row.path, "root": row.root, "name": row.name, "sha256": row.sha256,
            "bytes": row.file_bytes, "width": row.width, "height": row.height, "format": row.format,
            "mark": MARKS[row.mark], "caption": row.caption,
        },
        "tags": [{"name": tag.name, "class": tag.cls} for tag in said.tags],
        "facts": said.facts,
        "is_in": said.is_in,
        "reason": said.reason,
        "verdicts": [{"subset": each.subset, "takes": each.takes, "reason": each.reason} for each in said.verdicts],
        "repeats": said.repeats,
        "placement": placement
        and {"bucket": placement.bucket, "resized": placement.resized, "crop": placement.crop},
        "is_cut_anew": said.is_cut_anew,
        "captions": said.captions,
        "picks": said.picks,
        "history": [commit_row(commit) for commit in said.history],
        "frozen": [{"manifest": each.manifest, "row": each.row, "repeats": each.repeats} for each in said.frozen],
    }  # fmt: skip


app = single(explain)
