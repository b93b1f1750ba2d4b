"""The caption of one image in one epoch.

A caption has a head that never moves, a middle that may be shuffled and thinned, and a tail that never
moves. The parts are decided at the freeze; what is drawn is a pure function of (seed, sample) and, while tokens
warm up, of the step, so a preview shows what step 12,345 will train on without running the steps before it
(rows S016-S021). The order of the rules is that of kohya-ss/sd-scripts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from curator.contract.caption.tag_brackets import escaped
from curator.contract.caption.wildcards import expanded, reaching_over
from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, kept_by, key, key_from, share_of, shuffled_by

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Sample


@dataclass(frozen=True)
class CaptionRules:
    """How the captions of one subset vary from epoch to epoch.

    `trigger` stands before everything and is never dropped with a tag. The first `keep_tags` tags are the
    head. `tag_dropout` and `caption_dropout` are probabilities of one tag of the middle, and of the whole
    caption, being left out.

    A tag `keep_separator` ends the head and, met again, begins the tail; then `keep_tags` does not count, and the
    separator itself is never trained. `secondary_separator` inside a tag becomes a comma at the end, so that what it
    joins moves as one. With `wildcards`, `{a|b}` is one of its items, and a free text of several lines is one of
    them. `prefix` and `suffix` stand around all. With `escape_parentheses` the brackets of tags are written as plain
    signs, for a training where brackets weigh; those of the free text are left.
    With `text_first` the free text stands before the tags; where tags move, what its commas part are tags.
    Every `dropout_every_epochs`th epoch has no captions. In the first `warmup_steps` steps the middle grows from
    `warmup_tags` tags to all.
    """

    shuffle: bool = False
    keep_tags: int = 0
    tag_dropout: float = 0.0
    caption_dropout: float = 0.0
    trigger: str = ""
    keep_separator: str = ""
    secondary_separator: str = ""
    wildcards: bool = False
    prefix: str = ""
    suffix: str = ""
    dropout_every_epochs: int = 0
    warmup_tags: int = 1
    warmup_steps: int = 0
    escape_parentheses: bool = False
    text_first: bool = False

    def __post_init__(self) -> None:
        for name in ("tag_dropout", "caption_dropout"):
            share = getattr(self, name)
            if not 0.0 <= share <= 1.0:
                raise UserError(f"{name} is {share}", "give a share from 0 to 1, such as 0.1")
        for name in ("keep_tags", "dropout_every_epochs", "warmup_tags", "warmup_steps"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}", "give 0 or more")
        for name in ("keep_separator", "secondary_separator"):
            if getattr(self, name).strip() == "," or getattr(self, name) != getattr(self, name).strip():
                raise UserError(
                    f"{name} is '{getattr(self, name)}'", "give signs that no tag has, such as |||"
                )


class CaptionParts(NamedTuple):
    """The caption of one image, taken apart; `text` is free text that follows the tags."""

    head: tuple[str, ...] = ()
    middle: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    text: str = ""


SEPARATOR = ", "
_FIRST_RULES = ("shuffle", "keep_tags", "tag_dropout", "caption_dropout", "trigger")
_PLAIN = CaptionRules()
_LINE = 4  # groups of wildcard draws: 0 head, 1 middle, 2 tail, 3 around


def stored_rules(rules: CaptionRules) -> dict[str, Any]:
    """Rules as manifests hold them: later rules only where they do something, so that old digests stay true."""
    plain = asdict(_PLAIN)
    return {
        name: value for name, value in asdict(rules).items() if name in _FIRST_RULES or value != plain[name]
    }


def without_chance(rules: CaptionRules) -> CaptionRules:
    """`rules` with nothing shuffled and nothing left out."""
    return replace(
        rules, shuffle=False, tag_dropout=0.0, caption_dropout=0.0, dropout_every_epochs=0, warmup_steps=0
    )


def may_move(rules: CaptionRules) -> bool:
    """Whether tags of the middle may change places or be left out one by one."""
    return rules.shuffle or rules.tag_dropout > 0 or rules.warmup_steps > 0


def split_caption(tags: Sequence[str], text: str, rules: CaptionRules) -> CaptionParts:
    """The parts of a caption: trigger and first `keep_tags` tags (or what a separator keeps), then what may move."""
    trigger = (rules.trigger,) if rules.trigger else ()
    rest = [tag for tag in tags if tag != rules.trigger]
    if rules.text_first and "\n" not in text:  # of several lines one is drawn for each sample
        rest, text = [*_pieces(text, rules), *rest], ""
    if rules.keep_separator and any(rules.keep_separator in tag for tag in rest):
        head, middle, tail = _separated(rest, rules.keep_separator)
        return CaptionParts(trigger + head, middle, tail, text)
    return CaptionParts(trigger + tuple(rest[: rules.keep_tags]), tuple(rest[rules.keep_tags :]), (), text)


def _pieces(text: str, rules: CaptionRules) -> list[str]:
    """Free text as it stands before tags: whole where nothing moves."""
    if not may_move(rules):
        return [text] if text else []
    return [piece for piece in map(str.strip, text.split(",")) if piece]


def with_escaped_tags(parts: CaptionParts, rules: CaptionRules) -> CaptionParts:
    """The parts as they are written into a caption: with `escape_parentheses`, the brackets of tags as plain signs."""
    if not rules.escape_parentheses:
        return parts
    head, middle, tail = (tuple(map(escaped, tags)) for tags in parts[:3])
    return CaptionParts(head, middle, tail, parts.text)


def split_tag(tag: str, separator: str) -> list[str]:
    """The pieces of a tag that holds the separator, such as `1girl ||| smile`; empty ones stay, to be counted."""
    return [piece.strip() for piece in tag.split(separator)]


def caption_of(
    parts: CaptionParts, rules: CaptionRules, seed: int, sample: Sample, step: int | None = None
) -> str:
    """The caption of `parts` for one sample: every draw is keyed by (seed, epoch, row, copy).

    `step` counts from 0; without one the tokens are all warm.
    """
    epoch, row, copy = sample
    sample_key = key_from(_epoch_key(seed, epoch), row, copy)  # all draws of a sample begin alike
    if _is_dropped(rules, sample_key, epoch):
        return ""
    parts = with_escaped_tags(parts, rules)
    if rules.wildcards:
        parts, rules = _with_wildcards(parts, rules, key_from(sample_key, Purpose.WILDCARD))
    middle: Sequence[str] = parts.middle[: _warmup_count(rules, len(parts.middle), step)]
    if rules.shuffle:
        middle = shuffled_by(key_from(sample_key, Purpose.SHUFFLE), middle)
    if rules.tag_dropout:
        middle = kept_by(key_from(sample_key, Purpose.TAG_DROPOUT), middle, rules.tag_dropout)
    pieces = [*parts.head, *middle, *parts.tail]
    if parts.text:
        pieces.append(parts.text)
    return _with_affixes(SEPARATOR.join(pieces), rules)


@lru_cache(maxsize=16)
def _epoch_key(seed: int, epoch: int) -> int:
    return key(seed, epoch)


def _is_dropped(rules: CaptionRules, sample_key: int, epoch: int) -> bool:
    if rules.dropout_every_epochs and (epoch + 1) % rules.dropout_every_epochs == 0:
        return True
    if not rules.caption_dropout:
        return False
    return share_of(key_from(sample_key, Purpose.CAPTION_DROPOUT)) < rules.caption_dropout


def _warmup_count(rules: CaptionRules, tags: int, step: int | None) -> int:
    """How many tags of the middle are trained at `step`."""
    if step is None or step >= rules.warmup_steps or tags <= rules.warmup_tags:
        return tags
    return step * (tags - rules.warmup_tags) // rules.warmup_steps + rules.warmup_tags


def _with_wildcards(
    parts: CaptionParts, rules: CaptionRules, sample_key: int
) -> tuple[CaptionParts, CaptionRules]:
    """Each piece draws for itself, so that a caption longer by one tag draws the same for the others.

    Only a wildcard that reaches over several draws for all of them.
    """

    def drawn(pieces: Sequence[str], group: int) -> tuple[str, ...]:
        return tuple(
            expanded(piece, key_from(sample_key, group, place)) for place, piece in enumerate(pieces)
        )

    has_lines = "\n" in parts.text
    if has_lines:
        parts = parts._replace(text=_one_line(parts.text, key_from(sample_key, _LINE)))
    text, prefix, suffix = drawn((parts.text, rules.prefix, rules.suffix), 3)
    words = CaptionParts(drawn(parts.head, 0), drawn(parts.middle, 1), drawn(parts.tail, 2), text)
    words = _drawn_across(parts, words, rules, sample_key)
    if (prefix, suffix) != (rules.prefix, rules.suffix):
        rules = replace(rules, prefix=prefix, suffix=suffix)
    if has_lines and (may_move(rules) or rules.text_first):
        words = _text_as_tags(words, rules)
    return words, rules


def _drawn_across(
    parts: CaptionParts, drawn: CaptionParts, rules: CaptionRules, sample_key: int
) -> CaptionParts:
    """`drawn`, where wildcards reach over several pieces: commas in the item part tags, and kept ones count anew."""
    if not any("{" in piece for piece in chain(*parts[:3])):
        return drawn
    lead = 1 if rules.trigger else 0
    is_separated = _is_separated(parts, rules)
    pieces: list[tuple[str, str, int]] = []  # as written, as drawn by itself, its key
    for group, both in enumerate(zip(parts[:3], drawn[:3], strict=True)):
        if is_separated and (group == 1 or (group and both[0])):
            pieces.append((rules.keep_separator, rules.keep_separator, 0))
        tags_of_group = enumerate(zip(*both, strict=True))
        pieces += [(tag, said, key_from(sample_key, group, place)) for place, (tag, said) in tags_of_group]
    pieces = pieces[lead:]
    tags: list[str] = []
    done = 0
    for run in reaching_over([tag for tag, _, _ in pieces]):
        tags += [said for _, said, _ in pieces[done : run.start]]
        whole = SEPARATOR.join(pieces[place][0] for place in run)
        tags += map(str.strip, expanded(whole, pieces[run.start][2]).split(","))
        done = run.stop
    if not done:
        return drawn
    tags += [said for _, said, _ in pieces[done:]]
    anew = split_caption(tags, "", replace(rules, trigger=""))
    return CaptionParts(drawn.head[:lead] + anew.head, anew.middle, anew.tail, drawn.text)


def _one_line(text: str, k: int) -> str:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return lines[(k * len(lines)) >> 64] if lines else ""


def _text_as_tags(parts: CaptionParts, rules: CaptionRules) -> CaptionParts:
    """Where tags move, what commas part in a line of its own are tags behind the image's, or before them."""
    if rules.text_first:
        return _text_before_tags(parts, rules)
    own = len(parts.head) - bool(rules.trigger) + len(parts.middle)
    rest = replace(rules, trigger="", keep_tags=max(0, rules.keep_tags - own))
    more = split_caption([tag for tag in map(str.strip, parts.text.split(",")) if tag], "", rest)
    return CaptionParts(parts.head + more.head, parts.middle + more.middle, parts.tail + more.tail)


