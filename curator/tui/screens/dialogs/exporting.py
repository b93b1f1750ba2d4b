"""Exports from the app: images as SQLite tables, a manifest for other programs or as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from pyroaring import BitMap
from rich.text import Text
from textual.screen import Screen

from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import counted, visible
from curator.session.training.manifests import Format
from curator.tui.completing.completion import paths, words_of
from curator.tui.screens.dialogs.at_work import Progress, do_longer
from curator.tui.screens.dialogs.proposal import Proposal
from curator.tui.screens.dialogs.questions import Form, FormLine, yes_or_no

if TYPE_CHECKING:
    from curator.session.session import Session
    from curator.session.training.manifests import FrozenManifest, KohyaExport

_PAGE = "html"
_FORMATS = {
    "jsonl": "a line of JSON for each image; can be taken in again",
    "kohya-toml": "folders such as 3_cats, and a dataset file",
    "kohya-json": "metadata files for kohya's sd-scripts",
    "imagefolder": "of Hugging Face datasets",
    "parquet": "one table",
    _PAGE: "a page for a browser or a phone",
}
_PICTURES = 60  # on a page
_YES_NO = words_of(("no", "yes"))
_REPLACE = FormLine("replace", "replace", "no", "yes: write over what is there already", _YES_NO)


class _Wanted(NamedTuple):
    """Where to write, and how."""

    target: Path
    replace: bool
    format: str = ""
    copy: bool = False


def ask_for_tables(screen: Screen, session: Session, images: BitMap) -> None:
    """Ask for a file, and write images, tags and scores into it as SQLite tables."""

    def check(values: Mapping[str, str]) -> _Wanted:
        return _Wanted(_path_of(values, "file"), yes_or_no(values, "replace", "replace"))

    def begin(result: object) -> None:
        if result is None:
            return
        wanted = cast("_Wanted", result)

        def work(tell: Progress) -> int:
            with session.apart() as own:
                return own.exchange.export_sqlite(wanted.target, images, tell, replace=wanted.replace)

        do_longer(screen, "exporting", work, lambda count: _tell(screen, count, wanted.target))

    lines = (FormLine("file", "file", "", "SQLite file to make, for datasette and SQL", paths()), _REPLACE)
    screen.app.push_screen(Form(f"Export {counted(len(images))} as SQLite tables", lines, check), begin)


def ask_for_export(screen: Screen, session: Session, frozen: FrozenManifest) -> None:
    """Ask for a format and a folder, show what would be made and lost, and write the manifest there."""

    def check(values: Mapping[str, str]) -> _Wanted:
        kind = values["format"].strip()
        if kind not in _FORMATS:
            raise UserError(f"there is no format '{kind}'", did_you_mean(kind, _FORMATS))
        return _Wanted(
            _path_of(values, "target"),
            yes_or_no(values, "replace", "replace"),
            kind,
            yes_or_no(values, "copy", "copy images"),
        )

    def begin(result: object) -> None:
        if result is None:
            return
        wanted = cast("_Wanted", result)
        if wanted.format == _PAGE:
            _write_page(screen, frozen, wanted)
        else:
            _plan(screen, session, frozen, wanted)

    known = ", ".join((*get_args(Format), _PAGE))
    lines = (
        FormLine("format", "format", "kohya-toml", known, words_of(_FORMATS)),
        FormLine("target", "folder", "", "new folder to write into; of html: the file", paths()),
        FormLine(
            "copy",
            "copy images",
            "no",
            "yes: copies instead of links, where images are brought together",
            _YES_NO,
        ),
        _REPLACE,
    )
    screen.app.push_screen(Form(f"Export {visible(frozen.name)}", lines, check), begin)


def _plan(screen: Screen, session: Session, frozen: FrozenManifest, wanted: _Wanted) -> None:
    kind, manifests = cast("Format", wanted.format), session.manifests

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
        def work(tell: Progress) -> int:
            count, _ = manifests.export(
                frozen.path, wanted.target, kind, tell, copy=wanted.copy, replace=wanted.replace
            )
            return count

        do_longer(screen, "exporting", work, lambda count: _tell(screen, count, wanted.target))

    do_longer(
        screen,
        "looking",
        lambda tell: manifests.planned_export(frozen.path, kind, tell, copy=wanted.copy),
        ask,
    )


def _write_page(screen: Screen, frozen: FrozenManifest, wanted: _Wanted) -> None:
    from curator.session.reports import report_on_manifest

    def work(tell: Progress) -> int:
        return report_on_manifest(
            frozen.path, wanted.target, _PICTURES, tell, replace=wanted.replace
        ).pictures

    do_longer(screen, "writing", work, lambda count: _tell(screen, count, wanted.target))


def _tell(screen: Screen, count: int | None, target: Path) -> None:
    if count is not None:
        screen.app.notify(f"{counted(count)} in {visible(str(target))}", title="Exported", markup=False)


def _path_of(values: Mapping[str, str], name: str) -> Path:
    typed = values[name].strip()
    if not typed:
        raise UserError("no file or folder was given", "type where to write it")
    return Path(typed).expanduser()
