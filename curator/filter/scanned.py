"""Decides how text of paths and captions is searched: row by row, without regard to case."""

from __future__ import annotations

import re
from collections.abc import Callable

from pyroaring import BitMap

from curator.filter.tree import TextTerm
from curator.index.bitmaps import Flag
from curator.index.collection import Collection
from curator.index.paths import last_part


def images_with_text(collection: Collection, term: TextTerm) -> BitMap:
    """Images whose path, name or caption holds the text."""
    fits = _fits(term)
    if term.field == "caption":
        rows = collection.images.captions(collection.bitmaps.of(Flag.CAPTIONED))
    else:
        rows = collection.images.paths()
    if term.field == "name":
        return BitMap(number for number, text in rows if fits(last_part(text)))
    return BitMap(number for number, text in rows if fits(text))


def paths_of(collection: Collection, images: BitMap, *, name_only: bool) -> dict[int, str]:
    """Full paths (or names) of images, folded for sorting without regard to case."""
    rows = ((number, path) for number, path in collection.images.paths() if number in images)
    return {number: (last_part(path) if name_only else path).casefold() for number, path in rows}


def _fits(term: TextTerm) -> Callable[[str], object]:
    if term.regex:
        return re.compile(term.text, re.IGNORECASE).search
    wanted = term.text.casefold()
    return lambda text: wanted in text.casefold()
