"""Decides how tags and captions are cleaned by rules that are data (S034): a diff with counts first, then one change.

The order: underscores, black list, people, replacements and aliases, the list of tags that stay, what a longer tag
says already, what another tag implies; then the free caption. Every tag that goes has one rule as its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from curator.index.collection import Collection
from curator.index.edits import Words
from curator.tags.people import Group, drop_of_several
from curator.tags.rewriting import rewritten
from curator.tags.text import spaced

_NO_ALIASES: Mapping[str, str] = {}
_NO_IMPLICATIONS: Mapping[str, frozenset[str]] = {}


@dataclass
class Diff:
    """What cleaning would change: images, and how often each change is made. A change is (rule, before, after)."""

    images: int = 0
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])

    def by_rule(self) -> dict[str, int]:
        """Changes of each rule."""
        counts: Counter[str] = Counter()
        for (rule, _, _), count in self.changes.items():
            counts[rule] += count
        return dict(counts.most_common())


@dataclass(frozen=True)
class CleanRules:
    """The rules of a collection's tables, with the aliases and implications to use."""

    table: Mapping[str, Any]
    aliases: Mapping[str, str] = field(default_factory=lambda: _NO_ALIASES)
    implied: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NO_IMPLICATIONS)

    @cached_property
    def dropped(self) -> re.Pattern[str] | None:
        return _any_of(self.table["drop"])

    @cached_property
    def stays(self) -> re.Pattern[str] | None:
        return _any_of(self.table["words"])

    @cached_property
    def of_class(self) -> Mapping[str, tuple[str, ...]]:
        return {each["class"]: tuple(each["holds"]) for each in self.table["drop_of_class"]}

    @cached_property
    def people(self) -> re.Pattern[str] | None:
        return _any_of(self.table["several"]["people"])

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        return tuple(Group.of(each) for each in self.table["several"]["groups"])


def cleaned_words(
    collection: Collection, ids: Sequence[int], rules: CleanRules, diff: Diff
) -> Iterator[Words]:
    """New words for the images that cleaning changes; `diff` counts while they are made."""
    classes = {tag.name: tag.cls for tag in collection.all_tags()}

    def change(image: int, tags: tuple[str, ...], caption: str) -> Words | None:
        new_tags, changes = clean_tags_of(tags, classes, rules)
        new_caption = clean_caption(caption, rules)
        if new_caption != caption:
            changes.append(("captions", caption, new_caption))
        if new_tags == tags and new_caption == caption:
            return None
        diff.images += 1
        diff.changes.update(changes)
        return Words(
            image, new_tags if new_tags != tags else None, new_caption if new_caption != caption else None
        )

    return rewritten(collection, ids, change)


Changes = list[tuple[str, str, str]]


def clean_tags_of(
    tags: Sequence[str], classes: Mapping[str, str], rules: CleanRules
) -> tuple[tuple[str, ...], Changes]:
    """The tags of one image after cleaning, and each change with its rule."""
    changes: Changes = []
    kept = [_spelled(tag, rules, changes) for tag in tags]
    was = dict(zip(kept, tags, strict=True))
    kept = _without(kept, "drop", changes, lambda tag: bool(rules.dropped and rules.dropped.fullmatch(tag)))
    kept = _without(
        kept, "drop_of_class", changes, lambda tag: _is_dropped_of_class(was[tag], classes, rules)
    )
    if rules.people and any(rules.people.fullmatch(tag) for tag in kept):
        gone = drop_of_several(kept, rules.groups)
        kept = _without(kept, "several", changes, gone.__contains__)
    kept = _merged([_replaced(tag, rules, changes) for tag in kept], changes)
    if rules.stays:
        stays = rules.stays
        kept = _without(kept, "words", changes, lambda tag: not stays.fullmatch(tag))
    if rules.table["subsumed"]:
        said = {word for tag in kept for word in _said_by(tag)}
        kept = _without(kept, "subsumed", changes, said.__contains__)
    if rules.implied:
        implied = {parent for tag in kept for parent in rules.implied.get(tag, ())}
        kept = _without(kept, "implied", changes, implied.__contains__)
    return tuple(kept), changes


def clean_caption(caption: str, rules: CleanRules) -> str:
    """A free caption after the replacements, one after another."""
    if not caption:
        return caption
    new = caption
    for old, text in rules.table["captions"].items():
        new = new.replace(old, text)
    return " ".join(new.split()) if new != caption else caption


def _spelled(tag: str, rules: CleanRules, changes: Changes) -> str:
    new = " ".join(spaced(tag).split()) if rules.table["underscores"] else tag
    new = new or tag
    if new != tag:
        changes.append(("underscores", tag, new))
    return new


def _replaced(tag: str, rules: CleanRules, changes: Changes) -> str:
    for rule, table in (("replace", rules.table["replace"]), ("aliases", rules.aliases)):
        new = table.get(tag)
        if new is not None and new != tag:
            changes.append((rule, tag, new))
            tag = new
    return tag


def _merged(tags: Sequence[str], changes: Changes) -> list[str]:
    """Each tag once; an empty replacement takes its tag away."""
    kept = list(dict.fromkeys(tag for tag in tags if tag))
    doubled = Counter(tags) - Counter(kept)
    changes += [("merged", tag, "") for tag in doubled.elements() if tag]
    return kept


def _without(tags: Sequence[str], rule: str, changes: Changes, goes: Any) -> list[str]:
    changes += [(rule, tag, "") for tag in tags if goes(tag)]
    return [tag for tag in tags if not goes(tag)]


def _is_dropped_of_class(tag: str, classes: Mapping[str, str], rules: CleanRules) -> bool:
    holds = rules.of_class.get(classes.get(tag, ""), ())
    return any(part in tag for part in holds)


def _said_by(tag: str) -> Iterator[str]:
    """What a tag of several words says already: its last word (`white shirt`: `shirt`), or its last two."""
    parts = tag.split(" ")
    if len(parts) >= 2 and all(re.fullmatch(r"\w+", part) for part in parts[:-1]):
        yield parts[-1]
    if len(parts) >= 3 and parts[-2:] == ["hair", "ornament"]:
        yield "hair ornament"


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """`*` is any text, `?` any character."""
    if not patterns:
        return None
    shapes = (
        "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in each) for each in patterns
    )
    return re.compile("|".join(shapes), re.DOTALL)
