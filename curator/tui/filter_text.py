"""Changes of a filter's text by a menu or key: what was typed stays, a term comes, goes or turns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.filter.language.fields import UNTAGGED
from curator.filter.language.tokens import tokens

if TYPE_CHECKING:
    from curator.filter.language.tokens import Token

_PLAIN = re.compile(r"[^\W_][\w'.+-]*")  # what needs no quotes; AND, OR and NOT are kept out below
_PREFIX_CHARS = 2  # so many letters say enough to look for tags that begin so
_WHOLE = ("sort", "limit")  # terms of the whole filter: they may not stand inside brackets
_OPERATORS = ("AND", "OR", "NOT")


def filter_of_tag(tag: str) -> str:
    """The filter that names one tag exactly, whatever characters it has."""
    quoted = tag.replace("\\", "\\\\").replace('"', '\\"')
    return f'tag:"{quoted}"'


def short_filter_of_tag(tag: str) -> str:
    """The same as one would type it, where that is possible: `long_hair`."""
    word = tag.replace(" ", "_")
    return word if _PLAIN.fullmatch(word) and word not in _OPERATORS else filter_of_tag(tag)


def sort_of(text: str) -> str:
    """What a filter sorts by first, such as `-width`; empty for the order of ids."""
    return next((token.text for token in tokens(text) if token.key.lower() == "sort"), "")


def sorted_by(text: str, key: str) -> str:
    """The filter in another order; an empty key is the order of ids."""
    kept = [each for each in _terms(text) if _key(each) != "sort"]
    return " ".join([*kept, *([f"sort:{key}"] if key else [])])


def with_tag(text: str, tag: str, *, wanted: bool) -> str:
    """The filter cut down to images with a tag, or without; the same tag beside it goes."""
    terms = _terms(text)
    whole = [each for each in terms if _key(each) in _WHOLE]
    rest = [each for each in terms if each not in whole]
    if "OR" in rest:
        rest = [f"({' '.join(rest)})"]
    elif "NOT" not in rest:
        names = {short_filter_of_tag(tag), filter_of_tag(tag), tag}
        rest = [each for each in rest if each.removeprefix("-") not in names]
    return " ".join([*rest, ("" if wanted else "-") + short_filter_of_tag(tag), *whole])


def narrowed(text: str, terms: str) -> str:
    """The filter cut down to images that fit some more terms."""
    parts = _terms(text)
    whole = [each for each in parts if _key(each) in _WHOLE]
    rest = [each for each in parts if each not in whole]
    if "OR" in rest:
        rest = [f"({' '.join(rest)})"]
    return " ".join([*rest, terms, *whole])


def as_prefix(text: str) -> str:
    """The filter as it is meant while its last word is still being typed: that word is the start of a tag."""
    try:
        found = tokens(text)
    except UserError:
        return text
    last = found[-2] if len(found) > 1 else None
    if last is None or last.kind != "word" or last.key or last.quoted:
        return text
    if not text.endswith(last.text):  # something stands behind it
        return text
    is_plain = len(last.text) >= _PREFIX_CHARS and not set("*?") & set(last.text)
    is_negated = text[: last.position].rstrip().endswith(("-", "NOT"))
    is_whole = last.text == UNTAGGED or re.match(r"(score|loss)\(", last.text)
    return text if is_negated or is_whole or not is_plain else f"{text}*"


def _key(term: str) -> str:
    return re.split("[:=]", term, maxsplit=1)[0].lower()


def _terms(text: str) -> list[str]:
    """The parts of a filter outside brackets; a bracketed part is one, and a `-` belongs to what follows."""
    terms: list[str] = []
    depth, joined = 0, False
    for token, source in _sources(text):
        if depth or joined:
            terms[-1] += ("" if joined or token.kind == "close" or terms[-1].endswith("(") else " ") + source
        else:
            terms.append(source)
        depth += (token.kind == "open") - (token.kind == "close")
        joined = (token.kind, source) == ("not", "-")
    return terms


def _sources(text: str) -> list[tuple[Token, str]]:
    """Each token and how it was written."""
    found = tokens(text)
    ends = [token.position for token in found[1:]]
    return [(token, text[token.position : end].rstrip()) for token, end in zip(found, ends, strict=False)]
