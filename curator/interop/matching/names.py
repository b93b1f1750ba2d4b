"""Spellings of an image's name in metadata: the other ways in which one name is spelled on a disk."""

from __future__ import annotations

import os
import unicodedata


def spellings(relative: str) -> list[str]:
    """How else a name below a folder may be spelled there, the likeliest first.

    With slashes where Windows wrote backslashes, composed or decomposed (macOS), and with its ending in small or
    capital letters.
    """
    found = [relative]
    if "\\" in relative:
        found.append(os.path.normpath(relative.replace("\\", "/")))
    if not relative.isascii():
        found += [form(each) for each in found for form in (composed, _apart, _mixed, _mixed_otherwise)]
    for each in tuple(found):
        stem, dot, ending = each.rpartition(".")
        if dot and "/" not in ending:
            found += [f"{stem}.{ending.lower()}", f"{stem}.{ending.upper()}"]
    return [each for each in dict.fromkeys(found) if each != relative and not each.startswith("../")]


def composed(name: str) -> str:
    """A name in the form that most systems and files write (NFC)."""
    return unicodedata.normalize("NFC", name)


def _apart(name: str) -> str:
    return unicodedata.normalize("NFD", name)


def _mixed(name: str) -> str:
    """Folders in one form and the file in the other: folders made by one system, the file by another."""
    folder, slash, file = name.rpartition("/")
    return f"{composed(folder)}{slash}{_apart(file)}"


def _mixed_otherwise(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return f"{_apart(folder)}{slash}{composed(file)}"
