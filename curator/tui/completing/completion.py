"""A completion, and where completions come from: tags of a line with commas, one word of several, files of the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.text import visible
from curator.tui.meanings import class_word

if TYPE_CHECKING:
    from pyroaring import BitMap

    from curator.session.images.tags import Tag
    from curator.session.session import Session

MOST = 40
_LOOKED_AT = 20_000  # names of one folder


class Completion(NamedTuple):
    """What the line would become, the word as it is shown, a few words about it, and the class of a tag."""

    text: str
    shown: str
    about: str = ""
    cls: str = ""


Complete = Callable[[str], list[Completion]]  # what the last word of a line may become, the likeliest first


def about_tag(tag: Tag, alias: str = "") -> str:
    """The alias by which a tag was found, its class as it is told, and how many images have it."""
    also = f"also {visible(alias)}  " if alias else ""
    return f"{also}{class_word(tag.cls)} {tag.count:,}".strip()


def tags_of(reader: Session) -> Complete:
    """Tags by any part of their name or of another word for them; what stands before the last comma stays."""

    def complete(text: str) -> list[Completion]:
        head, word = _before_word(text)
        return [
            Completion(f"{head}{tag.name}", tag.name, about_tag(tag, alias), tag.cls)
            for tag, alias in reader.tags.find(word, MOST)
        ]

    return complete


def tags_on(reader: Session, images: BitMap) -> Complete:
    """The same, only of tags that some of these images have, with how many of them."""

    def complete(text: str) -> list[Completion]:
        head, word = _before_word(text)
        found = reader.images
        facets = found.facets_named(images, word, MOST) if word else found.facets(images, MOST)
        sign = "" if facets.exact else "~"
        return [
            Completion(
                f"{head}{each.tag.name}", each.tag.name, f"{sign}{each.images:,} of these", each.tag.cls
            )
            for each in facets.tags
        ]

    return complete


def words_of(words: Iterable[str] | Mapping[str, str]) -> Complete:
    """One of a few words, each with what it means where that is told; all of them where one stands there."""
    known = words if isinstance(words, Mapping) else dict.fromkeys(words, "")

    def complete(text: str) -> list[Completion]:
        typed = text.strip().lower()
        begun = [each for each in known if typed in known or each.lower().startswith(typed)]
        return [Completion(each, each, known[each]) for each in begun]

    return complete


def paths(*, only_folders: bool = False) -> Complete:
    """Files and folders beside what is typed; `~` is the home folder, and names with a dot come where one is typed."""

    def complete(text: str) -> list[Completion]:
        head, slash, name = text.rpartition("/")
        head += slash
        try:
            with os.scandir(Path(head).expanduser()) as found:
                entries = [(each.name, each.is_dir()) for each in islice(found, _LOOKED_AT)]
        except (OSError, RuntimeError):  # no such folder, or no such home
            return []
        wanted = sorted(
            (each, is_folder)
            for each, is_folder in entries
            if each.startswith(name) and each.startswith(".") <= name.startswith(".")
            if (is_folder or not only_folders) and visible(each) == each
        )
        names = (f"{each}/" if is_folder else each for each, is_folder in wanted[:MOST])
        return [Completion(head + each, each) for each in names]

    return complete


def _before_word(text: str) -> tuple[str, str]:
    """A line up to its last comma, and the tag being typed behind it."""
    head, comma, word = text.rpartition(",")
    return f"{head}{comma}{' ' if comma else ''}", word.strip()
