"""Untrusted text (names, tags, captions, paths) shown without being obeyed."""

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
