"""What a manifest holds, counted for a page: subsets, buckets, tags, examples, and findings of the rows looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.caption.captions import caption_of, without_chance
from curator.contract.caption.clip_tokens import TOKENS_A_CHUNK, count_tokens, count_weighted
from curator.contract.epoch_plan import Sample
from curator.contract.files.picture_file import picture_bytes
from curator.contract.text import counted

if TYPE_CHECKING:
    from pathlib import Path

    from curator.contract.buckets import Size
    from curator.contract.manifest.header import ManifestSubset
    from curator.contract.manifest.manifest import Manifest, ManifestImage

_LOOKED_AT = 2000  # rows, evenly spread, that findings are looked for in
_ENLARGED = 4  # times the area


class SubsetFacts(NamedTuple):
    """A subset: images trained and held out, samples of an epoch, and their share of all, 0 to 1."""

    subset: ManifestSubset
    images: int
    held_out: int
    samples: int
    share: float


class BucketFacts(NamedTuple):
    """A bucket: its size in pixels, images trained, samples of an epoch."""

    size: Size
    images: int
    samples: int


class Example(NamedTuple):
    """An image of a subset, and its caption as it is trained in the first epoch."""

    subset: str
    image: ManifestImage
    file: Path
    caption: str


class FoundInData(NamedTuple):
    """Something a training would suffer from, how many of the images looked at it concerns, and their first few."""

    what: str
    images: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """What was found in `looked_at` images, evenly spread over all."""

    looked_at: int
    found: tuple[FoundInData, ...]


def subsets_of(manifest: Manifest) -> list[SubsetFacts]:
    """Every subset of a manifest."""
    images, held, samples = Counter[int](), Counter[int](), Counter[int]()
    in_span = {(span.bucket, span.repeats): span.samples / span.rows for span in manifest.spans if span.rows}
    for part in manifest.parts:
        (held if part.is_held_out else images)[part.subset] += part.rows
        if not part.is_held_out:
            samples[part.subset] += round(part.rows * in_span.get((part.bucket, part.repeats), 0.0))
    total = sum(samples.values())
    return [
        SubsetFacts(each, images[n], held[n], samples[n], samples[n] / total if total else 0.0)
        for n, each in enumerate(manifest.header.subsets)
    ]


def buckets_of(manifest: Manifest) -> list[BucketFacts]:
    """Every bucket with trained images, narrow to wide."""
    images, samples = Counter[int](), Counter[int]()
    for span in manifest.spans:
        images[span.bucket] += span.rows
        samples[span.bucket] += span.samples
    sizes = manifest.header.buckets
    found = [BucketFacts(sizes[b], images[b], samples[b]) for b in images]
    return sorted(found, key=lambda each: (each.size[0] / each.size[1], each.size))


def tags_of(manifest: Manifest) -> Counter[str]:
    """How many trained images have each tag in their captions; those of regularisation are not counted."""
    tags = Counter[str]()
    for number, subset in enumerate(manifest.header.subsets):
        if not subset.is_reg:
            tags.update(dict(manifest.tag_counts(number)))
    return tags


def examples_of(manifest: Manifest, most: int, seed: int = 0) -> list[Example]:
    """At most so many images, spread evenly over each subset."""
    trained: dict[int, list[tuple[int, int]]] = {}
    for part in manifest.parts:
        if not part.is_held_out:
            trained.setdefault(part.subset, []).append((part.first_row, part.rows))
    each_gets = max(most // max(len(trained), 1), 1)
    chosen = [row for number in sorted(trained)[:most] for row in _evenly(trained[number], each_gets)]
    return [_example(manifest, row, seed) for row in chosen]


def findings_of(manifest: Manifest) -> Findings:
    """What is amiss with the images: their files, sizes and captions. Rows are looked at, no pixel is."""
    rows = _evenly([(0, len(manifest))] if len(manifest) else [], _LOOKED_AT)
    seen: dict[str, list[str]] = {}
    captions = Counter[str]()
    for row in rows:
        image = manifest.image(row)
        caption = _caption(manifest, image, row)
        captions[caption] += 1
        for what in _problems(manifest, image, caption):
            seen.setdefault(what, []).append(image.path)
    found = [FoundInData(what, len(names), tuple(names[:3])) for what, names in seen.items()]
    repeated, times = captions.most_common(1)[0] if captions else ("", 0)
    if repeated and times > max(1, len(rows) // 10):
        found.append(FoundInData("the same caption", times, (repeated,)))
    return Findings(len(rows), tuple(sorted(found, key=lambda each: -each.images)))


def _problems(manifest: Manifest, image: ManifestImage, caption: str) -> Iterator[str]:
    try:
        if picture_bytes(manifest.file_of(image)) != image.file_bytes:
            yield "the file has changed since the freeze"
    except OSError:
        yield "the file is gone, or cannot be read"
    if not caption.strip():
        yield "no caption"
    else:
        rules = manifest.header.subsets[image.subset].rules
        tokens = (count_weighted if rules.escape_parentheses else count_tokens)(caption)
        if tokens > TOKENS_A_CHUNK:
            yield f"the caption is longer than {TOKENS_A_CHUNK} tokens"
    wide, high = image.placement.resized
    if wide * high > _ENLARGED * image.size[0] * image.size[1]:
        yield "enlarged more than twice"


def findings_in_words(findings: Findings, images: int) -> str:
    """What was looked at: `all 1,234 images`, or how many of them."""
    if findings.looked_at >= images:
        return f"all {counted(images)}"
    return f"{findings.looked_at:,} of {counted(images)}, evenly spread"


def _example(manifest: Manifest, row: int, seed: int) -> Example:
    image = manifest.image(row)
    subset = manifest.header.subsets[image.subset]
    caption = caption_of(image.parts, subset.rules, seed, Sample(0, row, 0))
    return Example(subset.name, image, manifest.file_of(image), caption)


def _caption(manifest: Manifest, image: ManifestImage, row: int) -> str:
    """With everything in it: nothing is dropped or drawn."""
    rules = without_chance(manifest.header.subsets[image.subset].rules)
    return caption_of(image.parts, rules, 0, Sample(0, row, 0))


def _evenly(runs: Sequence[tuple[int, int]], most: int) -> list[int]:
    """At most so many of the rows in runs of (first, count), evenly spread; all where they are no more."""
    total = sum(count for _, count in runs)
    wanted = range(total) if total <= most else (total * i // most for i in range(most))
    return list(_at(runs, wanted))


def _at(runs: Sequence[tuple[int, int]], places: Iterable[int]) -> Iterator[int]:
    """The rows at ascending places."""
    before, which = 0, 0
    for place in places:
        while place - before >= runs[which][1]:
            before += runs[which][1]
            which += 1
        yield runs[which][0] + place - before
