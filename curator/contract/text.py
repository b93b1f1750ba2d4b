"""Untrusted text (names, tags, captions, paths): decoded from bytes, and shown without being obeyed."""

from __future__ import annotations

import re
import unicodedata

# Cc: control, Cf: format (bidi overrides, zero-width), Cs: lone surrogates of names that are not UTF-8,
# Zl/Zp: line and paragraph separators. ZWJ and variation selectors stay: emoji need them.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_KEPT = {"\u200d"}
_JAPANESE = re.compile("[\u3005-\u3007\u3041-\u30ff\u4e00-\u9fff]{2}")


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


def decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Bytes as text, and a warning where that was a guess.

    UTF-8 and UTF-16 with a mark are certain. Other bytes are Japanese (cp932) where that has two kana or kanji side
    by side, else Windows-1252.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), ()
        except UnicodeDecodeError:
            return data.decode("utf-16", "replace"), ("damaged UTF-16",)
    try:
        return data.decode().removeprefix("\ufeff"), ()
    except UnicodeDecodeError:
        return _guessed(data)


def _guessed(data: bytes) -> tuple[str, tuple[str, ...]]:
    try:
        text = data.decode("cp932")
    except UnicodeDecodeError:
        text = ""
    if _JAPANESE.search(text):
        return text, ("not UTF-8, read as Japanese (cp932)",)
    return data.decode("cp1252", "replace"), ("not UTF-8, read as Windows-1252",)
