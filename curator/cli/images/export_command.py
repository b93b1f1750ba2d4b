"""`frieze export sqlite FILE`: a collection for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption, ReplaceOption
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesOrAll, takes_images
from curator.cli.shared.output import progress_shown, put_exported, tell
from curator.cli.shared.typer_apps import noun
from curator.contract.text import counted

app = noun("Write the collection for other programs.")


@app.callback()
def export() -> None:
    """Write the collection for other programs."""


@app.command()
@takes_images
def sqlite(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="SQLite file to make.")],
    images: ImagesOrAll,
    replace: ReplaceOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write images, tags, their pairs and scores as plain tables, for sqlite-utils, datasette and SQL."""
    with opened(collection) as session:
        chosen = None if images.is_all else images.of(session).bitmap()
        with progress_shown("export") as show:
            count = session.exchange.export_sqlite(file, chosen, show, replace=replace)
    if as_json:
        put_exported(file, count)
        return
    tell(f"{counted(count)} in {file}")
