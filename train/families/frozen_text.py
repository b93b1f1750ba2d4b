"""Captions as frozen text encoders read them: each once, and kept while there is room.

What is kept belongs to one model's encoders, read at one layer; a caption's tokens and weights are the rest of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from train.families.conditioning import Conditioning

if TYPE_CHECKING:
    from train.cache.packing import Entry
    from train.cache.store import Store
    from train.families.clip_text import TokenBatch, Tokens

Encode = Callable[[tuple["TokenBatch", ...]], Conditioning]


class FrozenText:
    """Reads captions by `encode`, and keeps what it says: of those that recur in the `lasting` store, else in memory.

    So captions that are shuffled or lose tags by chance are encoded as they come, and fill no disk. Always `at_once`
    captions are read together, repeated where there are fewer: what a caption comes to does not hang on those beside
    it, so a run gives the same weights with and without what is kept.
    """

    def __init__(
        self, encode: Encode, chunks: int, at_once: int, memory: Store, lasting: Store | None = None
    ) -> None:
        self._encode = encode
        self._chunks = chunks
        self._at_once = at_once
        self._memory = memory
        self._lasting = memory if lasting is None else lasting

    @torch.no_grad()
    def read(self, tokens: Tokens) -> Conditioning:
        """What all captions come to, without sizes, on the device of their tokens."""
        device = tokens.texts[0].ids.device
        recur = tokens.recur or (True,) * len(tokens.keys)
        store_of = {
            key: self._lasting if is_lasting else self._memory
            for key, is_lasting in zip(tokens.keys, recur, strict=True)
        }
        found = self._found(store_of)
        new = self._new(tokens, [key for key, entry in found.items() if entry is None])
        for key, entry in new.items():
            store_of[key].put(key, entry)
        said = [_to(device, found[key] or new[key]) for key in tokens.keys]
        pooled = [entry[1] for entry in said if len(entry) > 1]
        return Conditioning(
            torch.stack([entry[0] for entry in said]), torch.stack(pooled) if pooled else None
        )

    def _found(self, store_of: dict[bytes, Store]) -> dict[bytes, Entry | None]:
        """What is kept of these captions, each in its store."""
        found: dict[bytes, Entry | None] = {}
        for store in {id(each): each for each in store_of.values()}.values():
            keys = [key for key, own in store_of.items() if own is store]
            found |= zip(keys, store.find(keys), strict=True)
        return {key: found[key] for key in store_of}

    def _new(self, tokens: Tokens, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """What is said of captions that are not kept, one each."""
        row_of = {key: row for row, key in enumerate(tokens.keys)}
        new: dict[bytes, Entry] = {}
        for at in range(0, len(keys), self._at_once):
            now = keys[at : at + self._at_once]
            rows = [row_of[key] for key in now]
            rows += rows[-1:] * (self._at_once - len(rows))
            said = self._encode(tuple(_rows(text, rows, self._chunks) for text in tokens.texts))
            for row, key in enumerate(now):
                new[key] = (
                    (said.states[row],) if said.pooled is None else (said.states[row], said.pooled[row])
                )
        return new


def _rows(text: TokenBatch, rows: Sequence[int], chunks: int) -> TokenBatch:
    ids = [text.ids[row * chunks : (row + 1) * chunks] for row in rows]
    weights = None if text.weights is None else torch.stack([text.weights[row] for row in rows])
    return text._replace(ids=torch.cat(ids), weights=weights)


def _to(device: torch.device, entry: Entry) -> Entry:
    return tuple(part.to(device, non_blocking=True) for part in entry)
