"""The tokens of a filter: words, quotes and brackets, each with its position."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from curator.filter.language.error import FilterError

Kind = Literal["word", "and", "or", "not", "open", "close", "end"]
_KEY = re.compile(r"(\w+|score\([\w.-]+\)|loss\([\w.+-]+\))(!=|<=|>=|=|<|>|:)", re.IGNORECASE)
_LONG = 1000
_FACE = 40  # how far a bracket or quote mark is looked for before it is taken as part of a word
MAX_LENGTH = 500_000
_OPERATORS: dict[str, Kind] = {"AND": "and", "OR": "or", "NOT": "not"}


class Token(NamedTuple):
    """One piece. A word is a value, after `key` and `sign` if it has them; in a `quoted` one `*` and `?` are plain."""

    kind: Kind
    position: int
    text: str = ""
    key: str = ""
    sign: str = ""
    quoted: bool = False
    regex: bool = False


def tokens(text: str) -> list[Token]:
    """All tokens, an `end` last."""
    if len(text) > MAX_LENGTH:
        raise FilterError(
            f"a filter of {len(text):,} characters",
            f"keep it under {MAX_LENGTH:,}; more images are a list (--from FILE), or a pick of one",
            text,
            MAX_LENGTH,
        )
    found: list[Token] = []
    at = 0
    while True:
        at = _skip_space(text, at)
        if at >= len(text):
            break
        token, at = _next(text, at)
        found.append(token)
    return [*found, Token("end", len(text))]


def in_quotes(text: str) -> str:
    """`text` as a filter writes it so that nothing in it means more than itself."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _next(text: str, at: int) -> tuple[Token, int]:
    char = text[at]
    if char == "(" and not _closes_inside_word(text, at):
        return Token("open", at), at + 1
    if char == ")":
        return Token("close", at), at + 1
    if char == "-" and at + 1 < len(text) and not text[at + 1].isspace():
        return Token("not", at), at + 1
    return _word(text, at)


def _closes_inside_word(text: str, at: int) -> bool:
    """Whether `(` starts a face such as `(o)_(o)`: a bracket closed at once with something of a word behind it."""
    close = text.find(")", at, at + _FACE)
    inside = text[at + 1 : close]
    return (
        0 < close < len(text) - 1
        and text[close + 1] == "_"
        and bool(inside)
        and not re.search(r"[\s(]", inside)
    )


def _word(text: str, at: int) -> tuple[Token, int]:
    start = at
    key = sign = ""
    if found := _KEY.match(text, at):
        key, sign = found[1], found[2]
        at = (
            _skip_space(text, found.end())
            if sign != ":" or _quote_follows(text, found.end())
            else found.end()
        )
    if at < len(text) and text[at] in "\"'" and _is_quote(text, at):
        value, at = _quoted(text, at)
        return Token("word", start, value, key, sign, quoted=True), at
    if key and at < len(text) and text[at] == "/":
        value, at, regex = _slashed(text, at)
        return Token("word", start, value, key, sign, regex=regex), at
    value, at = _bare(text, at)
    if not key and value in _OPERATORS:
        return Token(_OPERATORS[value], start), at
    return Token("word", start, value, key, sign), at


def _quote_follows(text: str, at: int) -> bool:
    at = _skip_space(text, at)
    return at < len(text) and text[at] == '"'


def _is_quote(text: str, at: int) -> bool:
    """A leading `"` always quotes; a leading `'` does only when its pair ends the word ('90s is a tag)."""
    if text[at] == '"':
        return True
    close = text.find("'", at + 1, at + 1 + _LONG)
    return close > 0 and (close + 1 == len(text) or text[close + 1].isspace() or text[close + 1] == ")")


def _quoted(text: str, at: int) -> tuple[str, int]:
    mark, start, value = text[at], at, ""
    at += 1
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text) and text[at + 1] in (mark, "\\"):
            value, at = value + text[at + 1], at + 2
        elif text[at] == mark:
            return value, at + 1
        else:
            value, at = value + text[at], at + 1
    raise FilterError("a quote is not closed", f"end it with {mark}", text, start)


def _slashed(text: str, at: int) -> tuple[str, int, bool]:
    """`/regex/`, where `\\/` is a slash; without the second slash it is a path that starts with one."""
    end = at + 1
    while end < len(text):
        if text[end] == "\\":
            end += 2
        elif text[end] == "/" and (end + 1 == len(text) or text[end + 1].isspace() or text[end + 1] == ")"):
            return text[at + 1 : end].replace("\\/", "/"), end + 1, True
        else:
            end += 1
    value, end = _bare(text, at)
    return value, end, False


def _bare(text: str, at: int) -> tuple[str, int]:
    """Up to a space, or a `)` that closes no `(` of this word: so `saber_(fate)` needs no quotes."""
    start, depth = at, 0
    while at < len(text) and not text[at].isspace():
        if text[at] == "(":
            depth += 1
        elif text[at] == ")":
            if depth == 0:
                break
            depth -= 1
        at += 1
    return text[start:at], at


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
