"""A post of a booru: its tags by class, caption, rating, numbers and date, in any of the ways that tools write them.

One reader for dumps, for the JSON of downloaders and for `.json` sidecars. Of several keys for one thing the first that
can be read counts; what was given and not understood is named in `warnings`.

- Tags: one text (spaces between tags in a post, commas where there are any), a list of names or of objects with a name
  and a category, an object of such lists by class, an object whose keys are tags, or any of these as JSON in a text.
- In a post, tags are words such as `long_hair`, and underscores become spaces; elsewhere they are left.
- Ratings: Danbooru's letters or words (`s` is sensitive, as since 2022), or 0 to 3 in a post.
- Scores: a number, or an object with a total, or with up and down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from curator.posts.dates import seconds_of
from curator.posts.words import clean, lines_of, tag_of_word, tags_of_line, tags_of_words, text_of

RATINGS = ("general", "sensitive", "questionable", "explicit")
CLASSES = ("artist", "character", "copyright", "general", "meta")

BAD_TAGS = "tags that are not understood"
BAD_CAPTION = "a caption that is not understood"
BAD_RATING = "an unknown rating"
BAD_DATE = "a date that cannot be read"
BAD_NUMBER = "a score or favourites that are no number"
SEVERAL = "several captions: each is a line, and with the rule 'wildcards' one is drawn for each sample"

_TAGS = ("tags", "tag_string", "tag_list")  # `tags` is what `frieze tag write` writes
_BY_CLASS = tuple((cls, (f"tag_string_{cls}", f"tags_{cls}", f"tag_list_{cls}")) for cls in CLASSES)
_CAPTIONS = ("caption", "captions", "text", "prompt", "description")
_DATES = ("created_at", "date", "posted", "timestamp")
_SCORES = ("score",)
_FAVOURITES = ("fav_count", "favorites", "favorite_count", "favourites", "num_favorites", "favs")
_NUMBERS = ("id", "post_id")
_OF_POSTS = (*_NUMBERS, "md5", "file_ext", "created_at", "tag_string", *(keys[0] for _, keys in _BY_CLASS))
WORD_KEYS = (*_TAGS, *chain.from_iterable(keys for _, keys in _BY_CLASS), *_CAPTIONS)
KEYS = (*_NUMBERS, "rating", *_SCORES, *_FAVOURITES, *_DATES, *WORD_KEYS, "is_deleted", "file_ext", "md5")
_LETTERS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit", "safe": "general"}
_BY_NUMBER = frozenset("0123")
_CATEGORIES = {
    "0": "general",
    "1": "artist",
    "3": "copyright",
    "4": "character",
    "5": "meta",
}  # Danbooru's numbers
_NAMES = ("name", "tag", "name_en", "tag_name")

Classes = tuple[tuple[str, str], ...]
_Said = list[tuple[str, str]]  # (tag, its class)


class Post(NamedTuple):
    """What a post says. None: nothing of that; `rating` "" likewise. `posted` in seconds since 1970."""

    number: int | None = None
    tags: tuple[str, ...] | None = None
    classes: Classes = ()
    caption: str | None = None
    rating: str = ""
    score: int | None = None
    favourites: int | None = None
    posted: int | None = None
    warnings: tuple[str, ...] = ()


def read_post(row: Mapping[str, Any], *, words: bool = True) -> Post:
    """A JSON object or row of a table; without `words`, tags and captions are left out."""
    warnings: list[str] = []
    are_words = is_post(row)
    tags, classes = _tags(row, are_words, warnings) if words else (None, ())
    caption = _caption(row, warnings) if words else None
    rating = rating_of(row.get("rating"), numbers=are_words)
    if rating is None:
        warnings.append(BAD_RATING)
    posted = _first(row, _DATES, seconds_of, warnings, BAD_DATE)
    score = _first(row, _SCORES, _score, warnings, BAD_NUMBER)
    favourites = _first(row, _FAVOURITES, _count, warnings, BAD_NUMBER)
    number = next((found for key in _NUMBERS if (found := whole(row.get(key))) is not None), None)
    said = tuple(dict.fromkeys(warnings)) if warnings else ()
    return Post(number, tags, classes, caption, rating or "", score, favourites, posted, said)


def read_words(row: Mapping[str, Any]) -> Post:
    """Tags and caption alone, of a row that need not be a post: its tags are spelled as they stand there."""
    warnings: list[str] = []
    tags, classes = _tags(row, False, warnings)
    caption = _caption(row, warnings)
    return Post(tags=tags, classes=classes, caption=caption, warnings=tuple(dict.fromkeys(warnings)))


def is_post(row: Mapping[str, Any]) -> bool:
    """Whether an object has what only posts of a booru have, so that its tags are words."""
    return any(key in row for key in _OF_POSTS)


def rating_of(value: Any, *, numbers: bool = True) -> str | None:
    """One of the four ratings, "" where nothing is said, None where it is not known; with `numbers`, 0 to 3 too."""
    if value is None or value == "":
        return ""
    word = str(value).strip().lower()
    if numbers and word in _BY_NUMBER:
        return RATINGS[int(word)]
    word = _LETTERS.get(word, word)
    return word if word in RATINGS else None


def whole(value: Any) -> int | None:
    """An integer in a cell, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _first(
    row: Mapping[str, Any], keys: Sequence[str], read: Any, warnings: list[str], unread: str
) -> int | None:
    """The first of some keys that can be read; where there are only others, that is a warning."""
    was_given = False
    for key in keys:
        value = row.get(key)
        if value is None or value == "":
            continue
        found = read(value)
        if found is not None:
            return found
        was_given = True
    if was_given:
        warnings.append(unread)
    return None


