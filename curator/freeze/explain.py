"""The explanation of one image (B06): why it would be frozen or not, by which rule, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.buckets import Placement, cropped_around, face_in, place
from curator.contract.caption.captions import caption_of, split_caption
from curator.contract.crops import is_fixed
from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError
from curator.contract.locations import manifests_folder
from curator.filter.evaluate import select
from curator.filter.run_losses import losses_in_runs
from curator.filter.unmet import unmet_parts
from curator.freeze.listing import FrozenAs, rows_of_file
from curator.freeze.members import FreezeSpec, Members, members_of, shows, spec_of
from curator.freeze.reader import FreezeReader

if TYPE_CHECKING:
    from curator.index.changes.edits import Commit
    from curator.index.collection import Collection
    from curator.index.images.images import ImageRow
    from curator.index.tables.rows import Subset
    from curator.index.tags.tag_table import Tag


@dataclass(frozen=True)
class Verdict:
    """Whether one subset takes the image, and the reason in words."""

    subset: str
    takes: bool
    reason: str


@dataclass(frozen=True)
class Explanation:
    """Everything about one image. `captions` are those of the next epochs, were it row `id` of a manifest.

    `passed_over` names the manifests that could not be read, and says why.

    `is_cut_anew`: the cut of `placement` is only the middle of those that are drawn for every sample.
    """

    row: ImageRow
    tags: tuple[Tag, ...]
    facts: dict[str, Any]
    is_in: bool
    reason: str
    verdicts: tuple[Verdict, ...]
    repeats: float
    placement: Placement | None
    is_cut_anew: bool
    captions: tuple[str, ...]
    picks: tuple[str, ...]
    history: tuple[Commit, ...]
    frozen: tuple[FrozenAs, ...]
    passed_over: tuple[str, ...]


def explain(
    collection: Collection, image: int, epochs: int = 3, seed: int = 42, most_changes: int = 20
) -> Explanation:
    """What is known of an image and what a freeze would do with it.

    Of its history the newest `most_changes`; 0 is all.

    Raises:
        UserError: there is no such image.
    """
    with FreezeReader.opened(collection) as reader:
        rows = collection.rows([image])
        if not rows:
            raise UserError(
                f"there is no image {image}", "see the numbers with 'frieze ls --columns id,name'"
            )
        (row,) = rows
        tags = tuple(collection.tags_of(image))
        spec = spec_of(collection)
        members = members_of(reader, spec)
        verdicts = tuple(_verdicts(collection, row, spec, members))
        subset = next((each for each, said in zip(spec.subsets, verdicts, strict=True) if said.takes), None)
        facts = {
            name: value
            for name, value in collection.metadata.facts(image)._asdict().items()
            if value not in (None, "")
        }
        facts |= {f"score({name})": value for name, value in collection.scores.of_image(image).items()}
        facts |= losses_in_runs(collection, row.sha256)
        size = row.width, row.height
        is_whole = min(size) > 0
        is_held_out = any(image in each.ids for each in members.held_out)
        repeats = 0.0 if is_held_out else _repeats(members, image, subset)
        frozen, passed_over = rows_of_file(manifests_folder(collection.folder), Path(row.full_path))
        return Explanation(
            row=row,
            tags=tags,
            facts=facts,
            is_in=repeats > 0 or is_held_out,
            reason=(
                f"held out for validation, in subset '{subset.name}'"
                if subset and is_held_out
                else _reason(collection, row, verdicts, subset, repeats)
            ),
            verdicts=verdicts,
            repeats=repeats,
            placement=_placed(row, spec, subset) if is_whole else None,
            is_cut_anew=is_whole
            and not is_fixed(place(size, spec.rule), subset.crop if subset else "center"),
            captions=_captions(row, tags, subset, epochs, seed) if subset else (),
            picks=tuple(pick.name for pick in collection.picks.list() if image in pick.images),
            history=tuple(collection.history_of(image, most_changes)),
            frozen=frozen,
            passed_over=passed_over,
        )


def _repeats(members: Members, image: int, subset: Subset | None) -> float:
    """Those of its subset; for regularisation what the balance gives it, 0 where it is surplus."""
    if subset is None or not subset.is_reg:
        return float(subset.repeats) if subset else 0.0
    return next((each.repeats for each in members.shown if image in each.ids), 0.0)


def _placed(row: ImageRow, spec: FreezeSpec, subset: Subset | None) -> Placement:
    placed, size = place((row.width, row.height), spec.rule), (row.width, row.height)
    middle = face_in(row.path) if subset and subset.crop == "face" else None
    return cropped_around(placed, size, middle) if middle else placed


def _verdicts(collection: Collection, row: ImageRow, spec: FreezeSpec, members: Members) -> list[Verdict]:
    """Each subset in order; the first that takes the image has it."""
    out = _out_for_all(collection, row)
    verdicts: list[Verdict] = []
    owner = ""
    for number, subset in enumerate(spec.subsets):
        fits = row.id in select(collection, subset.filter).bitmap()
        if not fits:
            verdicts.append(Verdict(subset.name, False, _unmet(collection, row.id, subset)))
        elif out or owner:
            verdicts.append(Verdict(subset.name, False, out or f"the earlier subset '{owner}' has it"))
        elif not shows(subset, len(members.trained_of(number))) and row.id not in members.held_out_of(number):
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
    unmet = unmet_parts(collection, subset.filter, image)
    if not unmet:
        return f"it meets {subset.filter}, but the limit leaves it out"
    return f"it does not meet {', '.join(unmet)}"


def _reason(
    collection: Collection,
    row: ImageRow,
    verdicts: tuple[Verdict, ...],
    subset: Subset | None,
    repeats: float,
) -> str:
    if subset and not repeats:
        return f"regularisation surplus: training gives fewer samples than subset '{subset.name}'"
    if subset:
        return f"in subset '{subset.name}': " + next(each.reason for each in verdicts if each.takes)
    return _out_for_all(collection, row) or "in no subset"


def _captions(
    row: ImageRow, tags: tuple[Tag, ...], subset: Subset, epochs: int, seed: int
) -> tuple[str, ...]:
    parts = split_caption([tag.name for tag in tags], row.caption, subset.rules)
    samples = (Sample(epoch, row.id, 0) for epoch in range(epochs))
    return tuple(caption_of(parts, subset.rules, seed, sample) for sample in samples)
