"""A manifest as lines: what it holds, whether the collection is still so, and what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from curator.contract.text import counted, visible
from curator.tui import meanings
from curator.tui.widgets.lists.bars import bar
from curator.tui.widgets.lists.lines import fitted

if TYPE_CHECKING:
    from curator.session.training.manifests import FrozenManifest, ManifestContents, ManifestDiff

_BAR_CELLS = 8
_BUCKETS = 12  # shown, those of most images


def contents_lines(frozen: FrozenManifest, holds: ManifestContents, changes: int, width: int) -> list[Text]:
    """What a manifest holds, as wide as `width`."""
    rule = holds.rule
    held = f", {counted(frozen.held_out)} held out" if frozen.held_out else ""
    images = f" {counted(frozen.images)}{held}, {counted(frozen.samples_per_epoch, 'sample')} an epoch"
    lines = [
        Text(
            f" {since_in_words(changes)}{', d shows what differs' if changes else ''}",
            f"bold {meanings.FINDING}" if changes else meanings.QUIET,
        ),
        Text(images),
        Text(f" frozen {frozen.created_at[:16].replace('T', ' ')}, {frozen.digest[:16]}"),
        Text(f" buckets {rule.width}x{rule.height}, {rule.min_side} to {rule.max_side} by {rule.step}"),
        Text(),
        Text(" subsets", "bold"),
    ]
    for each in holds.subsets:
        number = f" {each.images:>7,} x {each.subset.repeats:g}".ljust(14)
        reg = "reg " if each.subset.is_reg else ""
        name = fitted(f"  {reg}{visible(each.subset.name)}", max(8, width - len(number) - _BAR_CELLS - 1))
        lines.append(Text(f"{name} ").append(bar(each.share, _BAR_CELLS), meanings.BAR).append(number))
    lines += [Text(), Text(" buckets", "bold")]
    most = max((each.images for each in holds.buckets), default=1)
    for each in sorted(holds.buckets, key=lambda each: -each.images)[:_BUCKETS]:
        size = f"{each.size[0]}x{each.size[1]}"
        cells = max(4, min(24, width - 24))
        line = Text(f"  {size:>9} {each.images:>8,} ")
        lines.append(line.append(bar(each.images / most, cells), meanings.BAR))
    reasons = ", ".join(f"{visible(reason)} {count:,}" for reason, count in holds.funnel)
    return [*lines, Text(), Text(f" of: {reasons}")]


def since_in_words(changes: int) -> str:
    """Whether the collection has changed since a manifest."""
    return f"changed since: {counted(changes, 'edit')}" if changes else "as the collection is"


def diff_lines(found: ManifestDiff) -> list[Text]:
    """What differs, from a manifest to what would be frozen now."""
    if found.equal:
        return [Text(" nothing differs: a freeze would write the same")]
    lines = [Text(f" rule {name}: {old} -> {new}") for name, (old, new) in found.rule.items()]
    lines += [Text(f" + subset {visible(name)}", meanings.ADDED) for name in found.subsets_added]
    lines += [Text(f" - subset {visible(name)}", meanings.REMOVED) for name in found.subsets_removed]
    for name, fields in found.subsets_changed.items():
        lines += [
            Text(visible(f" subset {name}: {field}: {old!r} -> {new!r}"))
            for field, (old, new) in fields.items()
        ]
    for change in found.images:
        sign, style = meanings.of_change(change.what != "added", change.what != "removed")
        lines.append(Text(f" {sign} {counted(change.images)}: {change.what}", f"bold {style}".strip()))
        lines += [Text(f"     {visible(path)}") for path in change.examples]
    return lines or [Text(" only the order of images differs")]
