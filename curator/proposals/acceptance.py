"""Acceptance of proposals: what of them becomes tags and captions, as one edit that can be undone (row B04)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.index.changes.edits import AddAndRemoveTags, Annotations, Edit, Rewrite
from curator.index.sets.bitmaps import Flag
from curator.index.tags.tag_names import folded
from curator.proposals.kept_model import RATING, KeptModel
from curator.proposals.overlaps import names_within
from curator.proposals.queries import ByContent, by_image, images_by_label, ratings
from curator.proposals.thresholds import Thresholds
from curator.tags.text import clean_tag

if TYPE_CHECKING:
    from curator.index.collection import Collection

Mode = Literal["add", "replace", "missing"]


@dataclass(frozen=True)
class Acceptance:
    """How proposals become tags.

    `add` gives images the tags they lack. `missing` does so only for images that have no tag of the class. `replace`
    takes away, of the classes it is about, what an image has and the models do not propose. `classes`: only labels of
    these; none is all. `agree`: of several models at least so many must propose a tag. `drop_overlaps` leaves out a tag
    whose words stand within another one accepted for the image (`hair` beside `long hair`). `rating` adds the likeliest
    rating as a tag `rating:NAME`. `without`: labels that become no tags.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    mode: Mode = "add"
    classes: tuple[str, ...] = ()
    agree: int = 1
    drop_overlaps: bool = False
    rating: bool = False
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedAcceptance:
    """An edit, how many images it was worked out for, and what of each tag it adds and takes away.

    `classes` are pairs of a tag and its class; `no_tags` are labels that cannot be tags here (they hold a comma).
    """

    edit: Edit
    answered: int
    added: Mapping[str, int]
    removed: Mapping[str, int]
    classes: tuple[tuple[str, str], ...] = ()
    no_tags: tuple[str, ...] = ()


def plan_acceptance(
    collection: Collection, models: Sequence[KeptModel], images: BitMap, how: Acceptance
) -> PlannedAcceptance:
    """What accepting the proposals of `models` for `images` would do; nothing is written.

    Raises:
        UserError: captions and tags together, a class that no model has, or a damaged file of proposals.
    """
    by_content = ByContent(images, collection.columns.of("content"))
    answered = images.copy()
    for model in models:
        answered -= by_content.unanswered(model)
    kinds = {model.about.kind for model in models}
    summary = f"accept {', '.join(dict.fromkeys(model.about.name for model in models))}"
    if kinds == {"caption"} and len(models) == 1:
        edit = _captions(collection, models[0], by_content, how.mode, summary)
        count = len(edit.annotations)
        return PlannedAcceptance(edit, len(answered), {"caption": count} if count else {}, {})
    if kinds != {"tags"}:
        raise UserError(
            "these models do not all propose tags", "accept a captioner by itself; a score is a filter"
        )
    _refuse_unknown(how.classes, models)
    accepted, classes, no_tags = _accepted(models, by_content, how)
    added, removed = _differences(collection, accepted, classes, answered, how)
    edit = AddAndRemoveTags(tuple(added.items()), tuple(removed.items()), summary=summary)
    return PlannedAcceptance(
        edit,
        len(answered),
        {name: len(some) for name, some in added.items()},
        {name: len(some) for name, some in removed.items()},
        tuple((name, classes[name]) for name in added),
        no_tags,
    )


def can_be_tag(label: str) -> bool:
    """Whether a model's label can be a tag here."""
    try:
        clean_tag(label)
    except UserError:
        return False
    return True


