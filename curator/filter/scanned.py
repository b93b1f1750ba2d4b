"""Search and sorting by path and caption: row by row in SQLite, without regard to case.

A walk over millions of rows has a connection of its own, so nobody waits for it, and ends when it is cancelled.
Outside ASCII, case is disregarded only where the text looked for is itself not ASCII.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.arrays import np
from curator.contract.errors import UserError
from curator.filter.cancel import Cancel, Cancelled, raise_if_cancelled
from curator.index.images.row_text import Interrupted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.filter.language.tree import TextTerm
    from curator.index.collection import Collection

_LONGEST = 20_000  # characters that SQLite takes as a pattern, every one of them escaped
_PATIENCE_S = 0.5  # of one text: some expressions, such as (a|aa)+$, try more ways than there is time for
_FEW = 20_000  # so many paths are fetched and sorted one by one


def images_with_text(
    collection: Collection, term: TextTerm, within: BitMap, cancel: Cancel | None = None
) -> BitMap:
    """Images among `within` whose path, name or caption holds the text."""
    try:
        with collection.row_text(cancel) as rows:
            if not term.regex and term.text.isascii() and len(term.text) <= _LONGEST:
                return rows.holding(term.field, term.text, within)
            return rows.fitting(term.field, _fits(term, cancel), within)
    except Interrupted as error:
        raise Cancelled from error


def text_ranks(
    collection: Collection, ids: NDArray[np.uint32], field: str, cancel: Cancel | None = None
) -> NDArray[np.int64]:
    """A number per image that sorts as its path (or name) does, ASCII letters without regard to case."""
    try:
        if len(ids) > _FEW:
            return collection.path_ranks(field, cancel)[ids]
        with collection.row_text(cancel) as rows:
            texts = rows.folded(field, ids.tolist())
    except Interrupted as error:
        raise Cancelled from error
    rank = {text: number for number, text in enumerate(sorted(set(texts)))}
    return np.fromiter((rank[text] for text in texts), np.int64, len(texts))


def _fits(term: TextTerm, cancel: Cancel | None) -> Callable[[str], object]:
    if term.regex:
        return _regex_search(term, cancel)
    wanted = term.text.casefold()
    return lambda text: wanted in text.casefold()


def _regex_search(term: TextTerm, cancel: Cancel | None) -> Callable[[str], object]:
    import regex  # not `re`: it can be bounded, and lets other threads work meanwhile

    pattern = regex.compile(term.text, regex.IGNORECASE)

    def search(text: str) -> object:
        raise_if_cancelled(cancel)
        try:
            return pattern.search(text, timeout=_PATIENCE_S, concurrent=True)
        except TimeoutError as error:
            raise UserError(
                f"the regular expression /{term.text}/ takes too long on '{text[:40]}'",
                "write it without one repeat inside another, such as a+ for (a+)+",
            ) from error

    return search
