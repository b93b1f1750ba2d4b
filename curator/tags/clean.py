"""Cleaning of tags and captions by rules that are data (S034): a diff with counts first, then one change.

The order: what stands behind a rating, underscores, black list, people, replacements and aliases, the list of tags
that stay, what a longer tag says already, what another tag implies; then the free caption. Every tag that goes has one
rule as its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from curator.index.changes.edits import Annotations, Commit
from curator.index.tags.tag_names import each_once, folded, spaced
from curator.tags.alias_lists import refuse_circle
from curator.tags.patterns import any_of
from curator.tags.people import Group, drop_of_several
from curator.tags.rewriting import Rewriting, commit

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.index.collection import Collection
    from curator.index.tags.tag_table import Tag

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
    """The rules of a collection's tables, with the aliases and implications to use. Tags are found in any spelling.

    Raises:
        UserError: replacements and aliases lead in a circle, or a group that is none is named.
    """

    table: Mapping[str, Any]
    aliases: Mapping[str, str] = field(default_factory=lambda: _NO_ALIASES)
    implied: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NO_IMPLICATIONS)
    groups_of_tags: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> CleanRules:
        """Those of a collection's tables alone."""
        return cls(tables["clean"], groups_of_tags=tables["groups"])

    def __post_init__(self) -> None:
        pairs = chain(self.table["replace"].items(), self.aliases.items())
        real = ((old, new) for old, new in pairs if folded(old) != folded(new))
        refuse_circle(real, "replacements", "the table clean and the aliases")

    @cached_property
    def replacements(self) -> Mapping[str, tuple[str, str]]:
        """(rule, new name) by key of the tag; the table goes before the aliases."""
        tables = (("aliases", self.aliases), ("replace", self.table["replace"]))
        return {folded(old): (rule, new) for rule, table in tables for old, new in table.items()}

    @cached_property
    def implied_keys(self) -> Mapping[str, tuple[str, ...]]:
        return {folded(child): tuple(map(folded, parents)) for child, parents in self.implied.items()}

    @cached_property
    def cut(self) -> re.Pattern[str] | None:
        return any_of(self.table["cut_from"])

    @cached_property
    def dropped(self) -> re.Pattern[str] | None:
        return any_of(self.table["drop"], self.groups_of_tags)

    @cached_property
    def stays(self) -> re.Pattern[str] | None:
        return any_of(self.table["words"], self.groups_of_tags)

    @cached_property
    def of_class(self) -> Mapping[str, tuple[str, ...]]:
        return {each["class"]: tuple(each["holds"]) for each in self.table["drop_of_class"]}

    @cached_property
    def people(self) -> re.Pattern[str] | None:
        return any_of(self.table["several"]["people"])

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        return tuple(Group.of(each) for each in self.table["several"]["groups"])


class _Each(dict[str, _T]):
    """What a rule says of each tag, asked once a tag: millions of images share some hundred thousand tags."""

    def __init__(self, rule: Callable[[str], _T]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, tag: str) -> _T:
        self[tag] = said = self._rule(tag)
        return said


class TagCleaner:
    """The rules as they apply to the tags of one image after another. `classes` by name of the tag."""

    def __init__(self, rules: CleanRules, classes: Mapping[str, str]) -> None:
        self._rules = rules
        self._classes = classes
        self._cuts = _Each(_matches(rules.cut))
        self._spelled = _Each(self._spell_or_drop)
        self._replaced = _Each(self._replace)
        self._means_people = _Each(_matches(rules.people))
        self._is_of_group = _Each(lambda tag: any(group.shape.fullmatch(tag) for group in rules.groups))
        self._stays = _Each(_matches(rules.stays))
        self._said = _Each(lambda tag: tuple(_said_by(folded(tag))))
        self._implied = _Each(lambda tag: rules.implied_keys.get(folded(tag), ()))

    def clean(self, tags: Sequence[str]) -> tuple[tuple[str, ...], Changes]:
        """The tags of one image after cleaning, and each change with its rule."""
        changes: Changes = []
        kept: list[str] = []
        end = next((place for place, tag in enumerate(tags) if place and self._cuts[tag]), len(tags))
        changes += [("cut_from", tag, "") for tag in tags[end:]]
        for tag in tags[:end]:
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
            kept = _without(kept, "subsumed", changes, _named_by(self._said, kept))
        if self._rules.implied:
            kept = _without(kept, "implied", changes, _named_by(self._implied, kept))
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
        """What a tag is called in the end; replaced by its own name it stays, as it is spelled there."""
        changes = Changes()
        while tag and (found := self._rules.replacements.get(folded(tag))) is not None and found[1] != tag:
            changes.append((found[0], tag, found[1]))
            tag = found[1]
        return tag, changes

    def _merged(self, tags: Sequence[str], changes: Changes) -> list[str]:
        """Each tag once, after replacement; an empty replacement takes its tag away."""
        new: list[str] = []
        for tag in tags:
            by, why = self._replaced[tag]
            changes += why
            new.append(by)
        kept = list(each_once(filter(None, new)))
        if len(kept) < len(new):
            doubled = Counter(new) - Counter(kept)
            changes += [("merged", tag, "") for tag in doubled.elements() if tag]
        return kept


