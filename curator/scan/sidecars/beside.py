"""Sidecars beside the images of one folder: which file belongs to which image, by names alone.

An image's own sidecars have its stem (`1.txt` beside `1.png`) or its full name (`1.png.txt`), with an ending in small
letters or capitals. Accents count as the same letter however they are coded. Images that differ in nothing but their
ending (`1.jpg`, `1.png`) share the sidecars of their stem, and have their own only by full name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from unicodedata import normalize

from curator.index.images.sidecar_names import KINDS, kind_of

_RANK = {kind: rank for rank, kind in enumerate(KINDS)}
_ALONE = {kind: (kind,) for kind in KINDS}  # one tuple for all images


def is_sidecar(ending: str) -> bool:
    """Whether a file with this ending (".txt") is one."""
    return ending in _RANK or ending.lower() in _RANK


class SidecarNames:
    """The sidecars of one folder. The suffixes it gives are those of `index/sidecar_names.py`."""

    def __init__(self) -> None:
        self._suffixes: dict[str, tuple[str, ...]] = {}  # by stems in ASCII, which need no second look
        self._names: dict[str, list[str]] = {}  # whole names, by the composed form of other stems

    def add(self, stem: str, ending: str) -> None:
        """A sidecar that lies here."""
        if not stem.isascii():
            self._names.setdefault(normalize("NFC", stem), []).append(stem + ending)
        elif stem in self._suffixes:
            self._suffixes[stem] = tuple(sorted((*self._suffixes[stem], ending), key=_order))
        else:
            self._suffixes[stem] = _ALONE.get(ending) or (ending,)

    def of(self, picture: str) -> tuple[str, ...]:
        """The suffixes of an image's sidecars, in order: those with its full name, then those with its stem."""
        if picture.isascii() and picture not in self._suffixes:
            return self._suffixes.get(picture[: picture.rfind(".")], ())
        return self.with_full_name(picture) + self.with_stem(picture)

    def with_full_name(self, picture: str) -> tuple[str, ...]:
        """Those of `1.png.txt` beside `1.png`."""
        if not picture.isascii():
            return self._of_names(picture, picture)
        ending = picture[picture.rfind(".") :]
        return tuple(ending + each for each in self._suffixes.get(picture, ()))

    def with_stem(self, picture: str) -> tuple[str, ...]:
        """Those of `1.txt` beside `1.png`."""
        stem = picture[: picture.rfind(".")]
        return self._suffixes.get(stem, ()) if picture.isascii() else self._of_names(picture, stem)

    def may_double(self, pictures: Iterable[str]) -> bool:
        """Whether an image of these could have two sidecars of one kind: a quick look."""
        several = any(len(set(map(kind_of, each))) < len(each) for each in set(self._suffixes.values()))
        return several or bool(self._names) or not self._suffixes.keys().isdisjoint(pictures)

    def _of_names(self, picture: str, start: str) -> tuple[str, ...]:
        at = picture.rfind(".")
        names = self._names.get(normalize("NFC", start), ())
        return tuple(
            name[at:] if name.startswith(picture[: at + 1]) else f"/{name.rpartition('/')[2]}"
            for name in sorted(names, key=lambda name: _order(name[name.rfind(".") :]))
        )

    def __bool__(self) -> bool:
        return bool(self._suffixes or self._names)


def shared_stems(pictures: Sequence[str]) -> frozenset[str]:
    """Stems that several images of a folder have in common, or that are the full name of another; composed."""
    names = pictures if all(map(str.isascii, pictures)) else [normalize("NFC", name) for name in pictures]
    stems = [name[: name.rfind(".")] for name in names]
    single = set(stems)
    shared = single.intersection(names)
    if len(single) < len(stems):
        seen = set[str]()
        shared.update(stem for stem in stems if stem in seen or seen.add(stem))
    return frozenset(shared)


def stem_of(picture: str) -> str:
    """An image's stem as `shared_stems` has it."""
    stem = picture[: picture.rfind(".")]
    return stem if stem.isascii() else normalize("NFC", stem)


def _order(ending: str) -> tuple[int, bool]:
    kind = ending.lower()
    return _RANK[kind], ending != kind
