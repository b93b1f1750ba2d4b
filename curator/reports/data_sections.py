"""Sections about data, of a manifest or of a run's: rule, funnel, subsets, buckets, tags, examples, findings."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from curator.contract.buckets import rule_in_words
from curator.contract.text import counted
from curator.pages.html import Html, bars, facts, joined, safe, table
from curator.reports.layout import Section, boxed, code, listed
from curator.reports.manifest_facts import (
    buckets_of,
    examples_of,
    findings_in_words,
    findings_of,
    subsets_of,
    tags_of,
)

if TYPE_CHECKING:
    from curator.contract.manifest.header import ManifestSubset
    from curator.contract.manifest.manifest import Manifest
    from curator.pages.pictures import Pictures

_MOST_BUCKETS, _MOST_TAGS = 40, 40
_SIDE_PX = 320
_BANDS = ((1, 1), (2, 9), (10, 99), (100, 999), (1000, None))  # images that a tag is on


def data_sections(manifest: Manifest, pictures: Pictures, examples: int, seed: int = 0) -> list[Section]:
    """Everything a manifest tells of its images; `examples` of them are shown, with their captions."""
    return [
        Section("Data", joined([_facts(manifest), _funnel(manifest)])),
        Section("Subsets", _subsets(manifest)),
        Section("Buckets", _buckets(manifest)),
        Section("Tags", _tags(manifest)),
        Section("Examples", _examples(manifest, pictures, examples, seed)),
        Section("Findings", _findings(manifest)),
    ]


def _facts(manifest: Manifest) -> Html:
    header = manifest.header
    about = header.provenance
    samples = sum(span.samples for span in manifest.spans)
    return facts(
        [
            ("manifest", about.name),
            ("frozen", f"{about.created_at}, by {about.made_by}"),
            ("digest", header.digest),
            ("buckets", rule_in_words(header.rule)),
            ("trained", f"{counted(len(manifest.trained))}, {counted(samples, 'sample')} an epoch"),
            ("held out", counted(len(manifest.held_out)) if len(manifest.held_out) else ""),
        ]
    )


def _funnel(manifest: Manifest) -> Html:
    funnel = list(manifest.header.provenance.funnel)
    return joined([Html("<h3>What became of all images</h3>"), boxed("bars", bars(funnel))] if funnel else [])


def _subsets(manifest: Manifest) -> Html:
    return table(
        ("subset", "images", "held out", "repeats", "samples", "share", "chosen by", "options"),
        [
            (
                safe(each.subset.name), safe(f"{each.images:,}"), safe(f"{each.held_out:,}" if each.held_out else ""),
                safe(f"{each.subset.repeats:g}"), safe(f"{each.samples:,}"), safe(f"{each.share:.1%}"),
                code(each.subset.filter or "every image"), safe(options_in_words(each.subset)),
            )
            for each in subsets_of(manifest)
        ],
    )  # fmt: skip


def _buckets(manifest: Manifest) -> Html:
    found = buckets_of(manifest)
    largest = sorted(found, key=lambda each: -each.images)[:_MOST_BUCKETS]
    shown = [each for each in found if each in largest]
    rows = [(f"{each.size[0]}x{each.size[1]}", each.images) for each in shown]
    beyond = [each for each in found if each not in largest]
    more = Html("")
    if beyond:
        images = counted(sum(each.images for each in beyond))
        more = Html(f"<p>{safe(counted(len(beyond), 'smaller bucket'))}, with {safe(images)}, not shown.</p>")
    return joined([Html("<p>Images of each bucket, narrow to wide.</p>"), boxed("bars", bars(rows)), more])


def _tags(manifest: Manifest) -> Html:
    tags = tags_of(manifest)
    if not tags:
        return Html("")
    bands = Counter[str]()
    for low, high in _BANDS:
        named = f"{low:,}" if low == high else f"{low:,} to {high:,}" if high else f"{low:,} and more"
        bands[f"on {named} {'image' if high == 1 else 'images'}"] = sum(
            low <= n <= (high or n) for n in tags.values()
        )
    most = [(tag, count) for tag, count in tags.most_common(_MOST_TAGS)]
    return joined(
        [
            Html(f"<p>{safe(counted(len(tags), 'tag'))}; the most common, by trained images:</p>"),
            boxed("bars", bars(most)),
            Html("<h3>How many tags are on how many images</h3>"),
            boxed("bars", bars(list(bands.items()))),
        ]
    )


def _examples(manifest: Manifest, pictures: Pictures, most: int, seed: int) -> Html:
    cards = [
        Html(
            f"<div>{pictures.shown_from(each.file, each.image.path, _SIDE_PX, each.image.placement)}"
            f"<b>{safe(each.subset)}</b> x {each.image.repeats:g}, "
            f"{each.image.size[0]}x{each.image.size[1]}<br>{safe(each.caption or '(no caption)')}</div>"
        )
        for each in examples_of(manifest, most, seed)
    ]
    told = Html("<p>The part of the image that trains, and its caption in the first epoch.</p>")
    return joined([told, boxed("cards", joined(cards))] if cards else [])


def _findings(manifest: Manifest) -> Html:
    findings = findings_of(manifest)
    lines = [
        Html(
            f"{safe(counted(each.images))}: {safe(each.what)} ({code('; '.join(each.names))}{_more(each.images)})"
        )
        for each in findings.found
    ]
    looked = findings_in_words(findings, len(manifest))
    told = f"Looked at {looked}: " + ("" if lines else "nothing was found.")
    return joined([Html(f"<p>{safe(told)}</p>"), listed(lines)])


def _more(images: int) -> str:
    return ", ..." if images > 3 else ""


def options_in_words(subset: ManifestSubset) -> str:
    """What is out of the ordinary in a subset and its captions."""
    rules = subset.rules
    said = [
        "regularisation" if subset.is_reg else "",
        f"trigger {rules.trigger}" if rules.trigger else "",
        "mirrored at random" if subset.flip else "",
        f"{subset.crop} crop" if subset.crop != "center" else "",
        f"mask by {subset.mask}" if subset.mask != "none" else "",
        f"loss x {subset.loss_weight:g}" if subset.loss_weight != 1 else "",
        "tags shuffled" if rules.shuffle else "",
        f"first {counted(rules.keep_tags, 'tag')} kept" if rules.keep_tags else "",
        f"{rules.tag_dropout:.0%} of tags dropped" if rules.tag_dropout else "",
        f"{rules.caption_dropout:.0%} of captions dropped" if rules.caption_dropout else "",
    ]
    return ", ".join(filter(None, said))
