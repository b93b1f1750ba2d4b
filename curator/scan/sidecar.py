"""Decides what a sidecar file says: tags of `.txt`, free caption of `.caption`, both of `.json`.

- Bytes are UTF-8 (a byte order mark is dropped, UTF-16 with a mark is read); others are read as Latin-1, with a
  warning.
- `.txt`: the first line that is not empty holds the tags, split at commas; further lines are left out, with a
  warning. Brackets, colons and underscores in tags stay as they are; a tag that comes twice counts once.
- `.caption`: all of the text, lines joined by a space.
- `.json`: tags and caption as `curator.posts.post` reads them, as an import does; a rating becomes a last tag of the
  class rating.
- An empty file says nothing, and that is fine.
Where several lie beside one image, tags come from `.txt` before `.json`, the caption from `.caption` before `.json`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from curator.contract.text import decoded
from curator.index.tag_names import each_once
from curator.index.text_digest import text_digest
from curator.posts.post import BAD_CAPTION, BAD_TAGS, SEVERAL, read_post
from curator.posts.words import clean

MAX_BYTES = 4_000_000
_NO_LETTERS = re.compile("[\0\ud800-\udfff]")


class Sidecar(NamedTuple):
    """What one sidecar says. None: it says nothing of tags, or of the caption.

    `digest` is that of its bytes, `words_digest` that of an image with these words and no others: the first five are
    what the index remembers of it (`SidecarState`).
    """

    suffix: str
    mtime_ns: int
    file_bytes: int
    digest: bytes
    words_digest: bytes
    tags: tuple[str, ...] | None = None
    caption: str | None = None
    classes: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


SidecarFields = tuple[
    str,
    int,
    int,
    bytes,
    bytes,
    tuple[str, ...] | None,
    str | None,
    tuple[tuple[str, str], ...],
    tuple[str, ...],
]  # of a Sidecar, which is one of these


class SidecarWords(NamedTuple):
    """What all sidecars of one image say together, and the suffix of the one that says it."""

    tags: tuple[str, ...] | None = None
    tags_from: str = ""
    caption: str | None = None
    caption_from: str = ""
    classes: tuple[tuple[str, str], ...] = ()


def read_sidecar(suffix: str, data: bytes, file_bytes: int, mtime_ns: int) -> SidecarFields:
    """What the bytes of a sidecar say: of its first `MAX_BYTES` + 1, and how many it has in all."""
    digest = hashlib.sha256(data).digest()[:16]
    if len(data) > MAX_BYTES:
        warning = f"the sidecar has more than {MAX_BYTES // 1_000_000} MB and was not read"
        nothing = text_digest(suffix, (), "")
        return (suffix, mtime_ns, file_bytes, digest, nothing, None, None, (), (warning,))
    text, warnings = decoded(data)
    tags, caption, classes, more = _parsed(suffix, text)
    words = text_digest(suffix, tags or (), caption or "")
    return (suffix, mtime_ns, file_bytes, digest, words, tags, caption, classes, warnings + more)


def together(sidecars: Sequence[Sidecar]) -> SidecarWords:
    """The words of an image from all its sidecars."""
    by_suffix = {sidecar.suffix: sidecar for sidecar in sidecars}
    txt, free, data = (by_suffix.get(suffix) for suffix in (".txt", ".caption", ".json"))
    tagged = next((s for s in (txt, data) if s and s.tags is not None), None)
    told = next((s for s in (free, data) if s and s.caption is not None), None)
    named = set(tagged.tags or ()) if tagged else set[str]()
    return SidecarWords(
        tagged.tags if tagged else None,
        tagged.suffix if tagged else "",
        told.caption if told else None,
        told.suffix if told else "",
        tuple(pair for pair in (data.classes if data else ()) if pair[0] in named),
    )


def split_tags(line: str) -> tuple[str, ...]:
    """Tags of a line, in order, each once."""
    tags = map(str.strip, " ".join(_clean_text(line).split()).split(","))
    return each_once(filter(None, tags))


_Parsed = tuple[tuple[str, ...] | None, str | None, tuple[tuple[str, str], ...], tuple[str, ...]]


def _parsed(suffix: str, text: str) -> _Parsed:
    lines = list(filter(None, map(str.strip, text.splitlines())))
    if suffix == ".json":
        return _json(text) if lines else (None, None, (), ())
    if suffix == ".caption":
        return None, _clean_text(" ".join(lines)), (), ()
    left_out = (f"{len(lines) - 1} further lines were left out",) if len(lines) > 1 else ()
    return split_tags(lines[0]) if lines else (), None, (), left_out


def _json(text: str) -> _Parsed:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None, None, (), ("no valid JSON",)
    if not isinstance(value, dict):
        return None, None, (), ("the JSON holds no object",)
    post = read_post(value)
    tags, classes = post.tags, list(post.classes)
    rating = value.get("rating")
    named = post.rating or (_tag(rating) if isinstance(rating, str) else "")
    if named:
        tags = each_once([*(tags or ()), named])
        classes.append((named, "rating"))
    warnings = tuple(each for each in post.warnings if each in (BAD_TAGS, BAD_CAPTION, SEVERAL))
    return tags, post.caption, tuple(classes), warnings


def _tag(text: str) -> str:
    return next(iter(clean([text])), "")


def _clean_text(text: str) -> str:
    """JSON may spell lone surrogates and zero bytes; they become the replacement character."""
    return (text if text.isprintable() else _NO_LETTERS.sub("\ufffd", text)).strip()
