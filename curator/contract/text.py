"""Text for people: untrusted text (names, tags, captions, paths) shown without being obeyed; counts with nouns."""

from __future__ import annotations

import unicodedata

# Cc: control, Cf: format (bidi overrides, zero-width), Cs: lone surrogates of names that are not UTF-8,
# Zl/Zp: line and paragraph separators. ZWJ and variation selectors stay: emoji need them.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_KEPT = {"\u200d"}


def visible(text: str) -> str:
    """`text` on one line, each control, bidi or undecodable character shown as an escape such as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _KEPT or unicodedata.category(char) not in _HIDDEN:
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the raw byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def counted(count: int, one: str = "image", many: str = "") -> str:
    """`1 image`, `2,000 images`; `many` where the plural is more than an s behind, such as a noun with its verb."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
