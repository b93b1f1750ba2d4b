"""Decides what is told of one image (B06): why it would be frozen or not, by which rule, and how it is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pyroaring import BitMap

from curator.contract.buckets import Placement, place
from curator.contract.captions import caption_of, split_caption
from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError
from curator.filter.evaluate import select, select_parsed
from curator.filter.parse import parse
from curator.filter.shown import parts_of, shown
from curator.filter.tree import Filter
from curator.freeze.members import shows
from curator.freeze.spec import FreezeSpec, spec_of
from curator.index.collection import Collection
from curator.index.edits import Commit
from curator.index.images import ImageRow
from curator.index.small_tables import Subset
from curator.index.tag_table import Tag


@dataclass(frozen=True)
class Verdict:
    """Whether one subset takes the image, and the reason in words."""

    subset: str
    takes: bool
    reason: str


@dataclass(frozen=True)
class Explanation:
    """Everything about one image. `captions` are those of the next epochs, were it row `id` of a manifest."""

    row: ImageRow
    tags: tuple[Tag, ...]
    facts: dict[str, Any]
    is_in: bool
    reason: str
    verdicts: tuple[Verdict, ...]
    repeats: float
    placement: Placement | None
    captions: tuple[str, ...]
    picks: tuple[str, ...]
    history: tuple[Commit, ...]


def explain(collection: Collection, image: int, epochs: int = 3, seed: int = 42) -> Explanation:
    """What is known of an image and what a freeze would do with it.

    Raises:
        UserError: there is no such image.
    """
    with collection.reading():
        rows = collection.rows([image])
        if not rows:
            raise UserError(
                f"there is no image {image}", "see the numbers with 'frieze ls --columns id,name'"
            )
        (row,) = rows
        tags = tuple(collection.tags_of(image))
        spec = spec_of(collection)
        verdicts = tuple(_verdicts(collection, row, spec))
        subset = next((each for each, said in zip(spec.subsets, verdicts, strict=True) if said.takes), None)
        facts = {
            name: value
            for name, value in asdict(collection.metadata.facts(image)).items()
            if value not in (None, "")
        }
        is_whole = row.width > 0 and row.height > 0
        return Explanation(
            row=row,
            tags=tags,
            facts=facts,
            is_in=subset is not None,
            reason=_reason(collection, row, verdicts, subset),
            verdicts=verdicts,
            repeats=float(subset.repeats) if subset else 0.0,
            placement=place((row.width, row.height), spec.rule) if is_whole else None,
            captions=_captions(row, tags, subset, epochs, seed) if subset else (),
            picks=tuple(pick.name for pick in collection.picks.list() if image in pick.images),
            history=tuple(collection.history_of(image)),
        )


def _verdicts(collection: Collection, row: ImageRow, spec: FreezeSpec) -> list[Verdict]:
    """Each subset in order; the first that takes the image has it."""
    out = _out_for_all(collection, row)
    verdicts: list[Verdict] = []
    owner = ""
    for subset in spec.subsets:
        fits = row.id in select(collection, subset.filter).bitmap()
        if not fits:
            verdicts.append(Verdict(subset.name, False, _unmet(collection, row.id, subset)))
        elif out or owner:
            verdicts.append(Verdict(subset.name, False, out or f"the earlier subset '{owner}' has it"))
        elif not shows(subset, 1):
            verdicts.append(
                Verdict(subset.name, False, f"its repeats of {subset.repeats:g} may show it in no epoch")
            )
        else:
            verdicts.append(
                Verdict(subset.name, True, f"it meets {subset.filter.strip() or 'the empty filter'}")
            )
        owner = owner or (subset.name if fits else "")
    return verdicts


def _out_for_all(collection: Collection, row: ImageRow) -> str:
    if row.id not in collection.images.alive():
        return "its file was not there at the last scan, or could not be read"
    return "it was rejected by hand" if row.mark == -1 else ""


def _unmet(collection: Collection, image: int, subset: Subset) -> str:
    """The parts of the filter that the image does not meet."""
    query = parse(subset.filter, collection.tags.classes())
    only = BitMap([image])
    parts = parts_of(query.where)
    unmet = [shown(part) for part in parts if not _meets(collection, Filter(query.text, part), only)]
    if not unmet:
        return f"it meets {subset.filter}, but the limit leaves it out"
    return f"it does not meet {', '.join(unmet)}"


def _meets(collection: Collection, query: Filter, only: BitMap) -> bool:
    return only.intersect(select_parsed(collection, query).bitmap())


def _reason(
    collection: Collection, row: ImageRow, verdicts: tuple[Verdict, ...], subset: Subset | None
) -> str:
    if subset:
        return f"in subset '{subset.name}': " + next(each.reason for each in verdicts if each.takes)
    return _out_for_all(collection, row) or "in no subset"


def _captions(
    row: ImageRow, tags: tuple[Tag, ...], subset: Subset, epochs: int, seed: int
) -> tuple[str, ...]:
    parts = split_caption([tag.name for tag in tags], row.caption, subset.rules)
    samples = (Sample(epoch, row.id, 0) for epoch in range(epochs))
    return tuple(caption_of(parts, subset.rules, seed, sample) for sample in samples)
