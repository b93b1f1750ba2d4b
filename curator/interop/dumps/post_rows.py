"""Posts as records of an import: which image one is of, or the one reason why there is none (S002)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curator.index.tables.metadata import PostFacts
from curator.interop.folders import SUFFIXES
from curator.interop.plan import Dropped, Record, Row
from curator.posts.post import Post, read_post

_YES = (True, 1, "1", "true", "t", "True")


def post_row(row: Mapping[str, Any], *, words: bool = True) -> Row:
    """A post of a dump, found by its number or its file's md5."""
    post = read_post(row, words=words)
    md5 = row.get("md5")
    number = post.number if post.number is not None and post.number > 0 else 0
    if not number and not md5:
        return Dropped("a post without a number")
    facts = PostFacts(post.number, post.rating, post.score, post.favourites, post.posted)
    if row.get("is_deleted") in _YES:
        return Dropped("deleted", facts)
    ending = row.get("file_ext")
    if isinstance(ending, str) and ending and f".{ending.lower().lstrip('.')}" not in SUFFIXES:
        return Dropped(f"no image ({ending.lower()[:8]})", facts)
    if "md5" in row and not md5:
        return Dropped("its file is not public", facts)
    return record_of(post, number=number, md5=md5.lower() if isinstance(md5, str) else "")


def record_of(post: Post, path: str = "", *, number: int = 0, md5: str = "") -> Record:
    """What a post says, for the image at `path` or of this number or md5."""
    facts = PostFacts(post.number, post.rating, post.score, post.favourites, post.posted)
    return Record(
        path=path, post=number, md5=md5, tags=post.tags, caption=post.caption, classes=post.classes, facts=facts,
        warnings=post.warnings,
    )  # fmt: skip
