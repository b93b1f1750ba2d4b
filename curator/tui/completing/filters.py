"""Completions of a filter: tags with counts, fields, values, saved filters and past ones, for the word being typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from curator.filter.language.fields import CLASSES, FIELDS, UNTAGGED
from curator.filter.language.tokens import in_quotes
from curator.tui.completing.completion import MOST, Complete, Completion, about_tag
from curator.tui.filter_text import short_filter_of_tag

if TYPE_CHECKING:
    from curator.session.images.tags import Tag
    from curator.session.session import Session

_PAST_SHOWN = 3  # among others; all where nothing is typed yet
_PAST_KEPT = 30
_LAST_WORD = re.compile(r"(.*?)(-?)((?:[^\s()][^\s()]*(?:\([^\s()]*\)?[^\s()]*)*)?)$", re.DOTALL)
_WITH_VALUE = re.compile(r"([\w()]+)(:|!=|<=|>=|=|<|>)(.*)", re.DOTALL)
_PLAIN_VALUE = re.compile(r"[\w.+/-]+")
PAST = "past filters"  # where the app remembers them


def filters_of(reader: Session) -> Complete:
    """Completions of a filter's last word."""

    def complete(text: str) -> list[Completion]:
        found = [*_of_word(reader, text), *_past(reader, text)]
        unique = {each.text.strip(): each for each in reversed(found) if each.text.strip()}
        return list(reversed(unique.values()))[:MOST]

    return complete


def with_past(past: Iterable[str], text: str) -> list[str]:
    """The filters used before with one more, the newest first."""
    return list(dict.fromkeys([text, *past] if text else past))[:_PAST_KEPT]


def _of_word(reader: Session, text: str) -> Iterator[Completion]:
    split = _LAST_WORD.fullmatch(text)
    if text.count('"') % 2 or not split:
        return
    before, minus, word = split.groups()
    if before and not before.endswith((" ", "(", "\t")):
        return
    head = before + minus
    valued = _WITH_VALUE.fullmatch(word)
    if valued:
        for value, about in _values(reader, valued[1].lower(), valued[3]):
            yield Completion(f"{head}{valued[1]}{valued[2]}{value} ", f"{valued[1]}{valued[2]}{value}", about)
    elif word:
        yield from _words(reader, head, word)


def _words(reader: Session, head: str, word: str) -> Iterator[Completion]:
    typed = word.replace("_", " ").lower()
    tags = reader.tags.find(typed, MOST)
    begun = [each for each in tags if each[0].name.lower().startswith(typed)]
    rest = [each for each in tags if each not in begun]
    for tag, alias in begun:
        yield _tag(head, tag, alias)
    for saved in reader.filters.all():
        if typed in saved.name.lower():
            name = _written(saved.name)
            yield Completion(f"{head}saved:{name} ", f"saved:{name}", saved.filter)
    for field in FIELDS.values():
        if field.name.startswith(word.lower()) and "(" not in field.name:
            yield Completion(f"{head}{field.name}{':' if field.words else ''}", field.name, field.help)
    for cls in CLASSES:
        if cls.startswith(word.lower()):
            yield Completion(f"{head}{cls}:", f"{cls}:", "tags of this class")
    if UNTAGGED.startswith(word.lower()):
        yield Completion(f"{head}{UNTAGGED} ", UNTAGGED, "images without a tag")
    for tag, alias in rest:
        yield _tag(head, tag, alias)


def _tag(head: str, tag: Tag, alias: str) -> Completion:
    written = short_filter_of_tag(tag.name)
    return Completion(f"{head}{written} ", written, about_tag(tag, alias), tag.cls)


def _values(reader: Session, key: str, typed: str) -> Iterator[tuple[str, str]]:
    """Values of a field or class that begin so, or hold it, each with a few words."""
    wanted = typed.lower().strip('"')
    field = FIELDS.get(key)
    named = {
        "saved": lambda: ((each.name, each.filter) for each in reader.filters.all()),
        "subset": lambda: ((each.name, each.filter) for each in reader.subsets.all()),
        "group": lambda: ((name, ", ".join(patterns)) for name, patterns in reader.rules.groups().items()),
        "picked": lambda: ((name, "") for name in reader.picks.names()),
    }
    if key in named:
        yield from ((_written(name), about) for name, about in named[key]() if wanted in name.lower())
    elif key == "sort":
        for order in reader.filters.orders():
            if wanted.lstrip("-") in order:
                yield from ((order, "rising"), (f"-{order}", "falling"))
    elif field and field.words:
        yield from ((word, field.help) for word in field.words if word.startswith(wanted))
    elif key == "tag" or (field is None and key in reader.tags.classes()):
        for tag, _ in reader.tags.find(wanted.replace("_", " "), MOST):
            if key in ("tag", tag.cls):
                name = tag.name.replace(" ", "_")
                yield name if _PLAIN_VALUE.fullmatch(name) else in_quotes(tag.name), f"{tag.count:,}"


def _past(reader: Session, text: str) -> Iterator[Completion]:
    typed = text.strip().lower()
    past = [
        each for each in reader.memory.recall(PAST, []) if each.lower().startswith(typed) and each != text
    ]
    for each in past if not typed else past[:_PAST_SHOWN]:
        yield Completion(each, each, "used before")


def _written(name: str) -> str:
    return name if _PLAIN_VALUE.fullmatch(name) else in_quotes(name)
