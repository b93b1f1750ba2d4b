"""Keys of tags that a word may be a misspelling of, found by looking some up: never by reading all of them.

One letter wrong, missing, too many or swapped with the next, or words in another order; else the same beginning.
"""

from __future__ import annotations

import difflib
import sqlite3
import string
from collections.abc import Iterator
from itertools import permutations

_LETTERS = string.ascii_lowercase + string.digits + " _-.:'()"
_LONGEST = 40  # characters: of a longer key only letters missing, too many or swapped are looked up
_MOST_WORDS = 4
_AT_ONCE = 500
_BEGINNING = 3  # characters
_OFF_BY = 3  # characters that a key may be longer or shorter
_COMPARED = 200  # of the keys that begin so: those that most images have
_FEW = 1000  # of so many tags all are compared
_ALIKE = 0.75  # of `difflib`: 1 is the same


def misspelt(connection: sqlite3.Connection, key: str) -> list[str]:
    """Keys of tags in use that are nearest to one that is none; of equally near ones all."""
    found = [*_known(connection, list(dict.fromkeys(_variants(key))))]
    if found:
        return found
    return difflib.get_close_matches(key, _beginning_alike(connection, key), n=1, cutoff=_ALIKE)


def _variants(key: str) -> Iterator[str]:
    splits = [(key[:at], key[at:]) for at in range(len(key) + 1)]
    for before, behind in splits:
        yield before + behind[1:]
        yield before + behind[1:2] + behind[:1] + behind[2:]
    for before, behind in splits if len(key) <= _LONGEST else ():
        for letter in dict.fromkeys((*_LETTERS, *key)):
            yield before + letter + behind
            yield before + letter + behind[1:]
    words = key.split()
    if len(words) <= _MOST_WORDS:
        yield from map(" ".join, permutations(words))


def _known(connection: sqlite3.Connection, keys: list[str]) -> Iterator[str]:
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        marks = ",".join("?" * len(some))
        query = f"SELECT DISTINCT folded FROM tag WHERE folded IN ({marks})"
        yield from (found for (found,) in connection.execute(query, some))


def _beginning_alike(connection: sqlite3.Connection, key: str) -> list[str]:
    is_few = (
        connection.execute("SELECT count(*) FROM (SELECT 1 FROM tag LIMIT ?)", (_FEW,)).fetchone()[0] < _FEW
    )
    start = "" if is_few else key[:_BEGINNING]
    if not is_few and len(start) < _BEGINNING:
        return []
    query = """SELECT folded FROM tag WHERE folded >= ? AND folded < ? AND length(folded) BETWEEN ? AND ?
        ORDER BY count DESC, id LIMIT ?"""
    span = (start, f"{start}\U0010ffff", len(key) - _OFF_BY, len(key) + _OFF_BY)
    return [found for (found,) in connection.execute(query, (*span, _COMPARED))]
