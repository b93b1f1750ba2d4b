"""Decides how `frieze scan` shows its progress and what it reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options import CollectionOption, JsonOption
from curator.cli.output import put, put_json, say, stderr_console
from curator.cli.places import collection_folder, enclosing_collection
from curator.cli.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.tar_members import is_tar
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.scan.scan import ScanProgress, ScanReport

_COUNTS = ("added", "changed", "moved", "missing", "returned", "reread", "unchanged")
_LISTS = ("quarantined", "conflicts", "warnings")
_PLAIN_EVERY = 1000
_LOOK_S = 0.1


def scan(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder (or .tar) of pictures; default: all known.")
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
    """Index the pictures below a folder, or in a .tar, with the tags beside them.

    Makes a collection in --collection, or in DIR where none is around it.
    """
    from curator.session import Session

    home = _home(folder, collection)
    session = Session.create(home)
    try:
        with _progress() as progress:
            report = session.scan(folder, progress, full=full, quick=quick)
    finally:
        session.close()
    _print_report(report, home, as_json)


def _home(folder: Path | None, collection: Path | None) -> Path:
    """The folder the collection is in, or will be made in."""
    if folder is None:
        return collection_folder(collection)
    if is_tar(str(folder)):
        return collection or enclosing_collection(folder.parent) or folder.parent
    if not folder.is_dir():
        raise UserError(f"there is no folder {visible(str(folder))}", "give a folder that holds pictures")
    return collection or enclosing_collection(folder) or folder


@contextmanager
def _progress() -> Generator[Callable[[ScanProgress], None]]:
    console = stderr_console()
    if not console.is_terminal:
        yield _plainly()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("scan"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("scan", total=None, rate="")

        started, drawn = time.monotonic(), 0.0

        def show(now: ScanProgress) -> None:
            nonlocal drawn
            is_due = time.monotonic() - drawn > _LOOK_S  # drawn when there is news: nothing moves by itself
            drawn = time.monotonic() if is_due else drawn
            rate = f"{now.done / (time.monotonic() - started):.0f} images/s"
            bar.update(task, completed=now.done, total=now.total or None, rate=rate, refresh=is_due)

        yield show


def _plainly() -> Callable[[ScanProgress], None]:
    told = 0

    def show(now: ScanProgress) -> None:
        nonlocal told
        if now.done - told >= _PLAIN_EVERY or now.done == now.total:
            told = now.done
            say(f"scanned {now.done}{f' of {now.total}' if now.total else ''}")

    return show


def _print_report(report: ScanReport, home: Path, as_json: bool) -> None:
    if as_json:
        lists = {
            name: [{"path": path, "reason": why} for path, why in getattr(report, name)] for name in _LISTS
        }
        put_json(
            {"collection": str(home.absolute()), **{name: getattr(report, name) for name in _COUNTS}, **lists}
        )
        return
    told = (f"{getattr(report, name)} {name}" for name in _COUNTS if getattr(report, name))
    put(", ".join(told) or "no pictures")
    for name in _LISTS:
        for path, why in getattr(report, name):
            put(f"{name.removesuffix('s')}: {visible(str(path))}: {visible(why)}")


app = single(scan)
