"""Rules that hold for what comes later (B13): what was done by a rule is remembered, and offered again for new images.

New are images that came since, and those whose tags others changed since; a rule whose change was taken back is not
offered.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from curator.filter.evaluate import select
from curator.index.changes.changes import id_array
from curator.tags.review import Review, Rule, carry_out_rule, glance
from curator.tags.tables import tables_of

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.index.changes.edits import Commit
    from curator.index.collection import Collection

SETTING = "kept rules"
_SAMPLE = 1000  # images looked at, where more came
KEPT: tuple[Rule, ...] = (
    "rating",
    "year",
    "head",
    "clean",
    "relations",
    "order",
)  # what each image has for itself


@dataclass(frozen=True)
class Due:
    """A rule with images that came since it was done on the images of `filter`, and what it would change there."""

    rule: Rule
    filter: str
    review: Review


def moment(collection: Collection) -> tuple[int, int]:
    """The newest change and the newest image: what is behind them comes later."""
    with collection.reading():
        alive = collection.images.alive()
        return collection.journal.last_id(), alive.max() if alive else 0


def keep(
    collection: Collection, rule: Rule, filter: str, at: tuple[int, int], done: Sequence[Commit]
) -> None:
    """Remember that a rule was done on the images of a filter, from the moment before; no edit, so never undone."""
    if rule in KEPT:
        kept = _kept(collection)
        kept[rule] = {"filter": filter, "at": list(at), "commits": [each.id for each in done]}
        collection.settings.put(SETTING, kept)


def forget(collection: Collection, rule: Rule) -> bool:
    """Offer a rule no more; whether it was kept."""
    kept = _kept(collection)
    was_kept = kept.pop(rule, None) is not None
    collection.settings.put(SETTING, kept)
    return was_kept


def state(collection: Collection) -> Hashable:
    """Of what `due` depends: while it is the same, nothing else is due."""
    return moment(collection), json.dumps(_kept(collection), sort_keys=True)


def due(collection: Collection) -> Iterator[Due]:
    """The kept rules that would change something that came since; of very many images a sample is looked at.

    Raises:
        UserError: a filter or a table that cannot be used any more.
    """
    for rule, entry in _kept(collection).items():
        images = _come_since(collection, entry)
        if not len(images):
            continue
        found = glance(collection, rule, images, tables_of(collection), _SAMPLE)
        if found.images:
            yield Due(rule, entry["filter"], found)


def do_again(collection: Collection, rule: Rule, progress: Progress | None = None) -> list[Commit]:
    """Do a kept rule on what came since; each commit can be undone."""
    entry, at = _kept(collection)[rule], moment(collection)
    images = _come_since(collection, entry)
    if progress:
        progress(0, len(images))
    done = carry_out_rule(collection, rule, images, tables_of(collection))
    keep(collection, rule, entry["filter"], at, done)
    return done


def _kept(collection: Collection) -> dict[Rule, Any]:
    return {rule: entry for rule, entry in collection.settings.get(SETTING, {}).items() if rule in KEPT}


def _come_since(collection: Collection, entry: dict[str, Any]) -> Any:
    """The images of the filter that are new, or changed by others, since then."""
    commit, image = entry["at"]
    own = set(entry["commits"])
    with collection.reading():
        journal = collection.journal
        if own and all(each.undone for number in own for each in journal.between(number, number)):
            return np.empty(0, np.uint32)
        came = journal.images_changed_since(commit, but=own)
        alive = collection.images.alive()
        if alive:
            came.add_range(image + 1, alive.max() + 1)
        came &= alive
    return id_array(select(collection, entry["filter"], among=came).bitmap()) if came else id_array(came)
