"""What is done with manifests as files: one that was exported is brought in, one that is there is verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text

from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.completing.completion import paths
from curator.tui.screens.dialogs.at_work import Progress, do_longer, do_writing
from curator.tui.screens.dialogs.questions import Form, FormLine, path_of
from curator.tui.screens.dialogs.told import tell

if TYPE_CHECKING:
    from textual.screen import Screen

    from curator.session.session import Session
    from curator.session.training.manifests import FrozenManifest, ManifestCheck

_SHOWN = 1_000  # files that are not as they were


class _Wanted(NamedTuple):
    """What is brought in, and its name."""

    source: Path
    name: str


def bring_in(screen: Screen, session: Session, done: Callable[[str], None]) -> None:
    """Ask for an export and a name, and make the manifest again; `done` gets its name."""

    def check(values: Mapping[str, str]) -> _Wanted:
        source, name = path_of(values, "source"), values["name"].strip()
        session.manifests.check_name(name)
        return _Wanted(source, name)

    def begin(result: object) -> None:
        if result is None:
            return
        wanted = cast("_Wanted", result)

        def work(progress: Progress, replace: bool) -> str:
            return session.manifests.bring_in(wanted.source, wanted.name, progress, replace=replace)

        do_writing(screen, "reading", work, lambda digest: told(wanted.name, digest))

    def told(name: str, digest: str | None) -> None:
        if digest is not None:
            said = f"digest {digest[:16]}, that of the one it was exported from"
            screen.app.notify(said, title=f"Brought in: {visible(name)}", markup=False)
            done(name)

    lines = (
        FormLine(
            "source", "file", "", "manifest.jsonl, or the folder it was exported to (X, jsonl)", paths()
        ),
        FormLine("name", "name", "", "what the manifest shall be called here"),
    )
    screen.app.push_screen(Form("Bring in a manifest", lines, check), begin)


def verify(screen: Screen, session: Session, frozen: FrozenManifest) -> None:
    """Compare a manifest and every image of it with what was frozen, and tell what differs."""

    def told(found: ManifestCheck | None) -> None:
        if found is None:
            return
        if not found.problems:
            said = f"{counted(found.images)} and the digest are as they were frozen"
            screen.app.notify(said, title="Verified", markup=False)
            return
        lines = [
            Text(f" {visible(str(each.path))}", "bold").append(f"  {each.reason}", meanings.MISTAKE)
            for each in found.problems[:_SHOWN]
        ]
        more = len(found.problems) - len(lines)
        lines += [Text(f" and {more:,} more")] if more else []
        title = f"{len(found.problems):,} of {counted(found.images)} not as frozen: {visible(frozen.name)}"
        tell(screen, title, lines)

    do_longer(screen, "verifying", lambda progress: session.manifests.verify(frozen.path, progress), told)
