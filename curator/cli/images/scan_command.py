"""`frieze scan`: folders and tars indexed, or looked at again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import collection_folder, enclosing_collection
from curator.cli.shared.output import progress_shown, put_json, tell
from curator.cli.shared.scan_lines import report_json, report_lines
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.files.tar_members import is_tar


def scan(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder (or .tar) of images; default: all known.")
    ] = None,
    collection: CollectionOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read every file again, also those that look unchanged.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Look only into folders where a file came, went or was renamed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Index the images below a folder, or in a .tar, with the tags beside them.

    Makes a collection in --collection, or in DIR where none is around it.
    """
    from curator.session.session import Session

    home = _home(folder, collection)
    session = Session.create(home)
    try:
        with progress_shown("scan") as show:
            report = session.images.scan(
                folder, lambda now: show(now.done, now.total), full=full, quick=quick
            )
    finally:
        session.close()
    if as_json:
        put_json(report_json(report, home))
        return
    for line in report_lines(report):
        tell(line)


def _home(folder: Path | None, collection: Path | None) -> Path:
    """The folder the collection is in, or will be made in."""
    if folder is None:
        return collection_folder(collection)
    if is_tar(str(folder)):
        return collection or enclosing_collection(folder.parent) or folder.parent
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", "give a folder that holds images")
    return collection or enclosing_collection(folder) or folder


app = single(scan)
