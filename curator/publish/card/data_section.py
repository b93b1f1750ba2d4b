"""Data section of a model card: what was chosen and how, subsets, reasons for leaving out, the tags most common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.text import counted
from curator.publish.card.text import code, plain, table

if TYPE_CHECKING:
    from curator.contract.manifest.header import ManifestSubset
    from curator.publish.choices import CardChoices
    from curator.publish.subject import Subject


def data(subject: Subject, choices: CardChoices) -> str:
    """The images as the manifest has them, or as the file itself tells."""
    found, origin = subject.data, subject.origin
    if not found.images and not found.tags:
        return ""
    parts = ["## Data"]
    held_out = f"; {counted(found.held_out)} held out for validation" if found.held_out else ""
    if found.images:
        parts.append(f"{counted(found.images)}{held_out}.")
    if choices.datasets:
        parts.append(f"From {', '.join(plain(each) for each in choices.datasets)}.")
    if origin is not None and origin.subsets:
        rows = [
            [plain(each.name), code(each.filter or "all"), f"{each.images:,}", f"{each.repeats:g}", _kind(each.is_reg)]
            for each in origin.subsets
        ]  # fmt: skip
        parts.append(table(("subset", "chosen by", "images", "repeats", ""), rows))
    elif found.header is not None:
        rows = [
            [plain(each.name), code(each.filter or "all"), f"{each.repeats:g}", _kind(each.is_reg)]
            for each in found.header.subsets
        ]
        parts.append(table(("subset", "chosen by", "repeats", ""), rows))
    funnel = found.header.provenance.funnel if found.header else origin.funnel if origin else ()
    if funnel:
        parts.append("What became of all images:")
        parts.append(table(("images", "count"), [[plain(why), f"{count:,}"] for why, count in funnel]))
    if found.header is not None:
        parts += _captions(found.header.subsets)
    if found.tags:
        tags = ", ".join(f"{code(each.tag)} {each.images:,}" for each in found.tags)
        parts.append(f"Tags most common, by images: {tags}.")
    return "\n\n".join(parts)


def _kind(is_reg: bool) -> str:
    return "regularisation" if is_reg else ""


def _captions(subsets: tuple[ManifestSubset, ...]) -> list[str]:
    """How captions change from epoch to epoch, once for all subsets that share it."""
    by_rule: dict[str, list[str]] = {}
    for subset in subsets:
        rules = subset.rules
        said = [
            *(["tags shuffled"] if rules.shuffle else []),
            *([f"the first {counted(rules.keep_tags, 'tag')} kept in place"] if rules.keep_tags else []),
            *([f"{rules.tag_dropout:.0%} of tags dropped"] if rules.tag_dropout else []),
            *([f"{rules.caption_dropout:.0%} of captions left out"] if rules.caption_dropout else []),
            *(["images mirrored at random"] if subset.flip else []),
        ]
        if said:
            by_rule.setdefault(", ".join(said), []).append(plain(subset.name))
    return [f"Captions of {', '.join(names)}: {said}." for said, names in by_rule.items()]