def _score(value: Any) -> int | None:
    if not isinstance(value, dict):
        return whole(value)
    total = whole(value.get("total"))
    if total is not None:
        return total
    up, down = whole(value.get("up")), whole(value.get("down"))
    return None if up is None else up - abs(down or 0)


def _count(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else whole(value)


# --- tags ---------------------------------------------------------------------------------------------


def _tags(
    row: Mapping[str, Any], are_words: bool, warnings: list[str]
) -> tuple[tuple[str, ...] | None, Classes]:
    """Tags in the order of the row, and the classes of those that are not general."""
    plain, said, unread = _plain(row, are_words)
    groups = [
        (cls, group)
        for cls, keys in _BY_CLASS
        if not (plain and cls == "general")  # most of the words, and all said already
        and (group := _group(row, keys, are_words)) is not None
    ]
    if plain is not None:
        known = frozenset(plain)
        groups = [(cls, [tag for tag in group if tag in known]) for cls, group in groups]
    elif groups:
        plain = list(chain.from_iterable(group for _, group in groups))
    if unread and not plain:
        warnings.append(BAD_TAGS)
    classes = [(tag, cls) for tag, cls in said if cls != "general"]
    classes += [(tag, cls) for cls, group in groups if cls != "general" for tag in group]
    return None if plain is None else tuple(dict.fromkeys(plain)), tuple(classes)


def _plain(row: Mapping[str, Any], are_words: bool) -> tuple[list[str] | None, _Said, bool]:
    """The tags that are not under a key of their class, their classes where given, and whether any are not understood.

    An empty list is an answer, an empty cell of a table none.
    """
    unread = False
    for key in _TAGS:
        value = row.get(key)
        if value is None or value == "":
            continue
        if isinstance(value, str) and value[:1] not in ("[", "{"):  # by far the most
            return _of_text(key, value, are_words), [], unread
        said = _said(value, are_words)
        if said or _is_empty(value):
            return [tag for tag, _ in said], said, unread
        unread = True
    return None, [], unread


def _group(row: Mapping[str, Any], keys: Iterable[str], are_words: bool) -> list[str] | None:
    """The tags of one class, perhaps some twice."""
    for key in keys:
        value = row.get(key)
        if value is not None:
            if isinstance(value, str) and value[:1] not in ("[", "{"):
                return _of_text(key, value, are_words)
            return [tag for tag, _ in _said(value, are_words)]
    return None


def _of_text(key: str, text: str, are_words: bool) -> list[str]:
    """Commas part the tags of some sites; in `tag_string` one belongs to a tag."""
    if are_words and (key.startswith("tag_string") or "," not in text):
        return tags_of_words(text)
    line = tags_of_line(text)
    return [*map(tag_of_word, line)] if are_words else list(line)


def _said(value: Any, are_words: bool) -> _Said:
    """Tags with their classes, of a list, an object, or a text with one of them as JSON."""
    if isinstance(value, str):
        decoded = _json(value)
        if decoded is not None:
            return _said(decoded, are_words)
        return [(tag, "general") for tag in _of_text("tags", value, are_words)]
    if isinstance(value, dict):
        return list(_of_object(value, are_words))
    if isinstance(value, list | tuple):
        if value and all(isinstance(each, tuple) and len(each) == 2 for each in value):  # a map of Parquet
            return _said({str(key): each for key, each in value}, are_words)
        return list(chain.from_iterable(_of_item(each, are_words) for each in value))
    return []


def _of_object(value: Mapping[str, Any], are_words: bool) -> Iterator[tuple[str, str]]:
    """Lists (or texts) by class; numbers and nothing are what is thought of a tag, which then is the key."""
    for key, each in value.items():
        if isinstance(each, list | tuple | str | dict) and not isinstance(each, bool):
            cls = key if key in CLASSES else "general"
            yield from ((tag, cls if own == "general" else own) for tag, own in _said(each, are_words))
        elif isinstance(key, str) and not (each is None and key in CLASSES):
            yield from _of_item(key, are_words)


def _of_item(item: Any, are_words: bool) -> Iterator[tuple[str, str]]:
    if isinstance(item, str):
        spelled = [tag_of_word(item)] if are_words and "," not in item else clean(item.split(","))
        yield from ((tag, "general") for tag in spelled if tag)
    elif isinstance(item, dict):
        name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), None)
        names = item.get("names")
        if name is None and isinstance(names, list) and names and isinstance(names[0], str):
            name = names[0]
        kind = str(item.get("category", item.get("type", ""))).lower()
        cls = kind if kind in CLASSES else _CATEGORIES.get(kind, "general")
        yield from ((tag, cls) for tag, _ in _of_item(name, are_words))


