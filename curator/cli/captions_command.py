"""Decides how the captions of coming epochs are shown."""

from __future__ import annotations

from typing import Annotated

import typer

from curator.cli.options import AllByDefault, CollectionOption, JsonOption
from curator.cli.output import put, put_json_rows, say
from curator.cli.places import opened
from curator.cli.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.text import visible

EpochOption = Annotated[
    int, typer.Option("--epoch", metavar="E", min=0, help="First epoch shown, counted from 0.")
]
EpochsOption = Annotated[int, typer.Option("--epochs", metavar="N", min=1, help="How many epochs are shown.")]
SeedOption = Annotated[int, typer.Option("--seed", metavar="S", min=0, help="The recipe's seed.")]


def captions(
    filter: AllByDefault = "",
    *,
    epoch: EpochOption = 0,
    epochs: EpochsOption = 1,
    seed: SeedOption = 42,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many images.")] = 20,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show captions as the subsets' rules would make them.

    The draws of a training depend on the manifest's row: 'frieze manifest captions' shows those.
    """
    found: list[dict[str, object]] = []
    with opened(collection) as session:
        ids = session.select(filter).ids
        for row in session.rows(ids[:limit].tolist()):
            try:
                texts = session.captions(row.id, epoch, epochs, seed)
            except UserError as error:
                say(f"{visible(row.path)}: {error.what}")
                continue
            for at, text in enumerate(texts, epoch):
                found.append({"id": row.id, "path": row.path, "epoch": at, "caption": text})
    if len(ids) > limit:
        say(f"{limit} of {len(ids)} images; more with --limit")
    if as_json:
        put_json_rows(found)
        return
    for each in found:
        put(f"{visible(str(each['path']))}\t{each['epoch']}\t{visible(str(each['caption']))}")


app = single(captions)
