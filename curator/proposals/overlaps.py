"""Overlapping tags: names whose words stand, in a row, within another name."""

from __future__ import annotations

from collections.abc import Iterable

from curator.index.tags.tag_names import folded


def names_within(names: Iterable[str]) -> dict[str, list[str]]:
    """Of each name the other names that hold all its words in a row: `hair` -> `long hair`, `hair ribbon`."""
    of_key = {folded(name): name for name in names}
    larger: dict[str, list[str]] = {name: [] for name in of_key.values()}
    for key, name in of_key.items():
        words = key.split()
        parts = {
            " ".join(words[start:end])
            for start in range(len(words))
            for end in range(start + 1, len(words) + 1)
            if end - start < len(words)
        }
        for part in sorted(parts & of_key.keys()):
            larger[of_key[part]].append(name)
    return larger
