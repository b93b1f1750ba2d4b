"""The text of a filter, changed by keys: what was typed stays, and the result is always a filter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.filter.language.error import FilterError
from curator.filter.language.parse import parse
from curator.tui.filter_text import as_prefix, sort_of, sorted_by, with_tag


@pytest.mark.parametrize(
    ("text", "wanted", "result"),
    [
        ("", True, "cat"),
        ("dog", False, "dog -cat"),
        ("-cat dog", True, "dog cat"),
        ('tag:"cat" dog', False, "dog -cat"),
        ("cat OR dog sort:-width limit:5", True, "(cat OR dog) cat sort:-width limit:5"),
        ("NOT cat", True, "NOT cat cat"),
        ('(a OR b) -(c d) "x y"', True, '(a OR b) -(c d) "x y" cat'),
        ("width>=5", True, "width>=5 cat"),
    ],
)
def test_a_tag_is_added_or_subtracted(text, wanted, result):
    assert with_tag(text, "cat", wanted=wanted) == result


@pytest.mark.parametrize("tag", ["long hair", "OR", ":)", 'a "b" \\c', "a*b", "x:y", "(", "-minus", "été"])
def test_any_tag_can_be_named(tag):
    for wanted in (True, False):
        where = parse(with_tag("dog OR cat", tag, wanted=wanted)).where
        assert tag.replace(" ", "_") in str(where).replace("\\\\", "\\").replace(" ", "_") or '"' in tag


def test_an_order_replaces_the_order():
    assert sorted_by("cat sort:width dog sort:-id", "-height") == "cat dog sort:-height"
    assert sorted_by("cat sort:width", "") == "cat"
    assert sorted_by("- cat", "-width") == "- cat sort:-width"  # a tag named "-", and no "not"
    assert sort_of("cat sort:-width") == "-width"
    assert sort_of("cat") == ""


PIECES = st.sampled_from(
    ["cat", "-cat", "OR", "NOT", "(", ")", "-", "sort:-id", "limit:3", '"x y"', "w:(", "width>3", " ", "AND"]
)


@given(st.lists(PIECES, max_size=8).map(" ".join))
def test_a_filter_stays_a_filter(text):
    try:
        parse(text)
    except FilterError:
        return
    changed = with_tag(text, "long hair", wanted=False)
    assert "long_hair" in str(parse(changed).where)
    in_order = sorted_by(text, "-width")
    assert sort_of(in_order) == "-width"
    assert parse(in_order).where == parse(text).where


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("long_h", "long_h*"),
        ("cat ani", "cat ani*"),
        ("(cat OR ani", "(cat OR ani*"),
        ("cat -ani", "cat -ani"),
        ("NOT ani", "NOT ani"),
        ("a", "a"),
        ("ani ", "ani "),
        ("width>=12", "width>=12"),
        ('"ani', '"ani'),
        ('"ani"', '"ani"'),
        ("an*", "an*"),
        ("untagged", "untagged"),
        ("", ""),
    ],
)
def test_the_word_being_typed_is_a_prefix(typed, meant):
    assert as_prefix(typed) == meant
