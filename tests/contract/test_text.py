from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.files.regular_file import decoded
from curator.contract.text import counted, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.png", "plain name.png"),
        ("red\x1b[31m", "red\\x1b[31m"),
        ("two\nlines", "two\\x0alines"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        ("[bold]小さい🙂", "[bold]小さい🙂"),
    ],
)
def test_nothing_in_a_name_is_obeyed(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_what_is_shown_is_one_printable_line(text: str) -> None:
    shown = visible(text)
    assert not any(char in shown for char in "\n\r\x1b\x00\x7f\u202e\u2028")
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("data", "text", "guess"),
    [
        ("café, 猫".encode(), "café, 猫", ""),
        (b"\xef\xbb\xbfa", "a", ""),
        ("a, é".encode("utf-16"), "a, é", ""),
        (b"\xff\xfea\0\x00\xd8", "a\ufffd", "damaged UTF-16"),
        (b"caf\xe9, x", "café, x", "Windows-1252"),
        (b"a woman\x92s hat, \x93quoted\x94", "a woman’s hat, “quoted”", "Windows-1252"),
        ("Äpfel, Überfluß, Größe".encode("cp1252"), "Äpfel, Überfluß, Größe", "Windows-1252"),
        ("猫がいる, 女の子".encode("cp932"), "猫がいる, 女の子", "cp932"),
        ("ﾈｺ, カワイイ".encode("cp932"), "ﾈｺ, カワイイ", "cp932"),
        (b"\x81", "\ufffd", "Windows-1252"),
    ],
)
def test_bytes_that_are_not_utf8_are_read_by_a_rule_and_told(data: bytes, text: str, guess: str) -> None:
    found, warnings = decoded(data)
    assert found == text
    assert [guess in warning for warning in warnings] == ([True] if guess else [])


@given(st.binary(max_size=40))
def test_any_bytes_are_text(data: bytes) -> None:
    text, warnings = decoded(data)
    assert (
        warnings
        or text.encode() in (data, data.removeprefix(b"\xef\xbb\xbf"))
        or data[:1] in (b"\xff", b"\xfe")
    )


@pytest.mark.parametrize(
    ("said", "is_said"),
    [
        (counted(0), "0 images"),
        (counted(1), "1 image"),
        (counted(1234567), "1,234,567 images"),
        (counted(1, "copy", "copies"), "1 copy"),
        (counted(2, "copy", "copies"), "2 copies"),
        (counted(1, "image has", "images have"), "1 image has"),
    ],
)
def test_counts_agree_with_their_nouns_and_verbs(said: str, is_said: str) -> None:
    assert said == is_said
