"""Scans in the app: asked for or begun with a collection, told with a bar, stopped by escape; images come meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, cast

from textual.app import App
from textual.worker import get_current_worker

from curator.contract.errors import UserError
from curator.tui.background import AbandonedError, in_background
from curator.tui.messages import StatusChanged
from curator.tui.text.words import scan_in_words

if TYPE_CHECKING:
    from curator.session.images.exchange import ImportReport, Offer
    from curator.session.images.images import ScanProgress, ScanReport
    from curator.session.session import Session

SCAN = "scan"  # the kind of work whose result the app hands back
_TELL_EVERY_S = 0.25
_GROW_EVERY_S = 2.0  # so often the list shows the images that have come
_STOPS = ", esc stops"


class Scanned(NamedTuple):
    """What a scan found, and what was taken of other tools with it; `problem` says why that could not be."""

    report: ScanReport
    taken: ImportReport | None = None
    problem: UserError | None = None

    def in_words(self) -> str:
        """As the app tells it."""
        if self.taken is None:
            return scan_in_words(self.report)
        from curator.tui.screens.dialogs.importing import report_in_words

        return f"{scan_in_words(self.report)}\n{report_in_words(self.taken)}"


class Scanning:
    """The scan of one app; `grow` shows what came so far."""

    def __init__(self, app: App[None], session: Session, grow: Callable[[], None]) -> None:
        self._app, self._session, self._grow = app, session, grow

    def ask(self) -> None:
        """Ask for a folder, and scan it."""
        from curator.tui.completing.completion import paths
        from curator.tui.screens.dialogs.questions import Form, FormLine

        def check(values: Mapping[str, str]) -> Path:
            folder = Path(values["folder"]).expanduser()
            if not folder.is_dir():
                raise UserError(f"{folder} is no folder", "give one that holds images")
            return folder

        about = "images are found in it and below"
        line = FormLine("folder", "folder", str(self._session.folder), about, paths(only_folders=True))
        self._app.push_screen(
            Form("Scan a folder for images", [line], check),
            lambda folder: self.begin(cast("Path", folder)) if folder else None,
        )

    def begin(self, folder: Path | None, offers: Sequence[Offer] = ()) -> None:
        """Scan a folder, or all that are known; then take the data of other tools that was offered."""
        self._app.post_message(StatusChanged(f"looking for images{_STOPS}"))

        def work() -> Scanned:
            told = _Told(self._app, self._grow)
            with self._session.apart() as own:
                report = own.images.scan(folder, told)
                try:
                    plan = own.exchange.planned(offers)
                    taken = own.exchange.carry_out(plan, told.rows, scanned=told) if plan else None
                except UserError as error:  # the images are there all the same
                    return Scanned(report, problem=error)
            return Scanned(report, taken)

        in_background(self._app, SCAN, work)

    def stop(self) -> None:
        """Give up the scan that runs; what it has read stays."""
        running = [
            each
            for each in self._app.workers
            if each.group == f"{SCAN}-{id(self._app)}" and not each.is_finished
        ]
        for each in running:
            each.cancel()
        if running:
            self._app.post_message(StatusChanged(""))
            self._app.notify("Stopped; what was read is here. f5 goes on.", title="Scan")
            self._app.call_later(self._grow)


class _Told:
    """What a scan tells of itself, in its worker, handed on to the status line and the list."""

    def __init__(self, app: App[None], grow: Callable[[], None]) -> None:
        self._app, self._grow = app, grow
        self._worker = get_current_worker()
        self._told, self._grown, self._done = 0.0, monotonic(), 0

    def __call__(self, at: ScanProgress) -> None:
        if self._worker.is_cancelled:
            raise AbandonedError
        now = monotonic()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            self._app.post_message(_status(at))
        if now - self._grown >= _GROW_EVERY_S and at.done > self._done:
            self._grown, self._done = now, at.done
            self._app.call_later(self._grow)

    def rows(self, rows: int) -> None:
        """Rows of another tool's data were read."""
        if self._worker.is_cancelled:
            raise AbandonedError
        if monotonic() - self._told >= _TELL_EVERY_S:
            self._told = monotonic()
            self._app.post_message(StatusChanged(f"taking what other tools left: {rows:,} rows{_STOPS}"))


def _status(at: ScanProgress) -> StatusChanged:
    """While images are counted, and of a quick scan, there is no share to show."""
    if at.done and at.total:
        return StatusChanged(f"scanning {at.done:,}/{at.total:,}{_STOPS}", at.done / at.total)
    found = f": {at.total:,} so far" if at.total else f": {at.done:,}" if at.done else ""
    return StatusChanged(f"looking for images{found}{_STOPS}")
