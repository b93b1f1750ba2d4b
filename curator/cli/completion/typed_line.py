"""A command line that is still being typed, read as a shell reads it: its words, and the one the cursor is in."""

from __future__ import annotations

from dataclasses import dataclass, field

_ESCAPED_IN_DOUBLE = '\\"$`'


@dataclass
class TypedLine:
    """The `words` before the last, and the last: its text so far, the quote mark it is in, if any.

    `broken_at` says how much of the last word lies before its last character of `breaks` that is not quoted: bash
    takes what follows it for a word of its own.
    """

    words: list[str] = field(default_factory=list[str])
    last: str = ""
    quote: str = ""
    broken_at: int = 0


def read_line(line: str, breaks: str = "") -> TypedLine:
    """Read `line` up to its end, where the cursor is."""
    read = TypedLine()
    has_begun = False  # `''` is a word as well
    at = 0
    while at < len(line):
        char = line[at]
        at += 1
        if char == "\\" and read.quote != "'" and at < len(line):
            read.last += _unescaped(line[at], read.quote)
            at, has_begun = at + 1, True
        elif read.quote:
            if char == read.quote:
                read.quote = ""
            else:
                read.last += char
        elif char in "'\"":
            read.quote, has_begun = char, True
        elif char.isspace():
            if has_begun:
                read.words.append(read.last)
            read.last, has_begun, read.broken_at = "", False, 0
        else:
            read.last += char
            has_begun = True
            if char in breaks:
                read.broken_at = len(read.last)
    return read


def _unescaped(char: str, quote: str) -> str:
    return char if not quote or char in _ESCAPED_IN_DOUBLE else f"\\{char}"
