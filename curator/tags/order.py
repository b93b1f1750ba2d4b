"""The order of tags by rules for the whole set: pins, people counts first, classes (B13, S016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError, did_you_mean
from curator.index.changes.edits import Annotations, Commit
from curator.index.tags.tag_table import Tag, folded
from curator.tags.rewriting import Rewriting, commit

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.index.collection import Collection

WITHIN = ("keep", "name", "common")
Place = tuple[int, int, str]
_LAST = 1 << 30


class OrderRule:
    """The place of every tag. Tags that count people stand with the class count, whatever class they have."""

    def __init__(self, table: Mapping[str, Any], count_tags: Sequence[str]) -> None:
        if table["within"] not in WITHIN:
            raise UserError(f"order.within is '{table['within']}'", did_you_mean(table["within"], WITHIN))
        self._within: str = table["within"]
        self._first = {folded(name): place for place, name in enumerate(table["first"])}
        self._last = {folded(name): place for place, name in enumerate(table["last"])}
        self._classes = {cls: place for place, cls in enumerate(table["classes"])}
        self._other = 2 * max(0, len(self._classes) - 1)  # classes not named stand before the last one
        self._counts = {folded(name) for name in count_tags}
        self.separator: str = table["separator"].strip()
        after: str = table["separator_after"]
        if self.separator and after not in self._classes:
            raise UserError(f"order.separator_after is '{after}'", did_you_mean(after, self._classes))
        self._head = 2 * self._classes.get(after, 0) + 1

    def place(self, tag: Tag) -> Place:
        """What a tag is sorted by; equal places keep the order they have."""
        name = folded(tag.name)
        if name in self._first:
            return 0, self._first[name], ""
        if name in self._last:
            return _LAST, self._last[name], ""
        cls = "count" if name in self._counts else tag.cls
        place = 2 * self._classes[cls] + 1 if cls in self._classes else self._other
        if self._within == "name":
            return place, 0, name
        return place, -tag.count if self._within == "common" else 0, ""

    def is_before_separator(self, place: Place) -> bool:
        """Whether a tag of that place stands before the separator."""
        return place[0] <= self._head


class _Ranks(dict[str, int]):
    """Ranks of tags by name; a tag that came since goes behind all."""

    def __init__(self, known: Mapping[str, int], behind: int) -> None:
        super().__init__(known)
        self._behind = behind

    def __missing__(self, name: str) -> int:
        return self._behind


def ordered_annotations(
    collection: Collection,
    ids: Sequence[int],
    rule: OrderRule,
    progress: Progress | None = None,
    *,
    tags: Sequence[Tag] | None = None,
) -> Rewriting:
    """New words for the images whose tags stand in another order; `tags` are those they have, where not all are."""
    places = {tag.name: rule.place(tag) for tag in collection.all_tags() if tags is None}
    places |= {tag.name: rule.place(tag) for tag in tags or ()}
    ranks = {place: rank for rank, place in enumerate(sorted(set(places.values())))}
    known = {name: ranks[place] for name, place in places.items()}  # a number compares faster
    head = {name for name, place in places.items() if rule.is_before_separator(place)}
    rank_of = _Ranks(known, len(ranks)).__getitem__

    def change(image: int, tags: tuple[str, ...], _: str) -> Annotations | None:
        ordered = sorted((tag for tag in tags if tag != rule.separator), key=rank_of)
        if rule.separator and ordered:
            ordered.insert(sum(tag in head for tag in ordered), rule.separator)
        ordered = tuple(ordered)
        return Annotations(image, tags=ordered) if ordered != tags else None

    return Rewriting(collection, ids, change, progress)


def order(
    collection: Collection, ids: Sequence[int], rule: OrderRule, progress: Progress | None = None
) -> list[Commit]:
    """Order the tags of images by `rule`; each commit can be undone."""
    return commit(collection, ordered_annotations(collection, ids, rule, progress), "order tags by rule")


def to_front(own: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """An image's `own` tags, those of `names` first, in that order."""
    places = {folded(name): place for place, name in enumerate(names)}
    return tuple(sorted(own, key=lambda tag: places.get(folded(tag), len(places))))


def order_rule(tables: Mapping[str, Any]) -> OrderRule:
    """The rule of a collection's tables."""
    return OrderRule(tables["order"], tables["count"]["tags"])
