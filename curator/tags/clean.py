"""Decides how tags and captions are cleaned by rules that are data (S034): a diff with counts first, then one change.

The order: underscores, black list, people, replacements and aliases, the list of tags that stay, what a longer tag
says already, what another tag implies; then the free caption. Every tag that goes has one rule as its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from curator.index.collection import Collection
from curator.index.edits import Words
from curator.index.tag_names import spaced
from curator.tags.people import Group, drop_of_several
from curator.tags.rewriting import Looked, rewritten

_NO_ALIASES: Mapping[str, str] = {}
_NO_IMPLICATIONS: Mapping[str, frozenset[str]] = {}
Changes = list[tuple[str, str, str]]
_T = TypeVar("_T")


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


class _Each(dict[str, _T]):
    """What a rule says of each tag, asked once a tag: millions of pictures share some hundred thousand tags."""

    def __init__(self, rule: Callable[[str], _T]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, tag: str) -> _T:
        self[tag] = said = self._rule(tag)
        return said


class TagCleaner:
    """The rules as they apply to the tags of one picture after another. `classes` by name of the tag."""

    def __init__(self, rules: CleanRules, classes: Mapping[str, str]) -> None:
        self._rules = rules
        self._classes = classes
        self._spelled = _Each(self._spell_or_drop)
        self._replaced = _Each(self._replace)
        self._means_people = _Each(_matches(rules.people))
        self._is_of_group = _Each(lambda tag: any(group.shape.fullmatch(tag) for group in rules.groups))
        self._stays = _Each(_matches(rules.stays))
        self._said = _Each(lambda tag: tuple(_said_by(tag)))
        self._implied = _Each(lambda tag: tuple(rules.implied.get(tag, ())))

    def clean(self, tags: Sequence[str]) -> tuple[tuple[str, ...], Changes]:
        """The tags of one picture after cleaning, and each change with its rule."""
        changes: Changes = []
        kept: list[str] = []
        for tag in tags:
            new, why = self._spelled[tag]
            changes += why
            if new:
                kept.append(new)
        means_people, is_of_group = self._means_people, self._is_of_group
        if any(map(means_people.__getitem__, kept)):
            gone = drop_of_several([tag for tag in kept if is_of_group[tag]], self._rules.groups)
            kept = _without(kept, "several", changes, gone)
        kept = self._merged(kept, changes)
        if self._rules.stays:
            kept = _without(kept, "words", changes, {tag for tag in kept if not self._stays[tag]})
        if self._rules.table["subsumed"]:
            kept = _without(kept, "subsumed", changes, _all_of(self._said, kept))
        if self._rules.implied:
            kept = _without(kept, "implied", changes, _all_of(self._implied, kept))
        return tuple(kept), changes

    def _spell_or_drop(self, tag: str) -> tuple[str, Changes]:
        """How a tag is written from now on, "" where a list says that it goes."""
        rules, changes = self._rules, Changes()
        new = " ".join(spaced(tag).split()) if rules.table["underscores"] else tag
        new = new or tag
        if new != tag:
            changes.append(("underscores", tag, new))
        holds = rules.of_class.get(self._classes.get(tag, ""), ())
        if rules.dropped and rules.dropped.fullmatch(new):
            changes.append(("drop", new, ""))
        elif any(part in tag for part in holds):
            changes.append(("drop_of_class", new, ""))
        else:
            return new, changes
        return "", changes

    def _replace(self, tag: str) -> tuple[str, Changes]:
        changes = Changes()
        for rule, table in (("replace", self._rules.table["replace"]), ("aliases", self._rules.aliases)):
            new = table.get(tag)
            if new is not None and new != tag:
                changes.append((rule, tag, new))
                tag = new
        return tag, changes

    def _merged(self, tags: Sequence[str], changes: Changes) -> list[str]:
        """Each tag once, after replacement; an empty replacement takes its tag away."""
        new: list[str] = []
        for tag in tags:
            by, why = self._replaced[tag]
            changes += why
            new.append(by)
        kept = list(dict.fromkeys(new))
        if "" in kept:
            kept.remove("")
        if len(kept) < len(new):
            doubled = Counter(new) - Counter(kept)
            changes += [("merged", tag, "") for tag in doubled.elements() if tag]
        return kept


def cleaned_words(
    collection: Collection,
    ids: Sequence[int],
    rules: CleanRules,
    diff: Diff,
    looked: Looked | None = None,
) -> Iterator[Words]:
    """New words for the images that cleaning changes; `diff` counts while they are made."""
    cleaner = TagCleaner(rules, {tag.name: tag.cls for tag in collection.all_tags()})

    def change(image: int, tags: tuple[str, ...], caption: str) -> Words | None:
        new_tags, changes = cleaner.clean(tags)
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

    return rewritten(collection, ids, change, looked)


def clean_caption(caption: str, rules: CleanRules) -> str:
    """A free caption after the replacements, one after another."""
    if not caption:
        return caption
    new = caption
    for old, text in rules.table["captions"].items():
        new = new.replace(old, text)
    return " ".join(new.split()) if new != caption else caption


def _without(tags: list[str], rule: str, changes: Changes, gone: Set[str]) -> list[str]:
    if gone.isdisjoint(tags):
        return tags
    changes += [(rule, tag, "") for tag in tags if tag in gone]
    return [tag for tag in tags if tag not in gone]


def _all_of(said: Mapping[str, tuple[str, ...]], tags: Sequence[str]) -> set[str]:
    return {word for tag in tags for word in said[tag]}


def _matches(pattern: re.Pattern[str] | None) -> Callable[[str], bool]:
    return lambda tag: bool(pattern and pattern.fullmatch(tag))


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
