from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.text import visible


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
