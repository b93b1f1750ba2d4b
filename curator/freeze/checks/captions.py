"""Findings about captions before a freeze: missing, too long, split, or with a trigger that says nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pyroaring import BitMap

from curator.contract.caption.captions import SEPARATOR, caption_of, may_move, split_caption, without_chance
from curator.contract.caption.clip_tokens import TOKENS_A_CHUNK, chunks_of, count_tokens, count_weighted
from curator.contract.caption.wildcards import lone_brace
from curator.contract.epoch_plan import Sample
from curator.contract.text import counted, visible
from curator.filter.evaluate import select
from curator.freeze.checks.finding import Finding, PictureFilters
from curator.index.editing.texts import batches
from curator.tags.brackets import images_with_split_brackets

_COUNTED = 200  # captions whose tokens are counted
_READ = 2000  # captions at once
_BRACES = "write {red|green} dress; a plain brace is {{"
_WORDLESS = "untagged -has:caption"


def empty_captions(filters: PictureFilters) -> Iterator[Finding]:
    """Images that would be trained with no word."""
    wordless = select(filters.collection, _WORDLESS).bitmap()
    for number, subset in enumerate(filters.spec.subsets):
        if subset.rules.trigger or subset.rules.prefix or subset.rules.suffix:
            continue
        empty = filters.members.frozen_of(number) & wordless
        if empty:
            what = f"subset {subset.name}: {counted(len(empty), 'image has', 'images have')} neither tags nor caption"
            named = filters.among(filters.frozen_of(number), empty, _WORDLESS)
            yield Finding("warn", what, "tag them, or give the subset a trigger", named)


def long_captions(filters: PictureFilters) -> Iterator[Finding]:
    """Captions beyond CLIP's 75 tokens, in a sample of each subset."""
    collection, spec, members = filters.collection, filters.spec, filters.members
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
            longest, looked_at = max(tokens.values()), f"of {counted(count, 'caption')} looked at"
            have = counted(len(long), f"{looked_at} has", f"{looked_at} have")
            what = (
                f"subset {subset.name}: {have} over {TOKENS_A_CHUNK} tokens,"
                f" the longest {longest} ({chunks_of(longest)} x {TOKENS_A_CHUNK})"
            )
            yield Finding("warn", what, "shorten them, or train longer texts", filters.of(BitMap(long)))


def broken_wildcards(filters: PictureFilters) -> Iterator[Finding]:
    """Braces that are left in captions: of wildcards whose halves are apart, or that are empty. Nothing is chosen."""
    collection, spec, members = filters.collection, filters.spec, filters.members
    halves = [tag for tag, name in collection.tags.holding("{}") if lone_brace(name)]
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
        with_brace = list(select(collection, "caption:/[{}]/").bitmap() & own)
        torn |= BitMap(image for image, text in collection.captions(with_brace).items() if lone_brace(text))
        if torn:
            inside = f"in {counted(len(torn), 'caption')} a brace is left"
            what = f"subset {subset.name}: {inside}, and nothing is chosen there"
            yield Finding("warn", what, _BRACES, filters.of(torn))
        around = (subset.rules.trigger, subset.rules.prefix, subset.rules.suffix)
        for text in filter(lone_brace, around):
            what = f"subset {subset.name}: a brace is left in '{visible(text)}', and nothing is chosen there"
            yield Finding("warn", what, _BRACES, filters.frozen_of(number).named())


def triggers(filters: PictureFilters) -> Iterator[Finding]:
    """Triggers that are missing, that several things share, or that other images have as a tag (S022, S023)."""
    collection, spec, members = filters.collection, filters.spec, filters.members
    training = [
        (n, subset) for n, subset in enumerate(spec.subsets) if not subset.is_reg and members.frozen_of(n)
    ]
    given = {subset.rules.trigger for _, subset in training} - {""}
    for number, subset in training:
        if given and not subset.rules.trigger:
            what = f"subset {subset.name} has no trigger, while others have one"
            hint = f"frieze subset set {subset.name} --trigger WORD"
            yield Finding("warn", what, hint, filters.frozen_of(number).named())
    for trigger in sorted(given):
        tagged = BitMap().union(*(collection.bitmaps.of(tag) for tag in collection.tags.alike(trigger)))
        led = (members.frozen_of(n) for n, subset in training if subset.rules.trigger == trigger)
        elsewhere = (tagged & members.frozen()).difference(*led)
        if elsewhere:
            what = (
                f"the trigger '{visible(trigger)}' is a tag of {counted(len(elsewhere))} of other subsets"
                f" ({counted(count_tokens(trigger), 'token')})"
            )
            yield Finding(
                "warn", what, "see 'frieze tag check-identifier' for a free word", filters.of(elsewhere)
            )


def brackets_split_by_comma(filters: PictureFilters) -> Iterator[Finding]:
    """A weight over several tags is lost where tags move or go alone (S025)."""
    collection = filters.collection
    for number, subset in enumerate(filters.spec.subsets):
        if subset.rules.escape_parentheses or not may_move(subset.rules):
            continue
        found = list(images_with_split_brackets(collection, filters.members.frozen_of(number), subset.rules))
        if found:
            (image, over) = found[0]
            (row,) = collection.rows([image])
            what = (
                f"subset {subset.name}: {counted(len(found), 'image has', 'images have')} a weight bracket"
                f" over several tags, such as '{visible(', '.join(over))}' of {visible(row.name)}:"
                " shuffle and dropout part it"
            )
            named = filters.of(BitMap(image for image, _ in found))
            yield Finding("warn", what, "give each tag its own brackets, or keep them in the head", named)
