"""Weighted captions (S025; kohya.md 2.7)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.prompt_weights import parse_weights


def rounded(caption: str) -> list[tuple[str, float]]:
    return [(text, round(weight, 6)) for text, weight in parse_weights(caption)]


@pytest.mark.parametrize(
    ("caption", "weights"),
    [
        ("", [("", 1.0)]),
        ("a cat", [("a cat", 1.0)]),
        ("(a)", [("a", 1.1)]),
        ("[a]", [("a", 0.909091)]),
        ("(a:1.23)", [("a", 1.23)]),
        ("a (b) c", [("a ", 1.0), ("b", 1.1), (" c", 1.0)]),
        ("((a))", [("a", 1.21)]),
        ("([a])", [("a", 1.0)]),
        ("(a (b:2):0.5)", [("a ", 0.5), ("b", 1.0)]),
        ("(a [b] c:2)", [("a ", 2.0), ("b", 1.818182), (" c", 2.0)]),
        ("[a:1.5]", [("a:1.5", 0.909091)]),
        ("a:1.5", [("a:1.5", 1.0)]),
        ("a:1.5)", [("a:1.5)", 1.0)]),
        (r"saber \(fate\)", [("saber (fate)", 1.0)]),
        (r"\[x\] \\", [("[x] \\", 1.0)]),
        ("\\", [("\\", 1.0)]),
        ("(a", [("a", 1.1)]),
        ("a [b", [("a ", 1.0), ("b", 0.909091)]),
        ("a)", [("a)", 1.0)]),
        ("(a:.5)", [("a", 0.5)]),
        ("(a:-1)", [("a", -1.0)]),
        ("(a:b)", [("a:b", 1.1)]),
        ("(a)(b)", [("ab", 1.1)]),
        ("()", [("", 1.0)]),
    ],
)
def test_the_grammar(caption: str, weights: list[tuple[str, float]]) -> None:
    assert rounded(caption) == weights


@given(st.text(alphabet="ab ,.:()[]\\12", max_size=40))
def test_every_text_is_read_and_none_is_lost(caption: str) -> None:
    parts = parse_weights(caption)
    letters = [char for char in "".join(text for text, _ in parts) if char in "ab"]
    assert letters == [char for char in caption if char in "ab"]
    assert all(one.weight != other.weight for one, other in pairwise(parts))
