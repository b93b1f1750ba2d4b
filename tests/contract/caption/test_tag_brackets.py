"""Brackets of a tag's own name: told apart from weights, and written so that they are plain signs (S025)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.caption.captions import CaptionRules, caption_of, split_caption, stored_rules
from curator.contract.caption.prompt_weights import Weighted, parse_weights, weights_problem
from curator.contract.caption.tag_brackets import escaped, is_qualified
from curator.contract.epoch_plan import Sample

PLAIN = CaptionRules(escape_parentheses=True)


@given(st.text(st.sampled_from("ab (:)[]1.^_"), min_size=1, max_size=12))
def test_an_escaped_tag_weighs_one_and_reads_as_before(tag: str) -> None:
    assert parse_weights(escaped(tag)) == [Weighted(tag, 1.0)]
    assert escaped(escaped(tag)) == escaped(tag)


@pytest.mark.parametrize(
    ("tag", "is_one"),
    [
        ("saber (fate)", True),
        ("artoria pendragon (swimsuit ruler) (fate)", True),
        ("ram (re:zero)", True),
        ("saber_(fate)", True),
        ("hat (red:1.2)", False),
        ("(red hat:1.2)", False),
        ("(o)_(o)", False),
        (":)", False),
        (r"saber \(fate\)", False),
        ("smile (", False),
        ("smile ()", False),
        ("a [b]", False),
    ],
)
def test_what_a_qualified_tag_is(tag: str, is_one: bool) -> None:
    assert is_qualified(tag) is is_one
    if is_one:
        assert any(part.weight > 1 for part in parse_weights(tag))


def test_the_rule_leaves_the_free_text_its_weights() -> None:
    tags = ["saber (fate)", r"rin \(fate\)", ":)", "[x]", "smile"]
    rules = CaptionRules(escape_parentheses=True, trigger="sls (a)", keep_tags=1, prefix="(photo)")
    parts = split_caption(tags, "a (red:1.3) hat", rules)
    caption = caption_of(parts, rules, 1, Sample(0, 0, 0))
    assert caption == r"(photo) sls \(a\), saber \(fate\), rin \(fate\), :\), \[x\], smile, a (red:1.3) hat"
    assert [part.text for part in parse_weights(caption) if part.weight != 1.0] == ["photo", "red"]


def test_lines_of_a_text_that_become_tags_keep_their_weights() -> None:
    rules = CaptionRules(escape_parentheses=True, wildcards=True, shuffle=True)
    parts = split_caption(["saber (fate)"], "(red:1.3) hat\n(red:1.3) hat", rules)
    said = caption_of(parts, rules, 1, Sample(0, 0, 0)).split(", ")
    assert sorted(said) == ["(red:1.3) hat", r"saber \(fate\)"]


def test_the_rule_draws_as_without_it() -> None:
    tags = [f"t{number} (a)" for number in range(9)]
    rules = CaptionRules(shuffle=True, tag_dropout=0.3)
    for epoch in range(20):
        bare, escaped_too = (
            caption_of(split_caption(tags, "", each), each, 1, Sample(epoch, 0, 0))
            for each in (rules, CaptionRules(shuffle=True, tag_dropout=0.3, escape_parentheses=True))
        )
        assert escaped_too == escaped(bare)


def test_nothing_is_wrong_with_escaped_brackets() -> None:
    tags = [":)", "(a", "b)"]
    for rules, is_wrong in (
        (CaptionRules(shuffle=True), True),
        (CaptionRules(True, escape_parentheses=True), False),
    ):
        assert bool(weights_problem(split_caption(tags, "", rules), rules)) is is_wrong


def test_manifests_without_the_rule_are_as_ever() -> None:
    assert "escape_parentheses" not in stored_rules(CaptionRules())
    assert stored_rules(PLAIN)["escape_parentheses"] is True