def cleaned_annotations(
    collection: Collection,
    ids: Sequence[int],
    rules: CleanRules,
    diff: Diff,
    progress: Progress | None = None,
    *,
    tags: Sequence[Tag] | None = None,
) -> Rewriting:
    """New words for the images that cleaning changes; `diff` counts while they are made. `tags` are those they have,
    where not all are."""
    known = collection.all_tags() if tags is None else tags
    cleaner = TagCleaner(rules, {tag.name: tag.cls for tag in known})

    def change(image: int, tags: tuple[str, ...], caption: str) -> Annotations | None:
        new_tags, changes = cleaner.clean(tags)
        new_caption = clean_caption(caption, rules)
        if new_caption != caption:
            changes.append(("captions", caption, new_caption))
        if new_tags == tags and new_caption == caption:
            return None
        diff.images += 1
        diff.changes.update(changes)
        return Annotations(
            image, new_tags if new_tags != tags else None, new_caption if new_caption != caption else None
        )

    return Rewriting(collection, ids, change, progress)


def clean(
    collection: Collection, ids: Sequence[int], rules: CleanRules, progress: Progress | None = None
) -> list[Commit]:
    """Clean the tags and captions of images; each commit can be undone."""
    return commit(collection, cleaned_annotations(collection, ids, rules, Diff(), progress), "clean tags")


def clean_caption(caption: str, rules: CleanRules) -> str:
    """A free caption after the replacements, one after another, each until nothing changes."""
    if not caption:
        return caption
    new = caption
    for old, text in rules.table["captions"].items():
        new = _replaced(new, old, text)
    return " ".join(new.split()) if new != caption else caption


def _replaced(caption: str, old: str, text: str) -> str:
    if len(text) > len(old) or old == text:  # until nothing changes could be for ever
        return caption.replace(old, text) if old else caption
    while old in caption:
        caption = caption.replace(old, text)
    return caption


def _without(tags: list[str], rule: str, changes: Changes, gone: Set[str]) -> list[str]:
    if gone.isdisjoint(tags):
        return tags
    changes += [(rule, tag, "") for tag in tags if tag in gone]
    return [tag for tag in tags if tag not in gone]


def _named_by(said: Mapping[str, tuple[str, ...]], tags: Sequence[str]) -> set[str]:
    """The tags that others of them name by key."""
    keys = {key for tag in tags for key in said[tag]}
    return {tag for tag in tags if folded(tag) in keys} if keys else keys


def _matches(pattern: re.Pattern[str] | None) -> Callable[[str], bool]:
    return lambda tag: bool(pattern and pattern.fullmatch(tag))


def _said_by(tag: str) -> Iterator[str]:
    """What a tag of several words says already: its last word (`white shirt`: `shirt`), or its last two."""
    parts = tag.split(" ")
    if len(parts) < 2 or not all(re.fullmatch(r"\w+", part) for part in parts[:-1]):
        return
    if re.fullmatch(r"[\w-]+", parts[-1]):
        yield parts[-1]
    if len(parts) > 2 and parts[-2:] == ["hair", "ornament"]:
        yield "hair ornament"
