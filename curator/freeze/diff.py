"""The difference of two manifests (B07): rule, subsets, and images by content, path, caption and placement.

Images are the same where content and path are; then those of equal content have moved, and those of equal path
have been replaced. A row is kept as seven 64-bit numbers, so two manifests of millions fit in memory.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest

_FACETS = ("caption", "placement", "subset", "repeats")
_ROW = np.dtype([(name, "<u8") for name in ("both", "content", "path", *_FACETS)])


@dataclass(frozen=True)
class Change:
    """One kind of change of images: how many, and the paths of the first few."""

    what: str
    images: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class ManifestDiff:
    """Everything that differs. Values are (in the first, in the second)."""

    equal: bool
    rule: dict[str, tuple[Any, Any]]
    subsets_added: tuple[str, ...]
    subsets_removed: tuple[str, ...]
    subsets_changed: dict[str, dict[str, tuple[Any, Any]]]
    images: tuple[Change, ...]


def diff(first: Manifest, second: Manifest, examples: int | None = 5) -> ManifestDiff:
    """Compare two open manifests; of each kind of change, the paths of so many images are named (None: of all)."""
    old, new = ({each.name: each for each in m.header.subsets} for m in (first, second))
    both = [name for name in old if name in new]
    changed = {name: _fields(asdict(old[name]), asdict(new[name])) for name in both}
    return ManifestDiff(
        equal=first.digest == second.digest,
        rule=_fields(asdict(first.header.rule), asdict(second.header.rule)),
        subsets_added=tuple(name for name in new if name not in old),
        subsets_removed=tuple(name for name in old if name not in new),
        subsets_changed={name: fields for name, fields in changed.items() if fields},
        images=() if first.digest == second.digest else _images(first, second, examples),
    )


def _fields(old: dict[str, Any], new: dict[str, Any], before: str = "") -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    for name, value in old.items():
        if isinstance(value, dict):
            found |= _fields(value, new[name], f"{before}{name}.")
        elif value != new[name]:
            found[before + name] = (value, new[name])
    return found


def _images(first: Manifest, second: Manifest, examples: int | None) -> tuple[Change, ...]:
    old, new = _table(first), _table(second)
    left, right = np.arange(len(old)), np.arange(len(new))
    changes: list[Change] = []
    for key, what in (("both", ""), ("content", "moved"), ("path", "replaced")):
        one, other, left, right = _matched(old, new, left, right, key)
        if what:
            changes.append(_change(what, second, other, examples))
        for facet in _FACETS:
            differs = old[facet][one] != new[facet][other]
            changes.append(_change(facet, second, other[differs], examples))
    changes += [_change("added", second, right, examples), _change("removed", first, left, examples)]
    return tuple(_summed(changes, examples))


def _matched(
    old: NDArray[Any], new: NDArray[Any], left: NDArray[Any], right: NDArray[Any], key: str
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows of either side with equal keys, pair by pair, and those that are left."""
    _, one, other = np.intersect1d(old[key][left], new[key][right], return_indices=True)
    return left[one], right[other], np.delete(left, one), np.delete(right, other)


def _change(what: str, manifest: Manifest, rows: NDArray[Any], examples: int | None) -> Change:
    paths = tuple(manifest.image(int(row)).path for row in np.sort(rows)[:examples])
    return Change(what, len(rows), paths)


def _summed(changes: list[Change], examples: int | None) -> list[Change]:
    """One entry for each kind of change that there is."""
    kinds = dict.fromkeys(each.what for each in changes if each.images)
    summed: list[Change] = []
    for what in kinds:
        own = [each for each in changes if each.what == what]
        paths = tuple(path for each in own for path in each.examples)[:examples]
        summed.append(Change(what, sum(each.images for each in own), paths))
    return summed


def _table(manifest: Manifest) -> NDArray[Any]:
    subsets = [_number(subset.name.encode()) for subset in manifest.header.subsets]
    rows = np.zeros(len(manifest), _ROW)
    for at, image in enumerate(manifest.images()):
        name, content = os.fsencode(image.path), bytes.fromhex(image.sha256)
        parts = (image.parts.head, image.parts.middle, image.parts.tail)
        caption = "\n".join((*(",".join(part) for part in parts), image.parts.text))
        placed = image.size, image.placement
        rows[at] = (
            _number(content + name), int.from_bytes(content[:8], "little"), _number(name),
            _number(caption.encode("utf-8", "surrogatepass")), _number(repr(placed).encode()),
            subsets[image.subset], _number(repr(image.repeats).encode()),
        )  # fmt: skip
    return rows


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
