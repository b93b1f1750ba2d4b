"""Sidecar files: tags of `.txt`, free caption of `.caption`, both of `.json`.

- Bytes are UTF-8 (a byte order mark is dropped, UTF-16 with a mark is read); what others mean is a guess
  (`contract/text.py`), with a warning.
- `.txt`: tags, or a caption in sentences (`caption_text.py`); lines left out are warned of. Brackets and underscores
  in tags stay as they are; a tag that comes twice counts once.
- `.caption`: all of the text, lines joined by a space.
- `.json`: tags and caption as `curator.posts.post` reads them, as an import does; a rating becomes a last tag of the
  class rating.
- An empty file says nothing, and that is fine.
Where several lie beside one image, tags come from `.txt` before `.json`, the caption from `.caption` before `.txt`
before `.json`; of two of a kind the one with the image's full name (`1.png.txt`) counts. A `.txt` with a caption in
sentences says that there are no tags.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from curator.contract.files.regular_file import decoded
from curator.index.images.sidecar_names import KINDS, kind_of
from curator.index.images.text_digest import text_digest
from curator.index.tags.tag_names import each_once
from curator.posts.post import BAD_CAPTION, BAD_TAGS, SEVERAL, read_post
from curator.posts.words import clean
from curator.scan.sidecars.caption_text import CaptionText, clean_text, read_caption_text

MAX_BYTES = 4_000_000


class Sidecar(NamedTuple):
    """What one sidecar says. None: it says nothing of tags, or of the caption.

    `digest` is that of its bytes, `annotations_digest` that of an image with these tags and this caption alone: the
    first five are what the index remembers of it (`SidecarState`).
    """

    suffix: str
    mtime_ns: int
    file_bytes: int
    digest: bytes
    annotations_digest: bytes
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


class SidecarAnnotations(NamedTuple):
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
    tags, caption, classes, more = _parsed(kind_of(suffix), text)
    free = has_free_caption(suffix, caption)
    words = text_digest(suffix, tags or (), caption or "", free=free)
    return (suffix, mtime_ns, file_bytes, digest, words, tags, caption, classes, warnings + more)


def annotations_in(suffix: str, data: bytes) -> tuple[tuple[str, ...], str]:
    """The tags and the caption that a scan makes of a sidecar's bytes, where it is the only one."""
    words = merged_annotations([Sidecar._make(read_sidecar(suffix, data, len(data), 0))])
    return words.tags or (), words.caption or ""


def has_free_caption(suffix: str, caption: str | None) -> bool:
    """Whether a sidecar that says this is a `.txt` with a caption in sentences."""
    return caption is not None and kind_of(suffix) == ".txt"


def merged_annotations(sidecars: Sequence[Sidecar]) -> SidecarAnnotations:
    """The words of an image from all its sidecars, which are in the order of `Beside.of`."""
    by_kind: dict[str, list[Sidecar]] = {kind: [] for kind in KINDS}
    for sidecar in sidecars:
        by_kind[kind_of(sidecar.suffix)].append(sidecar)
    txts, captions, objects = by_kind.values()
    tagged = _first(s for s in (*txts, *objects) if s.tags or has_free_caption(s.suffix, s.caption))
    tagged = tagged or _first(s for s in (*txts, *objects) if s.tags is not None)
    told = _first(s for s in (*captions, *txts, *objects) if s.caption)
    told = told or _first(s for s in (*captions, *objects) if s.caption is not None)
    named = set(tagged.tags or ()) if tagged else set[str]()
    emptied = txts[0].suffix if txts and not tagged else ""
    return SidecarAnnotations(
        tagged.tags if tagged else () if emptied else None,
        tagged.suffix if tagged else emptied,
        told.caption if told else None,
        told.suffix if told else "",
        tuple(pair for s in (*txts, *objects) for pair in s.classes if pair[0] in named),
    )


def overruled(sidecars: Sequence[Sidecar]) -> str:
    """What to tell of an image with two captions, a `.txt` in sentences and a `.caption`; empty where all is taken."""
    words = merged_annotations(sidecars)
    left = [s for s in sidecars if has_free_caption(s.suffix, s.caption) and s.caption != words.caption]
    if not left or kind_of(words.caption_from) != ".caption":
        return ""
    return f"its {words.caption_from} is the caption; the one in its {left[0].suffix} is not taken"


def _first(sidecars: Iterable[Sidecar]) -> Sidecar | None:
    return next(iter(sidecars), None)


_Parsed = tuple[tuple[str, ...] | None, str | None, tuple[tuple[str, str], ...], tuple[str, ...]]


def _parsed(kind: str, text: str) -> _Parsed:
    if kind == ".txt":
        said = read_caption_text(text)
        return said.tags if said.line else None, said.caption, said.classes, _left_out(said)
    lines = list(filter(None, map(str.strip, text.splitlines())))
    if kind == ".json":
        return _json(text) if lines else (None, None, (), ())
    return None, clean_text(" ".join(lines)), (), ()


def _left_out(said: CaptionText) -> tuple[str, ...]:
    told: list[str] = []
    if said.further:
        told.append(f"{said.further} further lines were left out; they stay in the file")
    if said.classes:
        classes = ", ".join(sorted({cls for _, cls in said.classes}))
        told.append(f"tags that name their class ({classes}) have it as their class, not in their name")
    return tuple(told)


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
