"""Choices in choices (S021), where a choice reaches over commas, and which braces belong to none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.caption.wildcards import expanded, lone_brace, reaching_over
from curator.contract.keyed import key


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("{red|{dark|light} blue} hat", {"red hat", "dark blue hat", "light blue hat"}),
        ("{man {a|b}|woman {c|d}}", {"man a", "man b", "woman c", "woman d"}),
        ("{a|{b|{c|d}}}", {"a", "b", "c", "d"}),
        ("{ {a|b} c|d}", {" a c", " b c", "d"}),
        ("{x}", {"x"}),
        ("{a|}", {"a", ""}),
        ("{} {a|b}", {"{} a", "{} b"}),
        ("{a {}|b}", {"a {}", "b"}),
        ("{{a|b}}", {"{a|b}"}),
        ("{a {{b}} c|d}", {"a {b} c", "d"}),
        ("{a|b}}", {"a}", "b}"}),
        ("{a {b|c}", {"{a b", "{a c"}),
        ("a} {b|c}", {"a} b", "a} c"}),
        ("a|b", {"a|b"}),
    ],
)
def test_what_may_be_drawn(text: str, drawn: set[str]) -> None:
    assert {expanded(text, key(1, epoch)) for epoch in range(200)} == drawn


def test_a_choice_in_another_leaves_the_draws_before_it_as_they_are() -> None:
    for epoch in range(40):
        k = key(1, epoch)
        assert expanded("{a|b} {c|d}", k).split()[0] == expanded("{a|b} {c|{d|e}}", k).split()[0]


@given(st.text(alphabet="ab|{}, ", max_size=30))
def test_every_text_is_drawn_from(text: str) -> None:
    """What is drawn holds only what was written, and braces only where they are told."""
    said = expanded(text, key(1, 2))
    assert len(said) <= len(text)
    if not lone_brace(text) and "{{" not in text and "}}" not in text:
        assert "{" not in said
        assert "}" not in said


def test_ten_thousand_braces_are_read() -> None:
    deep = "{ " * 10_000 + "a" + " }" * 10_000
    assert expanded(deep, 7).split() == ["a"]
    assert lone_brace("{ " * 10_000)


@pytest.mark.parametrize(
    ("pieces", "runs"),
    [
        (["a", "{b|c} d", "e"], []),
        (["a", "{b", "c|d} e", "f"], [range(1, 3)]),
        (["{a", "b", "c|d}"], [range(3)]),
        (["{a", "b} {c", "d} e", "f"], [range(3)]),
        (["{a", "b}", "{c", "d}"], [range(2), range(2, 4)]),
        (["{a", "b} {c|d}", "e"], [range(2)]),
        (["{{a", "b}}"], []),
        (["{a", "{b", "c}"], [range(1, 3)]),
        (["a}", "{b"], []),
        (["{a|{b", "c}} d", "e"], [range(2)]),
        (["{a", "{b", "c}", "d}", "e"], [range(4)]),
        ([], []),
    ],
)
def test_runs_of_pieces(pieces: list[str], runs: list[range]) -> None:
    assert reaching_over(pieces) == runs


@pytest.mark.parametrize(
    ("text", "is_lone"),
    [
        ("{a|b}", False),
        ("{{a}}", False),
        ("{a, b|c}", False),
        ("{a", True),
        ("b}", True),
        ("{a {b} c}", False),
        ("{a {b|c}", True),
        ("{}", True),
        ("{a {}|b}", True),
        ("{{}}", False),
        ("{a|{b|c}}", False),
        ("{{a|b} c|d}", True),
        ("", False),
    ],
)
def test_braces_of_no_wildcard(text: str, is_lone: bool) -> None:
    assert lone_brace(text) is is_lone
