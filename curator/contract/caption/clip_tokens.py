"""CLIP token counts of captions, and what is cut off (S026).

The byte pair encoding of CLIP with its real vocabulary (`clip_vocab`), in the standard library alone, so that the
curator counts what the trainer's tokenizer will make.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from curator.contract.caption.prompt_weights import parse_weights

CLIP_VOCAB = Path(__file__).parents[1] / "clip_vocab"
TOKENS_A_CHUNK = 75  # of 77: one begins, one ends
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")
_ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


class TokenCount(NamedTuple):
    """Tokens and chunks of a caption; `kept` is what is trained, `cut` what falls off."""

    tokens: int
    chunks: int
    kept: str
    cut: str


def count_tokens(text: str) -> int:
    """Tokens of a text, without those that begin and end it."""
    return sum(len(_pieces(word)) for word, _ in _words(_normal(text)))


def count_weighted(caption: str) -> int:
    """Tokens of a caption whose brackets are weights: each piece is encoded by itself."""
    return sum(count_tokens(part.text) for part in parse_weights(caption))


def chunks_of(tokens: int) -> int:
    """Chunks that so many tokens take; an empty caption takes one."""
    return max(1, -(-tokens // TOKENS_A_CHUNK))


def counted(caption: str, length: int = TOKENS_A_CHUNK, *, weighted: bool = False) -> TokenCount:
    """A caption's tokens and what of it fits into `length`; a word that is cut through counts as fallen off.

    With `weighted`, brackets are weights: what is kept and cut is told without them.
    """
    parts = [_normal(part.text) for part in parse_weights(caption)] if weighted else [_normal(caption)]
    total, fits, begun = 0, 0, 0
    for part in parts:
        for word, end in _words(part):
            total += len(_pieces(word))
            if total <= length:
                fits = begun + end
        begun += len(part)
    text = "".join(parts)
    if total <= length:
        return TokenCount(total, chunks_of(total), text, "")
    return TokenCount(total, chunks_of(total), text[:fits], text[fits:])


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _words(text: str) -> Iterator[tuple[str, int]]:
    """(word, end) of the words CLIP encodes one by one: runs of letters, single digits, runs of other signs."""
    at = 0
    while at < len(text):
        special = next((each for each in _SPECIAL if text.startswith(each, at)), None)
        if _kind(text[at]) == "S":
            at += 1
            continue
        end = at + len(special) if special else _word_end(text, at)
        yield text[at:end], end
        at = end


def _word_end(text: str, at: int) -> int:
    if text[at] == "'":
        ending = next((each for each in _ENDINGS if text[at : at + len(each)].lower() == each), None)
        if ending:
            return at + len(ending)
    kind = _kind(text[at])
    end = at + 1
    while kind != "N" and end < len(text) and _kind(text[end]) == kind and not text.startswith(_SPECIAL, end):
        end += 1
    return end


@lru_cache(maxsize=4096)
def _kind(char: str) -> str:
    """L a letter, N a number, S a space, else anything."""
    if (
        char.isspace() and not "\x1c" <= char <= "\x1f"
    ):  # Python's spaces, less four that Unicode does not call so
        return "S"
    category = unicodedata.category(char)[0]
    return category if category in "LN" else "other"


@lru_cache(maxsize=50_000)
def _pieces(word: str) -> tuple[str, ...]:
    """The tokens of one word."""
    if word in _SPECIAL:
        return (word,)
    signs = _signs()
    parts = [signs[byte] for byte in word.lower().encode("utf-8", "replace")]
    parts[-1] += "</w>"
    ranks = _ranks()
    while len(parts) > 1:
        best = min(range(len(parts) - 1), key=lambda i: ranks.get((parts[i], parts[i + 1]), 1 << 30))
        pair = parts[best], parts[best + 1]
        if pair not in ranks:
            break
        parts = _joined(parts, pair)
    return tuple(parts)


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(parts):
        if at + 1 < len(parts) and (parts[at], parts[at + 1]) == pair:
            out.append(parts[at] + parts[at + 1])
            at += 2
        else:
            out.append(parts[at])
            at += 1
    return out


@lru_cache(maxsize=1)
def _ranks() -> dict[tuple[str, str], int]:
    lines = (CLIP_VOCAB / "merges.txt").read_text("utf-8").split("\n")
    pairs = (line.split(" ") for line in lines if line and not line.startswith("#version"))
    return {(left, right): rank for rank, (left, right) in enumerate(pairs)}


@lru_cache(maxsize=1)
def _signs() -> list[str]:
    """A printable sign for each byte, as byte pair encodings write them."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    signs: list[str] = []
    spare = 256
    for byte in range(256):
        signs.append(chr(byte if byte in plain else spare))
        spare += byte not in plain
    return signs
