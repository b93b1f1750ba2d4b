"""Images and edits as text."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from rich.text import Text

from curator.contract.errors import UserError
from curator.contract.text import counted, visible
from curator.index.changes.edits import AddTags, RemoveTags, RenameTag, SetCaption, SetMark
from curator.index.editing.describe import skipped_in_words
from curator.tags.text import clean_tags

if TYPE_CHECKING:
    from curator.contract.buckets import Size
    from curator.session.images.edits import Commit, Edit
    from curator.session.images.images import ImageRow, ScanReport


def about_image(row: ImageRow, bucket: Size, width: int) -> Text:
    """Mark, size, bucket and file of an image on one line, as much of it as fits."""
    mark = {1: "keep", -1: "reject"}.get(row.mark, "")
    sizes = f"{row.width}x{row.height} -> {bucket[0]}x{bucket[1]}"
    parts = [mark, sizes, row.format, f"{ceil(row.file_bytes / 1024):,} KiB"]
    parts = [part for part in parts if part]
    while len(parts) > 1 + bool(mark) and len("  ".join(parts)) > width:
        parts.pop()
    return Text("  ".join(parts))


def turned_in_words(commit: Commit) -> str:
    """What was taken back or made again, and what of it was not."""
    images = f": {counted(commit.images_changed)}" if commit.images_changed else ""
    left = f"; {skipped_in_words(commit)} changed since stay as they are" if commit.skipped else ""
    return f"{visible(commit.what)}{images}{left}"


def tags_typed(text: str) -> tuple[str, ...]:
    """The tags of a line with commas between.

    Raises:
        UserError: none, or one that can be no tag.
    """
    names = clean_tags(text)
    if not names:
        raise UserError("no tag was typed", "type tags with commas between")
    return names


def edit_in_words(edit: Edit) -> str:
    """What an edit does, before it is done."""
    match edit:
        case AddTags(names=names):
            words = f"add {', '.join(names)}"
        case RemoveTags(names=names):
            words = f"remove {', '.join(names)}"
        case RenameTag(old=old, new=new):
            words = f"rename '{old}' to '{new}'; where '{new}' is a tag already, the two become one"
        case SetCaption(text=text):
            words = f"caption: {text}" if text else "take the captions away"
        case SetMark(mark=mark):
            words = {1: "mark keep", -1: "mark reject"}.get(mark, "take keep and reject marks away")
        case _:
            words = ""
    return visible(words)


def scan_in_words(report: ScanReport) -> str:
    """What a scan found, and the first files it could not use."""
    counts = {
        "new": report.added,
        "changed": report.changed,
        "moved": report.moved,
        "missing": report.missing,
        "unchanged": report.unchanged,
        "set aside": len(report.quarantined),
        "in conflict": len(report.conflicts),
        "of other formats": report.passed_over.total(),
        "warnings": len(report.warnings),
    }
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "no image found"
    for path, reason in report.quarantined[:3]:
        said += f"\n{visible(str(path))}: {visible(reason)}"
    return said
