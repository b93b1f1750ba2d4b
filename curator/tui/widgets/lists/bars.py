"""Bars of buckets: samples of each, with the short batches named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from curator.tui import meanings

if TYPE_CHECKING:
    from curator.freeze.preview import BucketLoad


_EIGHTHS = " ▏▎▍▌▋▊▉"
HEADING = f"{'bucket':>10} {'images':>8} {'samples':>8} {'batches':>8}  "


def bucket_line(load: BucketLoad, most: int, width: int) -> Text:
    """One bucket as wide as `width`; `most` are the samples of the fullest, whose bar is full."""
    numbers = f"{f'{load.bucket[0]}x{load.bucket[1]}':>10} {load.images:>8,} {load.samples:>8,} {load.batches:>8,}  "
    note = f" last batch short by {load.short_by}" if load.short_by else ""
    room = max(4, width - len(numbers) - 26)
    return (
        Text(numbers)
        .append(bar(load.samples / max(1, most), room), meanings.BAR)
        .append(note, meanings.FINDING)
    )


def bar(share: float, cells: int) -> str:
    """A bar of `share` of `cells`, to an eighth of a cell; something is never drawn as nothing."""
    eighths = max(round(share * cells * 8), 1 if share > 0 else 0)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(cells)
