"""Changes of derived tags: rules take back what rules gave, and never touch what people did.

A tag on an image is a rule's when a rule put it there. Where a person gave an image another word of the same table,
that word stands and the rules add none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from pyroaring import BitMap

from curator.index.changes.edits import AddAndRemoveTags, Annotations, Commit, SetClass
from curator.index.sets.bitmaps import of_array
from curator.index.tags.tag_names import each_once, folded
from curator.tags.deriving.derive import CLASS_OF_KIND, Derived
from curator.tags.order import to_front
from curator.tags.rewriting import Rewriting, commit

if TYPE_CHECKING:
    from curator.index.collection import Collection

ACTOR = "rules"
USED = "derived tags"  # the setting with what was derived last


@dataclass(frozen=True)
class TagChange:
    """One derived tag: `images` that should have it by rule, `gained` and `lost` now, `by_hand` left alone."""

    name: str
    images: int
    gained: int
    lost: int
    by_hand: int


@dataclass
class DerivePlan:
    """Everything one kind of rule would change."""

    kind: str
    ids: NDArray[Any]  # the images it was made for
    commit: int  # the newest of the collection when it was made
    tags: list[TagChange] = field(default_factory=list[TagChange])
    gained: dict[str, BitMap] = field(default_factory=dict[str, BitMap])
    lost: dict[str, BitMap] = field(default_factory=dict[str, BitMap])
    ruled: dict[str, BitMap] = field(default_factory=dict[str, BitMap])  # what will be a rule's afterwards
    reordered: BitMap = field(
        default_factory=BitMap
    )  # have tags of the head, but do not begin with all of it

    @property
    def images(self) -> BitMap:
        """Images that would change."""
        return BitMap().union(*self.gained.values(), *self.lost.values(), self.reordered)


def plan_derived(collection: Collection, derived: Derived, ids: NDArray[Any]) -> DerivePlan:
    """Compare what the rules say of the images `ids` with what these have."""
    with collection.reading():
        scope = of_array(ids)
        has = _Has(collection, derived.kind)
        names = each_once((*derived.vocabulary, *has.ruled))
        wanted = _wanted(derived, has)
        plan = DerivePlan(derived.kind, ids, collection.journal.last_id())
        for name in names:
            want = wanted.get(name, BitMap())
            posting, ruled = has.images(name), has.by_rule(name)
            by_hand = (posting - has.by_any_rule(name)) & scope
            gained, lost = want - posting, (ruled & scope) - want
            plan.ruled[name] = (ruled - scope) | ((want - by_hand) & (posting | gained))
            if gained:
                plan.gained[name] = gained
            if lost:
                plan.lost[name] = lost
            if want or lost or by_hand:
                plan.tags.append(TagChange(name, len(want), len(gained), len(lost), len(by_hand)))
        if derived.kind == "head":
            having = BitMap().union(*(has.images(name) for name in derived.vocabulary))
            headed = _headed(collection, having & scope, derived.vocabulary)
            plan.reordered = BitMap(each.image for each in headed)
        return plan


def _headed(collection: Collection, images: BitMap, head: Sequence[str]) -> Rewriting:
    """Tags that begin with the whole head and say none twice, of the images that have other ones."""

    def change(image: int, tags: tuple[str, ...], _: str) -> Annotations | None:
        new = each_once(to_front((*tags, *head), head))
        return Annotations(image, new) if new != tags else None

    return Rewriting(collection, list(images), change)


def carry_out(
    collection: Collection, derived: Derived, plan: DerivePlan, *, at_start: bool = False
) -> list[Commit]:
    """Make the changes of a plan, whole or not at all; the new tags get the class of their kind, a head goes first.

    Where others have written since it was planned, it is planned again.
    """
    cls = CLASS_OF_KIND[plan.kind]
    with collection.writing(durable=True):
        if collection.journal.last_id() != plan.commit:
            plan = plan_derived(collection, derived, plan.ids)
        edit = AddAndRemoveTags(
            tuple(plan.gained.items()),
            tuple(plan.lost.items()),
            "start" if at_start or plan.kind == "head" else "end",
            f"derive {plan.kind}",
        )
        spelled = zip(plan.gained, collection.tags.spellings(list(plan.gained)), strict=True)
        collection.tags.learn_classes((known[0].name if known else name, cls) for name, known in spelled)
        done = [collection.apply(edit, plan.images, ACTOR)]
        ruled = zip(collection.tags.spellings(list(plan.ruled)), plan.ruled.values(), strict=True)
        collection.rule_tags.put(plan.kind, {known[0].id: images for known, images in ruled if known})
        if plan.reordered:
            headed = _headed(collection, plan.reordered, derived.vocabulary)
            done += commit(collection, headed, "put the head in order", ACTOR)
        _remember(collection, derived)
    return [each for each in done if each.images_changed]


def classify_counts(collection: Collection, names: Sequence[str]) -> Commit:
    """Give the tags that count people their class, however they are spelled."""
    with collection.reading():
        ids = {tag for name in names for tag in collection.tags.alike(name)}
        found = tuple(tag.name for tag in collection.tags.get(sorted(ids)))
    return collection.apply(SetClass(found, "count"), actor=ACTOR)


class _Has:
    """What the collection has of the tags of one kind."""

    def __init__(self, collection: Collection, kind: str) -> None:
        self._collection = collection
        by_id = collection.rule_tags.of_kind(kind)
        tags = {tag.id: tag.name for tag in collection.tags.get(list(by_id))}
        self.ruled = {tags[number]: images for number, images in by_id.items()}

    def images(self, name: str) -> BitMap:
        return BitMap().union(*(self._collection.bitmaps.of(tag) for tag in self._spellings(name)))

    def by_rule(self, name: str) -> BitMap:
        spelled = (images for each, images in self.ruled.items() if folded(each) == folded(name))
        return BitMap().union(*spelled) & self.images(name)

    def by_any_rule(self, name: str) -> BitMap:
        ruled = (self._collection.rule_tags.of(tag) for tag in self._spellings(name))
        return BitMap().union(*ruled) & self.images(name)

    def _spellings(self, name: str) -> list[int]:
        return self._collection.tags.alike(name)


def _wanted(derived: Derived, has: _Has) -> dict[str, BitMap]:
    """The images of each word, less those where a person chose another word of the table."""
    by_hand = {name: has.images(name) - has.by_any_rule(name) for name in derived.vocabulary}
    wanted: dict[str, BitMap] = {}
    for words, images in derived.images.items():
        others = BitMap().union(*(by_hand[name] for name in derived.vocabulary if name not in words))
        for word in words:
            wanted[word] = wanted.get(word, BitMap()) | (images - others)
    return wanted


def _remember(collection: Collection, derived: Derived) -> None:
    """What a manifest keeps of derived tags: the words, and the numbers they were cut at."""
    cuts = {rating: list(cut) for rating, cut in derived.cuts.items()}
    used = {
        **collection.settings.get(USED, {}),
        derived.kind: {"words": list(derived.vocabulary), "cuts": cuts},
    }
    collection.settings.put(USED, used)
