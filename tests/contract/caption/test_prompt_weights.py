"""Weighted captions (S025; kohya.md 2.7)."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.caption import prompt_weights
from curator.contract.caption.captions import CaptionParts, CaptionRules
from curator.contract.caption.prompt_weights import (
    bracket_problem,
    open_ends,
    parse_weights,
    spanning,
    weights_problem,
)


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
        ("\\", [("", 1.0)]),
        (r"\a", [("a", 1.0)]),
        (r"a\b (c\d)", [("ab ", 1.0), ("cd", 1.1)]),
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


CASES = Path(__file__).with_name("caption_weights")


def test_captions_weigh_as_kohya_has_them() -> None:
    """kohya-ss/sd-scripts#71: what its parse_prompt_attention gives."""
    captions = json.loads((CASES / "captions.json").read_text())
    expected = json.loads((CASES / "expected.json").read_text())
    assert [each["caption"] for each in expected] == captions
    for each in expected:
        pieces = [(text, round(weight, 6)) for text, weight in each["pieces"]]
        assert rounded(each["caption"]) == pieces, each["caption"]


@given(st.text(alphabet="ab ,.:()[]\\12", max_size=40))
def test_every_text_is_read_and_none_is_lost(caption: str) -> None:
    parts = parse_weights(caption)
    letters = [char for char in "".join(text for text, _ in parts) if char in "ab"]
    assert letters == [char for char in caption if char in "ab"]
    assert all(one.weight != other.weight for one, other in pairwise(parts))


@pytest.mark.parametrize(
    ("tags", "over"),
    [
        (("(red hair", "smile:1.2)", "sky"), ("(red hair", "smile:1.2)")),
        (("a", "[b", "c", "d] x", "e"), ("[b", "c", "d] x")),
        (("((a)", "b)"), ("((a)", "b)")),
        (("(a:1.2)", "saber (fate)", "[b]"), ()),
        ((":(", "smile", ":["), ()),
        ((":)", ":("), ()),
        ((r"\(a", r"b\)"), ()),
        (("(a", "b]"), ()),
        ((), ()),
    ],
)
def test_brackets_over_several_tags(tags: tuple[str, ...], over: tuple[str, ...]) -> None:
    """S025: a comma inside a bracket; faces and plain signs are none."""
    assert spanning(tags) == over


@given(st.lists(st.text("a()[]\\:1. ", max_size=8), max_size=6))
def test_a_bracket_over_tags_has_open_ends(tags: list[str]) -> None:
    over = spanning(tags)
    assert len(over) != 1
    if over:
        assert any(open_ends(tag)[1] for tag in over)
        assert any(open_ends(tag)[0] for tag in over)


@given(st.text("a()[]\\:1. ", max_size=12))
def test_ends_are_the_same_where_each_sign_is_looked_at(tag: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = open_ends(tag)
        patch.setattr(prompt_weights, "_CLOSED", re.compile("(?!)"))  # nothing matches
        assert open_ends(tag) == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ""),
        ("a (b) [c:2] (d (e:1.2):.5)", ""),
        (r"saber \(fate\), \)", ""),
        ("(a", "a '(' is never closed"),
        ("[a (b)", "a '[' is never closed"),
        ("a)", "a ')' closes nothing"),
        ("a:1.5)", "a ')' closes nothing"),
        (":)", "a ')' closes nothing"),
        ("(a]", "a '(' is closed by ']'"),
        ("[a:1.5)", "a '[' is closed by ')'"),
    ],
)
def test_what_is_wrong_with_brackets(text: str, problem: str) -> None:
    assert bracket_problem(text) == problem


@given(st.text(alphabet="ab ,.:()[]\\12", max_size=40))
def test_sound_brackets_are_all_obeyed(caption: str) -> None:
    """A text without a problem has no bracket left in what is encoded but those that were escaped."""
    escaped = caption.replace("\\(", "").replace("\\)", "").replace("\\[", "").replace("\\]", "")
    if bracket_problem(caption) == "" and "\\" not in escaped:
        read = "".join(text for text, _ in parse_weights(caption))
        assert sum(read.count(sign) for sign in "()[]") == caption.count("\\") - read.count("\\")


def parts(*tags: str, keep: int = 0, text: str = "") -> CaptionParts:
    return CaptionParts(tags[:keep], tags[keep:], (), text)


@pytest.mark.parametrize("rules", [{"shuffle": True}, {"tag_dropout": 0.1}, {"warmup_steps": 5}])
def test_brackets_over_a_comma_are_torn_where_tags_move(rules: dict[str, Any]) -> None:
    """S025: an error for shuffle and dropout, and fine for what never moves."""
    moving = CaptionRules(**rules)
    wide = ("(red hat", "blue coat:1.2)", "smile")
    assert "within the brackets of '(red hat, blue coat:1.2)'" in weights_problem(parts(*wide), moving)
    assert weights_problem(parts(*wide), CaptionRules()) == ""
    assert weights_problem(parts(*wide, keep=2), moving) == ""
    assert weights_problem(parts("(smile:1.2)", text="(a, b:1.1)"), moving) == ""
    assert weights_problem(parts("smile", "(hat"), CaptionRules()) == "a '(' is never closed"
    assert weights_problem(parts("a"), CaptionRules(prefix="(b")) == "a '(' is never closed"