def _accepted(
    models: Sequence[KeptModel], images: ByContent, how: Acceptance
) -> tuple[dict[str, BitMap], dict[str, str], tuple[str, ...]]:
    """Images by tag, the class of each tag, and labels that cannot be tags."""
    proposed: dict[str, list[BitMap]] = {}
    spelled: dict[str, str] = {}  # of several models the first one's spelling
    classes: dict[str, str] = {}
    no_tags: dict[str, None] = {}
    without = {folded(name) for name in how.without}
    for model in models:
        about = model.about
        for number, some in sorted(images_by_label(model, how.thresholds, images).items()):
            label, cls = about.labels[number], about.classes[number]
            if (how.classes and cls not in how.classes) or folded(label) in without:
                continue
            if not can_be_tag(label):
                no_tags.setdefault(label)
                continue
            tag = clean_tag(label)
            name = spelled.setdefault(folded(tag), tag)
            proposed.setdefault(name, []).append(some)
            classes.setdefault(name, cls)
    accepted = {name: _at_least(how.agree, maps) for name, maps in proposed.items()}
    if how.drop_overlaps:
        accepted = _without_overlaps(accepted)
    if how.rating:
        for name, some in ratings(models[-1], images).items():
            accepted[f"{RATING}:{name}"] = some
            classes[f"{RATING}:{name}"] = RATING
    return {name: some for name, some in accepted.items() if some}, classes, tuple(no_tags)


def _at_least(wanted: int, maps: Sequence[BitMap]) -> BitMap:
    """What at least so many of the sets hold."""
    levels = [BitMap() for _ in range(wanted)]  # level i: in at least i + 1 of those looked at
    for some in maps:
        for level in range(wanted - 1, 0, -1):
            levels[level] |= levels[level - 1] & some
        levels[0] |= some
    return levels[-1]


def _without_overlaps(accepted: Mapping[str, BitMap]) -> dict[str, BitMap]:
    within = names_within(accepted)
    return {
        name: some - BitMap.union(*(accepted[larger] for larger in within[name])) if within[name] else some
        for name, some in accepted.items()
    }


def _differences(
    collection: Collection,
    accepted: Mapping[str, BitMap],
    classes: Mapping[str, str],
    answered: BitMap,
    how: Acceptance,
) -> tuple[dict[str, BitMap], dict[str, BitMap]]:
    """Of each tag the images that get it, and those that lose it."""
    spelled = dict(zip(accepted, collection.tags.spellings(list(accepted)), strict=True))
    concerned = set(how.classes) or {*classes.values()}
    having = {cls: _having_class(collection, cls) for cls in concerned} if how.mode == "missing" else {}
    added: dict[str, BitMap] = {}
    kept_tags: dict[int, BitMap] = {}
    for name, some in accepted.items():
        wanted = some - having.get(classes[name], BitMap())
        for tag in spelled[name]:
            kept_tags[tag.id] = some
            wanted = wanted - collection.bitmaps.of(tag.id)
        if wanted:
            added[name] = wanted
    removed: dict[str, BitMap] = {}
    if how.mode == "replace":
        for number in sorted(number for cls in concerned for number in collection.tags.of_class(cls)):
            gone = (collection.bitmaps.of(number) & answered) - kept_tags.get(number, BitMap())
            if gone:
                (tag,) = collection.tags.get([number])
                removed[tag.name] = gone
    return added, removed


def _having_class(collection: Collection, cls: str) -> BitMap:
    return BitMap().union(*(collection.bitmaps.of(number) for number in collection.tags.of_class(cls)))


def _captions(
    collection: Collection, model: KeptModel, images: ByContent, mode: Mode, summary: str
) -> Rewrite:
    """Captions where there are none; with `replace` everywhere."""
    before = BitMap() if mode == "replace" else collection.bitmaps.of(Flag.CAPTIONED)
    texts = sorted(
        (each.image, each.caption)
        for each in by_image(model, Thresholds(), images)
        if each.caption and each.image not in before
    )
    return Rewrite(tuple(Annotations(image, caption=text) for image, text in texts), summary)


def _refuse_unknown(classes: Iterable[str], models: Sequence[KeptModel]) -> None:
    known = sorted({cls for model in models for cls in model.about.classes} - {RATING})
    for cls in classes:
        if cls not in known:
            raise UserError(f"no label of the model is of the class '{cls}'", "it has " + ", ".join(known))
