"""The explanation of one image as lines, each with what it is about in front."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curator.contract.clock import clock_time
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.freeze.explain import Explanation


def explained_in_words(said: Explanation) -> Iterator[str]:
    """What `explain` found, for people; names, tags and captions are as they are, and may hold anything."""
    row = said.row
    yield f"image       {row.id}  {row.full_path}"
    size = f"{row.width}x{row.height} {row.format}, {counted(row.file_bytes, 'byte')}"
    yield f"file        {size}, sha256 {row.sha256[:16]}"
    yield f"{'in' if said.is_in else 'out':<12}{said.reason}"
    for verdict in said.verdicts:
        yield f"  subset    {verdict.subset}: {verdict.reason}"
    if said.placement and said.is_in:
        (wide, high), (width, height) = said.placement.bucket, said.placement.resized
        cut = "cut anew each time" if said.is_cut_anew else f"cut at {said.placement.crop}"
        yield f"bucket      {wide}x{high}: scaled to {width}x{height}, {cut}"
        yield f"repeats     {said.repeats:g} an epoch"
    for each in said.frozen:
        yield f"manifest    {each.manifest}: row {each.row}, {each.repeats:g} an epoch"
    for why in said.passed_over:
        yield f"passed over {why}"
    for name, value in said.facts.items():
        yield f"{name:<12}{value}"
    if said.picks:
        yield f"picks       {', '.join(said.picks)}"
    yield f"tags        {', '.join(f'{tag.name} ({tag.cls})' for tag in said.tags) or 'none'}"
    for epoch, caption in enumerate(said.captions):
        yield f"epoch {epoch:<6}{caption or '(no caption)'}"
    for commit in said.history:
        undone = ", undone" if commit.undone else ""
        when = clock_time(commit.at, "%Y-%m-%d %H:%M")
        yield f"history     {when} {commit.what} ({counted(commit.images_changed)}{undone})"
