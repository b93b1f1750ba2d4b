"""Tags by any part of their name or of an alias: one text of all names, searched in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from curator.arrays import np
from curator.index.tags.tag_names import folded

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ints: TypeAlias = "NDArray[np.int64]"
_BREAK = "\n"  # no tag holds one
_PARTS = str.maketrans("_", " ")  # what is typed is a part of a name yet: whether it is a face is not known


class Match(NamedTuple):
    """A tag's id; `alias` is the word by which it was found, where that is not its name."""

    tag: int
    alias: str = ""


class TagLookup:
    """All names of one moment: tags and, behind them, aliases."""

    def __init__(self, tags: Ints, names: str, aliases: Sequence[tuple[int, str]]) -> None:
        """The `names` of `tags`, folded, one a line; `aliases` as people write them, with the tag's id."""
        self._aliases = [alias for _, alias in aliases]
        self._first_alias = len(tags)
        self._tags = np.concatenate((tags, np.array([tag for tag, _ in aliases], np.int64)))
        texts = [*([names] if len(tags) else ()), *map(folded, self._aliases)]
        text = (_BREAK + _BREAK.join(texts) + _BREAK).translate(_PARTS)
        self._text = text.encode()  # a quarter of what numpy would make of its characters
        self._bytes = np.frombuffer(self._text, np.uint8)
        self._starts = np.flatnonzero(self._bytes == ord(_BREAK))[:-1] + 1
        self._in_word = _in_words(text)

    def find(self, typed: str, counts: NDArray[np.int64], limit: int) -> list[Match]:
        """Names that start so, then those with a word that does, then the rest; the common first in each.

        Tags that no image has are left out. Nothing typed gives the most common tags.
        """
        wanted = folded(typed.strip()).translate(_PARTS)
        rows, ranks = (
            self._hits(wanted) if wanted else (np.arange(len(self._tags)), np.zeros(len(self._tags), int))
        )
        totals = counts[self._tags[rows]]
        used = totals > 0
        rows, ranks, totals = rows[used], ranks[used], totals[used]
        order = np.lexsort((self._tags[rows], -totals, ranks))
        found: dict[int, Match] = {}
        for row in rows[order].tolist():
            tag = int(self._tags[row])
            found.setdefault(tag, Match(tag, self._alias(row)))
            if len(found) == limit:
                break
        return list(found.values())

    def _hits(self, wanted: str) -> tuple[Ints, Ints]:
        """Rows that hold the text, and 0 (starts so), 1 (a word does) or 2 for each."""
        places = self._places(wanted)
        if not len(places):
            return places, places
        rows = np.searchsorted(self._starts, places, side="right") - 1
        starts_name = places == self._starts[rows]
        starts_word = ~self._in_word[places - 1]
        rank = np.where(starts_name, 0, np.where(starts_word, 1, 2))
        order = np.lexsort((rank, rows))
        rows, rank = rows[order], rank[order]
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        return rows[first], rank[first]

    def _places(self, wanted: str) -> Ints:
        sought = wanted.encode()
        if len(sought) == 1:  # on every other name
            return np.flatnonzero(self._bytes == sought[0])
        return np.fromiter((hit.start() for hit in re.finditer(re.escape(sought), self._text)), np.int64)

    def _alias(self, row: int) -> str:
        return self._aliases[row - self._first_alias] if row >= self._first_alias else ""


def _in_words(text: str) -> NDArray[np.bool_]:
    """Of each byte of a text in UTF-8, whether it is of a letter or digit."""
    chars = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    known = np.zeros(int(chars.max()) + 1, bool)
    known[chars] = True
    in_words = [number for number in np.flatnonzero(known).tolist() if chr(number).isalnum()]
    known[:] = False
    known[in_words] = True
    sizes = 1 + (chars >= 1 << 7) + (chars >= 1 << 11) + (chars >= 1 << 16)
    return np.repeat(known[chars], sizes)
