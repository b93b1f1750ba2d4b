"""The Freeze screen: findings first, then a name, then the digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.errors import UserError
from curator.contract.locations import MANIFEST_SUFFIX, MANIFESTS
from curator.contract.text import counted, visible
from curator.tui import meanings
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
from curator.tui.screens.dialogs.told import Told
from curator.tui.text.manifest_lines import contents_lines, diff_lines
from curator.tui.text.own_words import in_own_words
from curator.tui.text.recipe_form import remembered_recipe
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines, Passage, fitted

if TYPE_CHECKING:
    from curator.freeze.checks.checks import Finding
    from curator.session.session import Session
    from curator.session.training.manifests import (
        FreezeReport,
        FrozenManifest,
        ManifestContents,
        ManifestDiff,
    )

_NAME_CELLS = 24  # of a manifest, before its other facts get room


KEYS = (
    KeyAction("freeze.name", "n", "name", "name and freeze", "name and freeze"),
    KeyAction("freeze.check", "c", "check", "check again", "check"),
    KeyAction("freeze.diff", "d", "diff", "what differs between the manifest and the collection now", "diff"),
    KeyAction("freeze.report", "R", "report", "write a page about the manifest, for any browser", "report"),
    KeyAction(
        "freeze.verify", "v", "verify", "whether the manifest's images are as they were frozen", "verify"
    ),
    KeyAction(
        "freeze.export", "X", "export", "export the manifest: kohya, JSON lines, parquet, ...", "export"
    ),
    KeyAction("freeze.import", "i", "bring_in", "bring in a manifest that was exported as JSON lines"),
    KeyAction("freeze.panel", "tab", "next_panel", "findings or manifests", "other list"),
)


class FreezeScreen(Screen):
    """Findings, what would be frozen, and the manifests there are."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session, reader: Session) -> None:
        super().__init__()
        self._session, self._reader = session, reader
        self.report: FreezeReport | None = None
        self._manifests: list[FrozenManifest] = []
        self._changes: dict[str, int] = {}  # edits since each manifest
        self._holds: dict[str, ManifestContents] = {}  # by digest: a manifest never changes

    def compose(self) -> ComposeResult:
        yield TabLine("Freeze")
        yield Label("", id="epoch", markup=False)
        yield PanelTitle("Findings (enter shows the images)", of="#findings")
        yield LineList(id="findings", empty=" checking...")
        yield Passage(id="hint")
        with Horizontal(id="frozen"):
            with Vertical(id="left"):
                yield PanelTitle("Manifests (tab goes there)", of="#manifests")
                yield LineList(id="manifests", empty=" none yet: n names and freezes")
            with Vertical(id="right"):
                yield PanelTitle(id="held")
                yield Lines(id="holds")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one("#findings").focus()

    def on_screen_resume(self) -> None:
        self._check("check")

    @on(CollectionChanged)
    def _check_again(self) -> None:
        self._check("check")

    def action_check(self) -> None:
        """Check again, and tell that it was done: often nothing else is seen of it."""
        self._check("checked")

    def _check(self, kind: str) -> None:
        batch = remembered_recipe(self._session).batch
        in_background(self, kind, lambda: self._reader.freezing.check(batch), keys_wait=True)
        self._show_manifests()

    def on_work_done(self, message: WorkDone) -> None:
        match message.kind:
            case "check" | "checked":
                report = cast("FreezeReport", message.result)
                self._show_report(report)
                if message.kind == "checked":
                    self.notify(counted(len(report.findings), "finding"), title="Checked", markup=False)
                return
            case "since":
                self._changes = cast("dict[str, int]", message.result)
                self._show_list()
                return
            case "holds":
                digest, holds = cast("tuple[str, ManifestContents]", message.result)
                self._holds[digest] = holds
                self._tell_contents()
                return
            case "diff":
                self.post_message(StatusChanged(""))
                name, found = cast("tuple[str, ManifestDiff]", message.result)
                self.app.push_screen(Told(f"From {visible(name)} to the collection now", diff_lines(found)))
                return
            case _:
                pass
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
        self._manifests = manifests = self._session.freezing.manifests()
        self._show_list(next((at for at, each in enumerate(manifests) if each.name == name), None))

        def changes() -> dict[str, int]:
            return {each.name: self._reader.freezing.changes_since(each) for each in manifests}

        in_background(self, "since", changes)

    def _show_list(self, place: int | None = None) -> None:
        manifests, changes = self._manifests, self._changes
        self.query_one("#manifests", LineList).show(
            len(manifests),
            lambda at, width: _manifest_line(manifests[at], changes.get(manifests[at].name), width),
            place,
        )

    @property
    def _manifest(self) -> FrozenManifest | None:
        """The manifest under the cursor."""
        cursor = self.query_one("#manifests", LineList).cursor
        return self._manifests[cursor] if cursor < len(self._manifests) else None

    @on(LineList.Moved, "#manifests")
    def _tell_contents(self) -> None:
        """What the manifest under the cursor holds, beside it."""
        frozen, lines = self._manifest, self.query_one("#holds", Lines)
        self.query_one("#held", PanelTitle).say(visible(frozen.name) if frozen else "")
        if frozen is None:
            lines.show([])
        elif holds := self._holds.get(frozen.digest):
            changes = self._changes.get(frozen.name, 0)
            lines.draw(lambda size: contents_lines(frozen, holds, changes, size.width))
        else:
            manifests = self._session.manifests
            in_background(self, "holds", lambda: (frozen.digest, manifests.contents(frozen.path)))

    def action_next_panel(self) -> None:
        findings, manifests = self.query_one("#findings"), self.query_one("#manifests")
        self.set_focus(manifests if findings.has_focus else findings)

    @property
    def _wanted_manifest(self) -> FrozenManifest | None:
        """That under the cursor; where there is none it is said."""
        frozen = self._manifest
        if frozen is None:
            self.notify("No manifest yet: n names and freezes.", markup=False)
        return frozen

    def action_diff(self) -> None:
        """What a freeze now would write otherwise than the manifest under the cursor."""
        frozen = self._wanted_manifest
        if frozen is None:
            return
        progress = progress_on_status(self, "comparing")
        self.post_message(StatusChanged("comparing"))

        def diff() -> tuple[str, ManifestDiff]:
            return frozen.name, self._reader.freezing.diff_to_now(frozen, progress)

        in_background(self, "diff", diff, keys_wait=True)

    def action_report(self) -> None:
        """A page about the manifest under the cursor."""
        from curator.tui.screens.dialogs.reporting import report_manifest

        if frozen := self._wanted_manifest:
            report_manifest(self, frozen.name, frozen.path)

    def action_verify(self) -> None:
        """Whether the manifest under the cursor and its images are as they were frozen."""
        from curator.tui.screens.training.manifest_acts import verify

        if frozen := self._wanted_manifest:
            verify(self, self._session, frozen)

    def action_export(self) -> None:
        """The manifest under the cursor for other programs."""
        from curator.tui.screens.dialogs.exporting import ask_for_export

        if frozen := self._wanted_manifest:
            ask_for_export(self, self._session, frozen)

    def action_bring_in(self) -> None:
        """A manifest that was exported."""
        from curator.tui.screens.training.manifest_acts import bring_in

        bring_in(self, self._session, self._show_manifests)

    def on_work_cancelled(self) -> None:
        self.post_message(StatusChanged(""))

    @on(LineList.Moved, "#findings")
    def _show_hint(self) -> None:
        finding = self._current
        said = Text(f"{visible(finding.what)}\n") if finding else Text()
        if finding:
            said.append(visible(in_own_words(finding.hint)), "bold")
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
    colour = meanings.of_level(finding.level)
    return (
        Text().append(f" {finding.level.upper():<5}", f"bold {colour}".strip()).append(visible(finding.what))
    )


def _apart(frozen: FrozenManifest) -> str:
    return f", {counted(frozen.held_out)} held out for validation" if frozen.held_out else ""


def _manifest_line(manifest: FrozenManifest, changes: int | None, width: int) -> Text:
    """The name, and behind it as much as there is room for."""
    name = f" {visible(manifest.name)}"
    abouts = (
        f"  {'' if changes is None else 'changed since' if changes else 'as it is now':<13}",
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
