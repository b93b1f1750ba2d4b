"""Decides how typed words become an edit of many images, and what a confirmation says before it is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.bitmaps import bitmap_of
from curator.index.collection import Collection, describe
from curator.index.edits import AddTags, Edit, Place, RemoveTags, RenameTag
from curator.tags.text import clean_tag, clean_tags


@dataclass(frozen=True)
class Preview:
    """`images` of the `selected` ones would really change."""

    what: str
    images: int
    selected: int


def preview(collection: Collection, edit: Edit, ids: Iterable[int] | BitMap) -> Preview:
    """What an edit would do; nothing is written."""
    images = bitmap_of(ids)
    return Preview(describe(edit), collection.preview(edit, images), len(images))


def adding(collection: Collection, typed: str, at: Place = "end") -> AddTags:
    """Typed tags as an edit; one the collection spells otherwise (case, underscores) is taken as it is there."""
    names = tuple(_as_known(collection, name) for name in _some(clean_tags(typed), typed))
    return AddTags(tuple(dict.fromkeys(names)), at)


def removing(collection: Collection, typed: str) -> RemoveTags:
    """Typed tags as an edit that takes every spelling of them away."""
    names = [_spellings(collection, name) for name in _some(clean_tags(typed), typed)]
    return RemoveTags(tuple(dict.fromkeys(name for group in names for name in group)))


def renaming(collection: Collection, old: str, typed: str) -> RenameTag:
    """A rename of a tag the collection has."""
    with collection.reading():
        if collection.tags.find(old) is None:
            raise UserError(f"there is no tag '{visible(old)}'", "write it exactly as the collection does")
    return RenameTag(old, clean_tag(typed))


def _some(names: tuple[str, ...], typed: str) -> tuple[str, ...]:
    if not names:
        raise UserError(f"'{visible(typed)}' holds no tag", "type one or more, with commas between them")
    return names


def _as_known(collection: Collection, name: str) -> str:
    known = _spellings(collection, name)
    return name if name in known or not known else known[0]


def _spellings(collection: Collection, name: str) -> list[str]:
    """Tags in use that read like `name`, the most common first."""
    with collection.reading():
        alike = collection.tags.get(collection.tags.alike(name))
    return [tag.name for tag in sorted(alike, key=lambda tag: -tag.count) if tag.count]