def _text_before_tags(parts: CaptionParts, rules: CaptionRules) -> CaptionParts:
    lead = 1 if rules.trigger else 0
    pieces, own = _pieces(parts.text, rules), parts.head[lead:]
    if _is_separated(parts, rules):
        return CaptionParts((*parts.head[:lead], *pieces, *own), parts.middle, parts.tail)
    anew = split_caption([*pieces, *own, *parts.middle], "", replace(rules, trigger=""))
    return CaptionParts(parts.head[:lead] + anew.head, anew.middle, anew.tail)


def _is_separated(parts: CaptionParts, rules: CaptionRules) -> bool:
    """Whether a separator, and not a count, says what is kept."""
    lead = 1 if rules.trigger else 0
    own = len(parts.head) - lead + len(parts.middle)
    return bool(rules.keep_separator) and (
        bool(parts.tail) or len(parts.head) - lead != min(rules.keep_tags, own)
    )


def _with_affixes(text: str, rules: CaptionRules) -> str:
    if rules.secondary_separator:
        text = SEPARATOR.join(piece.strip() for piece in text.split(rules.secondary_separator))
    if not (rules.prefix or rules.suffix):
        return text
    return " ".join(piece for piece in (rules.prefix, text, rules.suffix) if piece)


def _separated(
    tags: Sequence[str], separator: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    groups: tuple[list[str], list[str], list[str]] = ([], [], [])
    group = 0
    for tag in tags:
        for number, piece in enumerate(split_tag(tag, separator)):
            group = min(2, group + (number > 0))
            if piece:
                groups[group].append(piece)
    return tuple(groups[0]), tuple(groups[1]), tuple(groups[2])
