"""Identifiers for new concepts (S023): one token of CLIP, at most three letters, no tag's name.

A word that CLIP cuts into several tokens drags what these mean along, and one that is a tag already means that tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from curator.contract.caption.clip_tokens import CLIP_VOCAB, count_tokens
from curator.contract.text import counted
from curator.index.tags.tag_names import folded

if TYPE_CHECKING:
    from curator.index.collection import Collection

MOST_LETTERS = 3


@dataclass(frozen=True)
class Verdict:
    """What speaks against a word; nothing where it can be used. `tokens` is what CLIP makes of it."""

    word: str
    tokens: int
    against: tuple[str, ...]


class Identifiers:
    """Looks words up among the tags of a collection, and among others that are given."""

    def __init__(self, collection: Collection | None = None, names: frozenset[str] = frozenset()) -> None:
        self._collection = collection
        self._listed = frozenset(folded(name) for name in names)
        aliases = collection.aliases.all() if collection else dict[str, str]()
        self._aliases = {folded(alias): tag for alias, tag in aliases.items()}

    def verdict(self, word: str) -> Verdict:
        """What speaks against `word`."""
        tokens = count_tokens(word)
        return Verdict(word, tokens, tuple(self._against(word, tokens)))

    def free(self, count: int) -> list[str]:
        """Words that nothing speaks against, the rarest of CLIP's first."""
        found: list[str] = []
        for word in _rare_words():
            if len(found) >= count:
                break
            if not self.verdict(word).against:
                found.append(word)
        return found

    def _against(self, word: str, tokens: int) -> Iterator[str]:
        if not word.isalpha() or not word.isascii():
            yield "it holds something that is no letter from a to z"
        if len(word) > MOST_LETTERS:
            yield f"it has {len(word)} letters, more than {MOST_LETTERS}"
        if tokens != 1:
            yield f"CLIP makes {counted(tokens, 'token')} of it, not one"
        if self._collection is not None:
            with self._collection.reading():
                tags = self._collection.tags.get(self._collection.tags.alike(word))
            used = [tag for tag in tags if tag.count]
            if used:
                yield f"it is a tag of {counted(sum(tag.count for tag in used))} here"
            if folded(word) in self._aliases:
                yield f"it is another name of the tag {self._aliases[folded(word)]}"
        if folded(word) in self._listed:
            yield "it is a tag of the list"


@lru_cache(maxsize=1)
def _rare_words() -> tuple[str, ...]:
    """Words of three letters that are one token, the latest of the vocabulary first: tokens are in order of use."""
    numbers: dict[str, int] = json.loads((CLIP_VOCAB / "vocab.json").read_text("utf-8"))
    ending = "</w>"
    words = [
        (number, token.removesuffix(ending)) for token, number in numbers.items() if token.endswith(ending)
    ]
    fits = (
        pair for pair in words if len(pair[1]) == MOST_LETTERS and pair[1].isascii() and pair[1].isalpha()
    )
    return tuple(word for _, word in sorted(fits, reverse=True))
