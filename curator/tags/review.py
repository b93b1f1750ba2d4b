"""A review of what one rule of the tables would change, as lines with counts, and the change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from curator.contract.progress import Progress, silent
from curator.index.changes.edits import Annotations, Commit
from curator.tags.clean import CleanRules, Diff, clean, cleaned_annotations
from curator.tags.deriving.derive import derive
from curator.tags.deriving.derive_plan import carry_out, classify_counts, plan_derived
from curator.tags.order import order, order_rule, ordered_annotations
from curator.tags.relate import concerned_of, relate, related_annotations, relations_of

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.index.tags.tag_table import Tag

Rule = Literal["quality", "rating", "year", "head", "count", "clean", "relations", "order"]
RULES: tuple[Rule, ...] = get_args(Rule)
SAMPLE = 5000  # images looked at while a table is edited
_EXAMPLES = 40
_COMMON = 200
_AT_ONCE = 50_000
Ids = NDArray[Any]
Tables = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One change and on how many images: `before` becomes `after`; `why` names the rule."""

    images: int
    why: str
    before: str
    after: str


@dataclass(frozen=True)
class Review:
    """What a rule would change: `images` of the `looked_at` ones. `notes` say what else it found.

    With `sampled_from`, the images looked at are a sample of so many.
    """

    rule: Rule
    looked_at: int
    images: int
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    sampled_from: int = 0


def review(
    collection: Collection, rule: Rule, ids: Ids, tables: Tables, progress: Progress | None = None
) -> Review:
    """What `rule` would change on the images `ids`, the most common changes first.

    Raises:
        UserError: a table that cannot be used.
    """
    match rule:
        case "clean":
            return _cleaning(collection, ids, tables, progress or silent)
        case "relations":
            return _relating(collection, ids, tables, progress or silent)
        case "order":
            return _ordering(collection, ids, tables, progress or silent)
        case "count":
            return _counting(collection, tables)
        case _:
            return _deriving(collection, rule, ids, tables)


def carry_out_rule(collection: Collection, rule: Rule, ids: Ids, tables: Tables) -> list[Commit]:
    """Make the changes of `rule`; each commit can be undone."""
    match rule:
        case "clean":
            return clean(collection, ids.tolist(), CleanRules.of(tables))
        case "relations":
            return relate(collection, ids.tolist(), relations_of(tables))
        case "order":
            return order(collection, ids.tolist(), order_rule(tables))
        case "count":
            return [classify_counts(collection, tables["count"]["tags"])]
        case _:
            derived = derive(collection, ids, rule, tables)
            return carry_out(collection, derived, plan_derived(collection, derived, ids))


def glance(collection: Collection, rule: Rule, ids: Ids, tables: Tables, most: int | None = None) -> Review:
    """As `review`, soon enough to follow typing: rules that read every image look at an even sample, of `most`.

    Raises:
        UserError: a table that cannot be used.
    """
    most = most or SAMPLE
    if rule not in ("clean", "order", "relations") or len(ids) <= most:
        return review(collection, rule, ids, tables)
    if rule == "relations":
        concerned = concerned_of(collection, ids, relations_of(tables))
        if len(concerned) <= most:
            return replace(review(collection, rule, concerned, tables), looked_at=len(ids))
        ids = concerned
    some = ids[np.linspace(0, len(ids) - 1, most).astype(np.int64)]
    return replace(review(collection, rule, some, tables), sampled_from=len(ids))


def _cleaning(collection: Collection, ids: Ids, tables: Tables, progress: Progress) -> Review:
    diff, rules = Diff(), CleanRules.of(tables)
    for some in _pieces(ids, progress):
        for _ in cleaned_annotations(collection, some, rules, diff, tags=_tags_of(collection, some)):
            pass
    changes = tuple(Change(count, *change) for change, count in diff.changes.most_common(_COMMON))
    notes = tuple(f"{name}: {count:,}" for name, count in diff.by_rule().items())
    return Review("clean", len(ids), diff.images, changes, notes)


def _relating(collection: Collection, ids: Ids, tables: Tables, progress: Progress) -> Review:
    diff, rules = Diff(), relations_of(tables)
    images = ids.tolist()
    for _ in related_annotations(
        collection, images, rules, diff, progress, tags=_tags_of(collection, images)
    ):
        pass
    changes = tuple(Change(count, *change) for change, count in diff.changes.most_common(_COMMON))
    return Review("relations", len(ids), diff.images, changes)


def _ordering(collection: Collection, ids: Ids, tables: Tables, progress: Progress) -> Review:
    count, examples, rule = 0, list[Annotations](), order_rule(tables)
    for some in _pieces(ids, progress):
        for each in ordered_annotations(collection, some, rule, tags=_tags_of(collection, some)):
            count += 1
            examples += [each] if count <= _EXAMPLES else []
    before = collection.tag_names([each.image for each in examples])
    told = Counter(
        (", ".join(old), ", ".join(new.tags or ())) for old, new in zip(before, examples, strict=True)
    )
    changes = tuple(Change(images, "order", *pair) for pair, images in told.most_common())
    return Review("order", len(ids), count, changes)


def _counting(collection: Collection, tables: Tables) -> Review:
    with collection.reading():
        tags = {tag for name in tables["count"]["tags"] for tag in collection.tags.alike(name)}
        found = [tag for tag in collection.tags.get(sorted(tags)) if tag.cls != "count"]
    changes = tuple(
        Change(tag.count, "class", f"{tag.name} ({tag.cls})", f"{tag.name} (count)") for tag in found
    )
    return Review("count", collection.images.count(), sum(each.images for each in changes), changes)


def _deriving(collection: Collection, rule: Rule, ids: Ids, tables: Tables) -> Review:
    derived = derive(collection, ids, rule, tables)
    plan = plan_derived(collection, derived, ids)
    changes = [Change(each.gained, "new", "", each.name) for each in plan.tags if each.gained]
    changes += [Change(each.lost, "gone", each.name, "") for each in plan.tags if each.lost]
    notes = [
        f"cuts of {rating}: {', '.join(f'{cut:g}' for cut in cuts)}" for rating, cuts in derived.cuts.items()
    ]
    notes += [f"{each.name}: {each.by_hand:,} by hand, left alone" for each in plan.tags if each.by_hand]
    return Review(rule, len(ids), len(plan.images), tuple(changes), tuple(notes))


def _tags_of(collection: Collection, ids: Sequence[int]) -> list[Tag] | None:
    """The tags of few images; None stands for all there are, of which there may be some hundred thousand."""
    return collection.tags_on(ids) if len(ids) <= SAMPLE else None


def _pieces(ids: Ids, progress: Progress) -> Iterator[list[int]]:
    """The images some at a time, telling how far it is."""
    for at in range(0, len(ids), _AT_ONCE):
        progress(at, len(ids))
        yield ids[at : at + _AT_ONCE].tolist()
