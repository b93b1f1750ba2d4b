"""Relations between tags (B23): groups that exclude each other, and what follows where others are there or not.

The rules are data, the table `relations`. They are used one after another until nothing changes: what one adds, another
may ask for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from pyroaring import BitMap

from curator.contract.errors import UserError, did_you_mean
from curator.index.changes.changes import id_array
from curator.index.changes.edits import Annotations, Commit
from curator.index.tags.tag_names import folded
from curator.tags.clean import Changes, Diff
from curator.tags.patterns import any_of
from curator.tags.rewriting import Rewriting, commit
from curator.tags.text import clean_tag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.contract.progress import Progress
    from curator.index.collection import Collection
    from curator.index.tags.tag_table import Tag

Kept = Literal["first", "last", "common", "none"]
_MOST_PASSES = 20
_Pattern = re.Pattern[str] | None


@dataclass(frozen=True)
class Exclusive:
    """Tags of which an image has one: `keep` says which, `unless` where it is not so."""

    tags: re.Pattern[str]
    keep: Kept
    unless: _Pattern

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Exclusive:
        """One entry of `relations.exclusive`.

        Raises:
            UserError: it names no tags, or keeps what is none.
        """
        tags, keep = any_of(table.get("tags", ())), table.get("keep", "first")
        if tags is None:
            raise UserError(
                "an entry of relations.exclusive has no tags", "give tags, such as ['1girl', '2girls']"
            )
        if keep not in get_args(Kept):
            raise UserError(f"relations.exclusive keeps '{keep}'", did_you_mean(keep, get_args(Kept)))
        return cls(tags, keep, any_of(table.get("unless", ())))

    def change(self, tags: list[str], counts: Callable[[str], int], changes: Changes) -> list[str]:
        """The tags of an image with one of the group, or none."""
        own = [tag for tag in tags if self.tags.fullmatch(tag)]
        if len({folded(tag) for tag in own}) < 2 or _any(self.unless, tags):
            return tags
        kept = {
            "first": own[0],
            "last": own[-1],
            "common": max(own, key=counts),
            "none": "",
        }[self.keep]
        changes += [("exclusive", tag, "") for tag in own if tag != kept]
        return [tag for tag in tags if tag == kept or tag not in own]


@dataclass(frozen=True)
class Conditional:
    """Where a tag matches each of `has`, and none matches `without`: `add` at the end, and what matches `drop` goes."""

    has: tuple[re.Pattern[str], ...]
    without: _Pattern
    add: tuple[str, ...]
    drop: _Pattern

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Conditional:
        """One entry of `relations.when`.

        Raises:
            UserError: it asks for nothing, changes nothing, or adds what is no tag.
        """
        has = tuple(pattern for each in table.get("has", ()) if (pattern := any_of([each])))
        add, drop = tuple(map(clean_tag, table.get("add", ()))), any_of(table.get("drop", ()))
        if not has:
            raise UserError("an entry of relations.when has no condition", "give has, such as ['cat ears']")
        if not add and drop is None:
            raise UserError("an entry of relations.when changes nothing", "give add, or drop")
        return cls(has, any_of(table.get("without", ())), add, drop)

    def change(self, tags: list[str], _: Callable[[str], int], changes: Changes) -> list[str]:
        """The tags of an image after this rule."""
        if not all(_any(each, tags) for each in self.has) or _any(self.without, tags):
            return tags
        keys = {folded(tag) for tag in tags}
        new = [tag for tag in self.add if folded(tag) not in keys]
        gone = {tag for tag in tags if self.drop and self.drop.fullmatch(tag)}
        changes += [*(("when", "", tag) for tag in new), *(("when", tag, "") for tag in tags if tag in gone)]
        return [*(tag for tag in tags if tag not in gone), *new]


Relation = Exclusive | Conditional


def implied(tables: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What a tag alone brings with it by the table `relations`, by key of the tag; patterns name no single one."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in tables["relations"]["when"]:
        has, add = entry.get("has", ()), entry.get("add", ())
        if len(has) == 1 and add and not set("*?") & set(has[0]):
            found[folded(has[0])] = (*found.get(folded(has[0]), ()), *add)
    return found


def relations_of(tables: Mapping[str, Any]) -> tuple[Relation, ...]:
    """The rules of a collection's tables, in the order they are used.

    Raises:
        UserError: one that says nothing, or cannot be used.
    """
    table = tables["relations"]
    return (*map(Conditional.of, table["when"]), *map(Exclusive.of, table["exclusive"]))


def related_annotations(
    collection: Collection,
    ids: Sequence[int],
    rules: Sequence[Relation],
    diff: Diff,
    progress: Progress | None = None,
    *,
    tags: Sequence[Tag] | None = None,
) -> Rewriting:
    """New tags for the images that the rules change; `diff` counts while they are made. Only those that a rule can
    change are read. `tags` are those they have, where not all are."""
    counts = {tag.name: tag.count for tag in (collection.all_tags() if tags is None else tags)}

    def change(image: int, tags: tuple[str, ...], _: str) -> Annotations | None:
        changes: Changes = []
        new = _settled(tags, rules, lambda tag: counts.get(tag, 0), changes)
        if new == tags:
            return None
        diff.images += 1
        lasting = {*tags} ^ {*new}  # one rule may take back what another did
        diff.changes.update({each for each in changes if each[1] in lasting or each[2] in lasting})
        return Annotations(image, tags=new)

    some = id_array(_concerned(collection, rules, list(counts)) & BitMap(ids)).tolist()
    return Rewriting(collection, some, change, progress)


def concerned_of(collection: Collection, ids: NDArray[Any], rules: Sequence[Relation]) -> NDArray[Any]:
    """Those of the images `ids` that a rule can change, by the tags that must be there for it; none of them is read."""
    return id_array(_concerned(collection, rules, collection.tags.names()) & BitMap(ids))


def relate(
    collection: Collection, ids: Sequence[int], rules: Sequence[Relation], progress: Progress | None = None
) -> list[Commit]:
    """Make the tags of images follow the rules; each commit can be undone."""
    return commit(collection, related_annotations(collection, ids, rules, Diff(), progress), "relate tags")


def _settled(
    tags: tuple[str, ...], rules: Sequence[Relation], counts: Callable[[str], int], changes: Changes
) -> tuple[str, ...]:
    """The tags when no rule changes them any more."""
    new = list(tags)
    for _ in range(_MOST_PASSES):
        before = new
        for rule in rules:
            new = rule.change(new, counts, changes)
        if new == before:
            return tuple(new)
    raise UserError(
        f"the rules of the table relations never come to an end on the tags {', '.join(tags)[:200]}",
        "one adds what another takes away: narrow one of them",
    )


def _concerned(collection: Collection, rules: Sequence[Relation], names: Sequence[str]) -> BitMap:
    """The images on which a rule's condition holds, as far as tags that must be there say."""

    def images(pattern: re.Pattern[str]) -> Iterator[BitMap]:
        for tag in collection.tags.ids_of([name for name in names if pattern.fullmatch(name)]):
            if tag is not None:
                yield BitMap(collection.bitmaps.of(tag))

    found = BitMap()
    with collection.reading():
        for rule in rules:
            if isinstance(rule, Conditional):
                some = [BitMap().union(*images(pattern)) for pattern in rule.has]
                found |= BitMap.intersection(*some)
            else:
                once = BitMap()
                for each in images(rule.tags):
                    found |= once & each
                    once |= each
    return found


def _any(pattern: _Pattern, tags: Sequence[str]) -> bool:
    return pattern is not None and any(map(pattern.fullmatch, tags))
