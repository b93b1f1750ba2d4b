"""Decides what is said of the captions of a freeze: missing, too long, parted, or with a trigger that says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pyroaring import BitMap

from curator.contract.captions import SEPARATOR, caption_of, may_move, split_caption, without_chance
from curator.contract.clip_tokens import TOKENS_A_CHUNK, chunks_of, count_tokens, count_weighted
from curator.contract.epoch_plan import Sample
from curator.contract.text import visible
from curator.contract.wildcards import lone_brace
from curator.filter.evaluate import select
from curator.freeze.finding import Finding, of_images, of_subset
from curator.freeze.members import Members
from curator.freeze.spec import FreezeSpec
from curator.index.collection import Collection
from curator.index.texts import batches
from curator.tags.brackets import parted_brackets

_COUNTED = 200  # captions whose tokens are counted
_READ = 2000  # captions at once
_BRACES = "write {red|green} dress; a plain brace is {{"


def empty_captions(collection: Collection, spec: FreezeSpec) -> Iterator[Finding]:
    """Pictures that would be trained with no word."""
    for subset in spec.subsets:
        if subset.rules.trigger or subset.rules.prefix or subset.rules.suffix:
            continue
        narrowed = of_subset(subset, "untagged -has:caption")
        count = len(select(collection, narrowed))
        if count:
            what = f"subset {subset.name}: {count:,} pictures have neither tags nor caption"
            yield Finding("warn", what, "tag them, or give the subset a trigger", narrowed)


def long_captions(collection: Collection, spec: FreezeSpec, members: Members) -> Iterator[Finding]:
    """Captions beyond CLIP's 75 tokens, in a sample of each subset."""
    for number, subset in enumerate(spec.subsets):
        own = members.frozen_of(number)
        count = min(_COUNTED, len(own))
        some = [own[at * len(own) // count] for at in range(count)]
        rules = without_chance(subset.rules)
        tokens: dict[int, int] = {}
        for row, tags in zip(collection.rows(some), collection.tag_names(some), strict=True):
            caption = caption_of(split_caption(tags, row.caption, rules), rules, 0, Sample(0, row.id, 0))
            tokens[row.id] = count_weighted(caption) if rules.escape_parentheses else count_tokens(caption)
        long = [image for image, each in tokens.items() if each > TOKENS_A_CHUNK]
        if long:
            longest = max(tokens.values())
            what = (
                f"subset {subset.name}: {len(long)} of {count} captions looked at have over {TOKENS_A_CHUNK} tokens,"
                f" the longest {longest} ({chunks_of(longest)} x {TOKENS_A_CHUNK})"
            )
            yield Finding("warn", what, "shorten them, or train longer texts", of_images(long))


def torn_choices(collection: Collection, spec: FreezeSpec, members: Members) -> Iterator[Finding]:
    """Braces that are left in captions: of wildcards whose halves are apart, or that are empty. Nothing is chosen."""
    halves = [tag.id for tag in collection.all_tags() if lone_brace(tag.name)]
    with_half = BitMap().union(*(collection.bitmaps.of(tag) for tag in halves))
    for number, subset in enumerate(spec.subsets):
        if not subset.rules.wildcards:
            continue
        own = members.frozen_of(number)
        torn = BitMap(
            image
            for piece in batches(own & with_half, _READ)
            for image, tags in zip(piece, collection.tag_names(piece), strict=True)
            if lone_brace(SEPARATOR.join(tags))
        )
        told = list(select(collection, "caption:/[{}]/").bitmap() & own)
        torn |= BitMap(image for image, text in collection.captions(told).items() if lone_brace(text))
        if torn:
            what = f"subset {subset.name}: in {len(torn):,} captions a brace is left, and nothing is chosen there"
            yield Finding("warn", what, _BRACES, of_images(torn))
        around = (subset.rules.trigger, subset.rules.prefix, subset.rules.suffix)
        for text in filter(lone_brace, around):
            what = f"subset {subset.name}: a brace is left in '{visible(text)}', and nothing is chosen there"
            yield Finding("warn", what, _BRACES, of_subset(subset))


def triggers(collection: Collection, spec: FreezeSpec, members: Members) -> Iterator[Finding]:
    """Triggers that are missing, that several things share, or that other pictures have as a tag (S022, S023)."""
    training = [
        (n, subset) for n, subset in enumerate(spec.subsets) if not subset.is_reg and members.frozen_of(n)
    ]
    given = {subset.rules.trigger for _, subset in training} - {""}
    for _, subset in training:
        if given and not subset.rules.trigger:
            what = f"subset {subset.name} has no trigger, while others have one"
            yield Finding("warn", what, f"frieze subset set {subset.name} --trigger WORD", of_subset(subset))
    for trigger in sorted(given):
        tagged = BitMap().union(*(collection.bitmaps.of(tag) for tag in collection.tags.alike(trigger)))
        led = (members.frozen_of(n) for n, subset in training if subset.rules.trigger == trigger)
        elsewhere = (tagged & members.frozen()).difference(*led)
        if elsewhere:
            what = (
                f"the trigger '{visible(trigger)}' is a tag of {len(elsewhere):,} pictures of other subsets"
                f" ({count_tokens(trigger)} tokens)"
            )
            yield Finding("warn", what, "see 'frieze check-identifier' for a free word", of_images(elsewhere))


def parted(collection: Collection, spec: FreezeSpec, members: Members) -> Iterator[Finding]:
    """A weight over several tags is lost where tags move or go alone (S025)."""
    for subset, own in zip(spec.subsets, members.ids, strict=True):
        if subset.rules.escape_parentheses or not may_move(subset.rules):
            continue
        found = list(parted_brackets(collection, own, subset.rules))
        if found:
            (image, over) = found[0]
            (row,) = collection.rows([image])
            what = (
                f"subset {subset.name}: {len(found):,} pictures have a weight bracket over several tags, such as"
                f" '{visible(', '.join(over))}' of {visible(row.name)}: shuffle and dropout part it"
            )
            named = of_images(image for image, _ in found)
            yield Finding("warn", what, "give each tag its own brackets, or keep them in the head", named)
