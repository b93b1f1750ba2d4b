"""The Freeze screen: findings first, then a name, then the digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.errors import UserError
from curator.contract.locations import MANIFEST_SUFFIX, MANIFESTS
from curator.contract.text import counted, visible
from curator.tui.background import in_background, progress_on_status, user_errors_shown
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import (
    CollectionChanged,
    ShowImages,
    StatusChanged,
    UserErrorRaised,
    WorkDone,
    WorkRefused,
)
from curator.tui.screens.dialogs.questions import Form, FormLine
from curator.tui.text.recipe_form import remembered_recipe
from curator.tui.widgets.chrome import Foot, TooSmall
from curator.tui.widgets.line_list import LineList
from curator.tui.widgets.lines import Passage, fitted
from curator.tui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from curator.freeze.checks.checks import Finding
    from curator.session.session import Session
    from curator.session.training.manifests import FreezeReport, FrozenManifest

_NAME_CELLS = 24  # of a manifest, before its other facts get room


KEYS = (
    KeyAction("freeze.check", "c", "check", "check again", "check"),
    KeyAction("freeze.name", "n", "name", "name and freeze", "name and freeze"),
)


class FreezeScreen(Screen):
    """Findings, what would be frozen, and the manifests there are."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self.report: FreezeReport | None = None

    def compose(self) -> ComposeResult:
        yield TabLine("Freeze")
        yield Label("", id="epoch", markup=False)
        yield Label(Text(" Findings (enter shows the images)", "bold"), classes="heading")
        yield LineList(id="findings", empty=" checking...")
        yield Passage(id="hint")
        yield Label(Text(" Manifests", "bold"), classes="heading")
        yield LineList(id="manifests", empty=" none yet: n names and freezes")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one("#findings").focus()

    def on_screen_resume(self) -> None:
        self.action_check()

    @on(CollectionChanged)
    def action_check(self) -> None:
        batch = remembered_recipe(self._session).batch
        in_background(self, "check", lambda: self._reader.freezing.check(batch), keys_wait=True)
        self._show_manifests()

    def on_work_done(self, message: WorkDone) -> None:
        if message.kind == "check":
            self._show_report(cast("FreezeReport", message.result))
            return
        frozen = cast("FrozenManifest", message.result)
        self.post_message(StatusChanged(""))
        self.notify(
            f"{counted(frozen.images)}, {counted(frozen.samples_per_epoch, 'sample')} an epoch{_apart(frozen)},"
            f" digest {frozen.digest[:16]}",
            title=f"Frozen: {frozen.name}",
            markup=False,
        )
        self._show_manifests(frozen.name)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(StatusChanged(""))
        self.post_message(UserErrorRaised(message.error))

    def _show_report(self, report: FreezeReport) -> None:
        self.report = report
        findings = self.query_one("#findings", LineList)
        findings.empty = " nothing to mend: n names and freezes"
        findings.show_texts([_finding_line(each) for each in report.findings])
        shown = report.preview
        epoch = f"{counted(shown.steps_per_epoch, 'step')} per epoch at batch {shown.effective_batch}"
        line = Text(f" {counted(shown.images)}, {counted(shown.samples_per_epoch, 'sample')}, {epoch}\n ")
        funnel = "   ".join(f"{reason}: {count:,}" for reason, count in shown.funnel)
        self.query_one("#epoch", Label).update(line.append(visible(funnel)))

    def _show_manifests(self, name: str = "") -> None:
        manifests = self._session.freezing.manifests()
        place = next((at for at, each in enumerate(manifests) if each.name == name), None)
        self.query_one("#manifests", LineList).show(
            len(manifests), lambda at, width: _manifest_line(manifests[at], width), place
        )

    @on(LineList.Moved, "#findings")
    def _show_hint(self) -> None:
        finding = self._current
        said = Text(f"{visible(finding.what)}\n") if finding else Text()
        if finding:
            said.append(visible(finding.hint), "bold")
        self.query_one(Passage).say(said)

    @property
    def _current(self) -> Finding | None:
        position = self.query_one("#findings", LineList).cursor
        findings = self.report.findings if self.report else ()
        return findings[position] if position < len(findings) else None

    @on(LineList.Chosen, "#findings")
    def _show_pictures(self) -> None:
        finding = self._current
        if finding and finding.filter:
            self.post_message(ShowImages(finding.filter))
        elif finding and finding.of_unusable:
            from curator.tui.screens.images.quarantine import QuarantineScreen

            self.app.push_screen(QuarantineScreen(self._session, "Freeze"))
        elif finding:
            self.notify("This finding is of no single image.", markup=False)

    @user_errors_shown
    def action_name(self) -> None:
        for finding in self.report.stops if self.report else ():
            raise UserError(finding.what, finding.hint)

        def check(values: Mapping[str, str]) -> str:
            name = values["name"].strip()
            if name in {each.name for each in self._session.freezing.manifests()}:
                raise UserError(
                    f"there is a manifest named {name}",
                    "a manifest never changes: choose another name",
                )
            if not name:
                raise UserError("the manifest has no name", "give one such as 'cats-1'")
            return name

        line = FormLine(
            "name",
            "name",
            "",
            f"the manifest is written to {MANIFESTS}/NAME{MANIFEST_SUFFIX} and never changes",
        )
        self.app.push_screen(
            Form("Freeze", [line], check), lambda name: self._freeze(str(name)) if name else None
        )

    def _freeze(self, name: str) -> None:
        progress = progress_on_status(self, "freezing")
        self.post_message(StatusChanged("freezing"))
        in_background(self, "freeze", lambda: self._reader.freezing.write(name, progress))


def _finding_line(finding: Finding) -> Text:
    return Text(f" {finding.level.upper():<5}", "bold").append(visible(finding.what), "not bold")


def _apart(frozen: FrozenManifest) -> str:
    return f", {counted(frozen.held_out)} held out for validation" if frozen.held_out else ""


def _manifest_line(manifest: FrozenManifest, width: int) -> Text:
    """The name, and behind it as much as there is room for."""
    name = f" {visible(manifest.name)}"
    abouts = (
        f"  {counted(manifest.images):>16}",
        f"  {counted(manifest.samples_per_epoch, 'sample'):>18}",
        f"  {manifest.created_at[:10]}",
        f"  {manifest.digest[:16]}",
    )
    about = ""
    for each in abouts:
        if width - len(about + each) >= _NAME_CELLS:
            about += each
    return Text(fitted(name, width - len(about)) + about)
