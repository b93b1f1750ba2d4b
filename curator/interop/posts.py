"""Decides what one post of a booru says: its picture, its tags by class, its facts, or why there is no picture.

Ratings are Danbooru's letters or words; `s` is sensitive, as since 2022. A date that cannot be read is no date, an
unknown rating no rating; both are counted. Every row has exactly one first reason for being left out (S002).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from curator.index.metadata import RATINGS, PostFacts
from curator.interop.records import Dropped, Record, Row
from curator.interop.words import clean, tags_of_words
from curator.tags.text import spaced

_CLASSES = tuple(
    (cls, f"tag_string_{cls}", f"tags_{cls}")
    for cls in ("artist", "character", "copyright", "general", "meta")
)
_LETTERS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit", "safe": "general"}
_PICTURES = {"jpg", "jpeg", "png", "webp", "bmp", "gif", "avif"}
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")

BAD_RATING = "an unknown rating"
BAD_DATE = "a date that cannot be read"
BAD_NUMBER = "a score or favourites that are no number"


def post_row(row: Mapping[str, Any], *, words: bool = True) -> Row:
    """A post as a record, or the first reason why it is none."""
    number = whole(row.get("id"))
    if number is None or number < 1:
        return Dropped("a post without a number")
    if row.get("is_deleted") in (True, 1, "1", "true", "t", "True"):
        return Dropped("deleted")
    ending = row.get("file_ext")
    if isinstance(ending, str) and ending and ending.lower().lstrip(".") not in _PICTURES:
        return Dropped(f"no picture ({ending.lower()[:8]})")
    md5 = row.get("md5")
    if "md5" in row and not md5:
        return Dropped("its file is not public")
    tags, classes = post_tags(row) if words else (None, ())
    facts, warnings = post_facts(row, number)
    shown = md5.lower() if isinstance(md5, str) else ""
    return Record(post=number, md5=shown, tags=tags, classes=classes, facts=facts, warnings=warnings)


def post_tags(row: Mapping[str, Any]) -> tuple[tuple[str, ...] | None, tuple[tuple[str, str], ...]]:
    """Tags in the order of the row, and the classes of those that are not general."""
    plain = _words(row.get("tag_string", row.get("tags")))
    groups = [
        (cls, group)
        for cls, key, other in _CLASSES
        if not (plain and cls == "general")  # most of the words, and all said already
        and (group := _words(row.get(key, row.get(other)))) is not None
    ]
    said = plain
    if not plain and groups:
        said = list(chain.from_iterable(group for _, group in groups))
    known = frozenset(plain) if plain else None
    classes = [
        (tag, cls) for cls, group in groups if cls != "general" for tag in group if not known or tag in known
    ]
    return None if said is None else tuple(dict.fromkeys(said)), tuple(classes)


def post_facts(row: Mapping[str, Any], number: int | None) -> tuple[PostFacts, tuple[str, ...]]:
    """The numbers of a post, and what was wrong with them."""
    warnings: list[str] = []
    rating = rating_of(row.get("rating"))
    if rating is None:
        warnings.append(BAD_RATING)
    date = row.get("created_at", row.get("date"))
    posted = seconds_of(date)
    if posted is None and date not in (None, ""):
        warnings.append(BAD_DATE)
    numbers = (row.get("score"), row.get("fav_count", row.get("favorites")))
    score, fav = (whole(each) for each in numbers)
    if any(each not in (None, "") and whole(each) is None for each in numbers):
        warnings.append(BAD_NUMBER)
    return PostFacts(number, rating or "", score, fav, posted), tuple(warnings)


def rating_of(value: Any) -> str | None:
    """One of the four ratings, "" where nothing is said, None where it is not known."""
    if value is None or value == "":
        return ""
    word = str(value).strip().lower()
    word = _LETTERS.get(word, word)
    return word if word in RATINGS[1:] else None


def seconds_of(value: Any) -> int | None:
    """Seconds since 1970 of a date as dumps write it: a number, or ISO 8601 (UTC where no zone is given)."""
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if 0 <= value < 1e11 else None
    found = _DATE.match(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    zone = "+00:00" if found[7] in (None, "Z") else found[7]
    try:
        moment = datetime.fromisoformat(
            f"{found[0][:10]}T{found[4] or '00'}:{found[5] or '00'}:{found[6] or '00'}{zone}"
        )
    except ValueError:
        return None
    return int(moment.timestamp())


def whole(value: Any) -> int | None:
    """An integer in a cell, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _words(value: Any) -> Sequence[str] | None:
    """The tags of one cell, perhaps some twice."""
    if isinstance(value, str):
        return tags_of_words(value)
    if isinstance(value, list | tuple):
        return clean(spaced(tag) for tag in value if isinstance(tag, str))
    return None
