"""Exports from the app: images as SQLite tables, a manifest for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from pyroaring import BitMap
from rich.text import Text
from textual.screen import Screen

from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import counted, visible
from curator.session.training.manifests import Format
from curator.tui.completing.completion import paths, words_of
from curator.tui.screens.dialogs.at_work import Progress, do_longer, do_writing
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, path_of, yes_or_no

if TYPE_CHECKING:
    from pathlib import Path

    from curator.session.session import Session
    from curator.session.training.manifests import FrozenManifest, KohyaExport

_FORMATS = {
    "jsonl": "a line of JSON for each image; can be taken in again",
    "kohya-toml": "folders such as 3_cats, and a dataset file",
    "kohya-json": "metadata files for kohya's sd-scripts",
    "imagefolder": "of Hugging Face datasets",
    "parquet": "one table",
}
_YES_NO = words_of(("no", "yes"))


class _Wanted(NamedTuple):
    """Where to write, and how."""

    target: Path
    format: Format
    copy: bool


def ask_for_tables(screen: Screen, session: Session, images: BitMap) -> None:
    """Ask for a file, and write images, tags and scores into it as SQLite tables."""

    def begin(result: object) -> None:
        if result is None:
            return
        target = cast("Path", result)

        def work(tell: Progress, replace: bool) -> int:
            with session.apart() as own:
                return own.exchange.export_sqlite(target, images, tell, replace=replace)

        do_writing(screen, "exporting", work, lambda count: _tell(screen, count, target))

    line = FormLine("file", "file", "", "SQLite file to make, for datasette and SQL", paths())
    title = f"Export {counted(len(images))} as SQLite tables"
    screen.app.push_screen(Form(title, [line], lambda values: path_of(values, "file")), begin)


def ask_for_export(screen: Screen, session: Session, frozen: FrozenManifest) -> None:
    """Ask for a format and a folder, show what would be made and lost, and write the manifest there."""

    def check(values: Mapping[str, str]) -> _Wanted:
        kind = values["format"].strip()
        if kind not in _FORMATS:
            raise UserError(f"there is no format '{kind}'", did_you_mean(kind, _FORMATS))
        return _Wanted(
            path_of(values, "target"), cast("Format", kind), yes_or_no(values, "copy", "copy images")
        )

    def begin(result: object) -> None:
        if result is not None:
            _plan(screen, session, frozen, cast("_Wanted", result))

    lines = (
        FormLine("format", "format", "kohya-toml", ", ".join(get_args(Format)), words_of(_FORMATS)),
        FormLine("target", "folder", "", "new folder to write into", paths()),
        FormLine(
            "copy",
            "copy images",
            "no",
            "yes: copies instead of links, where images are brought together",
            _YES_NO,
        ),
    )
    screen.app.push_screen(Form(f"Export {visible(frozen.name)}", lines, check), begin)


def _plan(screen: Screen, session: Session, frozen: FrozenManifest, wanted: _Wanted) -> None:
    kind, manifests = wanted.format, session.manifests

    def ask(planned: tuple[int, KohyaExport | None] | None) -> None:
        if planned is None:
            return
        count, made = planned
        folders, notes = (made.folders, made.notes) if made else ((), ())
        lines = [Text(f" {visible(str(wanted.target))}, as {kind}", "bold")]
        lines += [Text(f" {each.images:>9,} x {each.repeats:<6g} {visible(each.name)}") for each in folders]
        lines += [Text(f" {visible(note)}", "italic") for note in notes]
        screen.app.push_screen(
            Proposal(f"Write {counted(count)}?", lines), lambda yes: write() if yes else None
        )

    def write() -> None:
        def work(tell: Progress, replace: bool) -> int:
            count, _ = manifests.export(
                frozen.path, wanted.target, kind, tell, copy=wanted.copy, replace=replace
            )
            return count

        do_writing(screen, "exporting", work, lambda count: _tell(screen, count, wanted.target))

    do_longer(
        screen,
        "looking",
        lambda tell: manifests.planned_export(frozen.path, kind, tell, copy=wanted.copy),
        ask,
    )


def _tell(screen: Screen, count: int | None, target: Path) -> None:
    if count is not None:
        screen.app.notify(f"{counted(count)} in {visible(str(target))}", title="Exported", markup=False)