def _json(text: str) -> Any:
    """A list or object written as a text, or None."""
    if text[:1] not in ("[", "{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None


def _is_empty(value: Any) -> bool:
    """Whether nothing is given at all: such as "", [], or {"artist": []}."""
    if isinstance(value, str):
        decoded = _json(value)
        return not value.strip() if decoded is None else _is_empty(decoded)
    if isinstance(value, dict):
        return all(_is_empty(each) for each in value.values())
    return value is None or (isinstance(value, list | tuple) and all(map(_is_empty, value)))


# --- captions -----------------------------------------------------------------------------------------


def _caption(row: Mapping[str, Any], warnings: list[str]) -> str | None:
    """The first caption there is; several are lines."""
    unread = False
    for key in _CAPTIONS:
        value = row.get(key)
        if isinstance(value, str):
            return lines_of(value)
        if value is None:
            continue
        lines = [text for each in _texts(value) if (text := text_of(each))]
        if len(lines) > 1:
            warnings.append(SEVERAL)
        if lines or _is_empty(value):
            return "\n".join(lines)
        unread = True
    if unread:
        warnings.append(BAD_CAPTION)
    return None


def _texts(value: Any) -> Iterator[str]:
    """Of a list, or an object by kind of caption."""
    if isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, str))
    elif isinstance(value, dict):
        yield from (each for each in value.values() if isinstance(each, str))
