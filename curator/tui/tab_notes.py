"""Notes beside the tabs: what is frozen and whether it is as the collection is, what runs, what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.text import visible
from curator.tui.widgets.frame.tab_line import TabNote

if TYPE_CHECKING:
    from curator.session.session import Session


def tab_notes(reader: Session) -> dict[str, TabNote]:
    """The notes by tab, for a worker: manifests and runs are files that are looked into."""
    notes: dict[str, TabNote] = {}
    if subsets := len(reader.subsets.all()):
        notes["Subsets"] = TabNote(f"{subsets:,}")
    if manifests := reader.freezing.manifests():
        newest = manifests[0]
        changed = reader.freezing.changes_since(newest) > 0
        notes["Freeze"] = TabNote(f"{visible(newest.name)}{', changed since' if changed else ''}", changed)
    if running := sum(each.is_alive for each in reader.runs.all()):
        notes["Runs"] = TabNote(f"{running:,} running", calls=True)
    if due := reader.rules.due():
        notes["Prepare"] = TabNote(f"{', '.join(each.rule for each in due)} again", calls=True)
    if tagging := sum(job.status() == "running" for job in reader.proposals.jobs()):
        notes["Tagging"] = TabNote(f"{tagging:,} running", calls=True)
    return notes
