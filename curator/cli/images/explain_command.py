"""`frieze explain`: everything about one image."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.epochs import EpochsOption, SeedOption
from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened
from curator.cli.schemas.edits import commit_row
from curator.cli.schemas.words import MARKS
from curator.cli.shared.output import put, put_json, say_cut
from curator.cli.shared.typer_apps import single
from curator.contract.text import counted

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
        _put(said)
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


def _put(said: Explanation) -> None:
    row = said.row
    put(f"image       {row.id}  {row.full_path}")
    put(
        f"file        {row.width}x{row.height} {row.format}, {counted(row.file_bytes, 'byte')},"
        f" sha256 {row.sha256[:16]}"
    )
    put(f"{'in' if said.is_in else 'out':<12}{said.reason}")
    for verdict in said.verdicts:
        put(f"  subset    {verdict.subset}: {verdict.reason}")
    if said.placement and said.is_in:
        (wide, high), (width, height) = said.placement.bucket, said.placement.resized
        cut = "cut anew each time" if said.is_cut_anew else f"cut at {said.placement.crop}"
        put(f"bucket      {wide}x{high}: scaled to {width}x{height}, {cut}")
        put(f"repeats     {said.repeats:g} an epoch")
    for each in said.frozen:
        put(f"manifest    {each.manifest}: row {each.row}, {each.repeats:g} an epoch")
    for why in said.passed_over:
        put(f"passed over {why}")
    for name, value in said.facts.items():
        put(f"{name:<12}{value}")
    if said.picks:
        put(f"picks       {', '.join(said.picks)}")
    put(f"tags        {', '.join(f'{tag.name} ({tag.cls})' for tag in said.tags) or 'none'}")
    for epoch, caption in enumerate(said.captions):
        put(f"epoch {epoch:<6}{caption or '(no caption)'}")
    for commit in said.history:
        when = datetime.fromtimestamp(commit.at).astimezone()
        undone = ", undone" if commit.undone else ""
        put(f"history     {when:%Y-%m-%d %H:%M} {commit.what} ({counted(commit.images_changed)}{undone})")


app = single(explain)
