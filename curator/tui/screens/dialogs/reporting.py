"""The report from the app: one page about a run or a manifest, written where the person says, then opened or copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from curator.contract.errors import UserError
from curator.contract.text import counted, visible
from curator.runs.words import bytes_in_words
from curator.tui.completing.completion import paths
from curator.tui.screens.dialogs.at_work import Progress, do_writing
from curator.tui.screens.dialogs.questions import Form, FormLine, path_of, whole_number_of

if TYPE_CHECKING:
    from pathlib import Path

    from textual.screen import Screen

    from curator.contract.run.run_folder import RunFolder
    from curator.session.reports import WrittenReport

_PICTURES = 60
Write = Callable[["Path", int, Progress, bool], "WrittenReport"]


class _Wanted(NamedTuple):
    """Where the page is written, and how many pictures it has at most."""

    page: Path
    pictures: int


def report_run(screen: Screen, run: RunFolder) -> None:
    """Ask where to, and write the page of a run as far as it has come."""
    from curator.session.reports import report_on_run

    def write(page: Path, pictures: int, tell: Progress, replace: bool) -> WrittenReport:
        return report_on_run(run, page, pictures, tell, replace=replace)

    _ask(screen, run.path.name, write)


def report_manifest(screen: Screen, name: str, manifest: Path) -> None:
    """The same of a manifest."""
    from curator.session.reports import report_on_manifest

    def write(page: Path, pictures: int, tell: Progress, replace: bool) -> WrittenReport:
        return report_on_manifest(manifest, page, pictures, tell, replace=replace)

    _ask(screen, name, write)


def _ask(screen: Screen, name: str, write: Write) -> None:
    def check(values: Mapping[str, str]) -> _Wanted:
        pictures = whole_number_of(values, "pictures", "pictures")
        if pictures < 0:
            raise UserError(f"pictures: {pictures} is less than none", "type 0 for none")
        return _Wanted(path_of(values, "page"), pictures)

    def begin(result: object) -> None:
        if result is None:
            return
        wanted = cast("_Wanted", result)

        def work(tell: Progress, replace: bool) -> WrittenReport:
            return write(wanted.page, wanted.pictures, tell, replace)

        do_writing(screen, "writing", work, lambda done: _tell(screen, done))

    about = (
        "one page for any browser, a phone's too; file names and captions are in it: mind whom you send it to"
    )
    most = "at most so many are in the page, all together below 16 MB; 0 is none"
    lines = (
        FormLine("page", "page", f"{name}.html", about, paths()),
        FormLine("pictures", "pictures", str(_PICTURES), most),
    )
    screen.app.push_screen(Form(f"Report on {visible(name)}", lines, check), begin)


def _tell(screen: Screen, done: WrittenReport | None) -> None:
    from curator.tui.screens.dialogs.written import Written

    if done is None:
        return
    left_out = f", {done.left_out:,} left out" if done.left_out else ""
    about = f"{bytes_in_words(done.bytes)}, {counted(done.pictures, 'picture')}{left_out}"
    screen.app.push_screen(Written(done.path, about))
