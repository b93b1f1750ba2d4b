"""Outputs of edits and of their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from curator.cli.schemas.words import FileReason
from curator.contract.clock import iso_time

if TYPE_CHECKING:
    from curator.session.images.edits import Commit


class EditCounts(TypedDict):
    """What every edit tells."""

    matched: int
    changed: int
    dry_run: bool
    commit: int | None
    commits: Sequence[int]


class EditReport(EditCounts):
    """An edit of images."""

    schema: Literal["frieze/edit/1"]
    what: str | None
    unknown_tags: Sequence[str]


class CleanChange(TypedDict):
    """One change that a rule of cleaning makes."""

    kind: str
    before: str
    after: str
    count: int


class CleanReport(EditCounts):
    """Tags and captions cleaned or related by rules."""

    schema: Literal["frieze/clean/1"]
    what: str | None
    unknown_tags: Sequence[str]
    images: int
    changes_by_rule: Mapping[str, int]
    changes: Sequence[CleanChange]


class DerivedTag(TypedDict):
    """A tag that follows from facts: the images it belongs to, and what is different there."""

    name: str
    images: int
    gained: int
    lost: int
    by_hand: int


class DeriveReport(EditCounts):
    """Tags derived by one kind of rule."""

    kind: str
    images: int
    tags: Sequence[DerivedTag]
    cuts: Mapping[str, Sequence[float]]
    done: Sequence[str]
    unknown_tags: Sequence[str]


class TagTables(TypedDict):
    """The tables of derived, ordered and cleaned tags, as their TOML has them."""

    schema: Literal["frieze/tag-tables/1"]
    quality: Mapping[str, object]
    rating: Mapping[str, object]
    year: Mapping[str, object]
    head: Mapping[str, object]
    count: Mapping[str, object]
    order: Mapping[str, object]
    overfit: Mapping[str, object]
    relations: Mapping[str, object]
    clean: Mapping[str, object]
    groups: Mapping[str, object]


class DueRule(EditCounts):
    """A rule done before, and what it changes, or would change, on images that came since (`matched`)."""

    kind: str
    filter: str


class SidecarReport(TypedDict):
    """Sidecars written."""

    schema: Literal["frieze/sidecars/1"]
    matched: int
    dry_run: bool
    written: int
    by_full_name: int
    unchanged: int
    conflicts: Sequence[FileReason]
    failed: Sequence[FileReason]
    unknown_tags: Sequence[str]


class NameReport(TypedDict):
    """Something with a name that was kept or removed."""

    schema: Literal["frieze/name/1"]
    name: str
    commit: int | None


class CommitRow(TypedDict):
    """One change of the history."""

    id: int
    created_at: str
    at: float
    actor: str
    what: str
    changed: int
    images_changed: int
    undone: bool
    skipped: int
    skipped_values: Sequence[str]


class UndoReport(TypedDict):
    """Changes taken back."""

    schema: Literal["frieze/undo/1"]
    changes: Sequence[CommitRow]
    dry_run: bool


class RedoReport(TypedDict):
    """Changes made again."""

    schema: Literal["frieze/redo/1"]
    changes: Sequence[CommitRow]
    dry_run: bool


def commit_row(commit: Commit) -> CommitRow:
    """A change as outputs have it."""
    return {
        "id": commit.id,
        "created_at": iso_time(commit.at),
        "at": commit.at,
        "actor": commit.actor,
        "what": commit.what,
        "changed": commit.images_changed,
        "images_changed": commit.images_changed,
        "undone": commit.undone,
        "skipped": commit.skipped,
        "skipped_values": commit.skipped_values,
    }


def edit_counts(matched: int, changed: int, commits: Sequence[int], *, dry_run: bool) -> EditCounts:
    """What every edit tells. Of several commits the first stands for all: `undo N --to` takes them back."""
    first = commits[0] if commits else None
    return {"matched": matched, "changed": changed, "dry_run": dry_run, "commit": first, "commits": commits}
