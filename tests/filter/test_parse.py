"""The filter language: what is read, and what is an error at which character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.errors import UserError
from curator.filter.language.error import FilterError
from curator.filter.language.parse import parse
from curator.filter.language.tree import (
    And,
    ClassTerm,
    Expr,
    Not,
    NumberTerm,
    Or,
    Sort,
    TagTerm,
    TextTerm,
    WordTerm,
)

A, B, C = TagTerm("a"), TagTerm("b"), TagTerm("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a OR b c", Or((A, And((B, C))))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("-a", Not(A)),
        ("NOT a b", And((Not(A), B))),
        ("--a", A),
        ("-(a b)", Not(And((A, B)))),
        ("or and", And((TagTerm("or"), TagTerm("and")))),
        ("saber_(fate)", TagTerm("saber_(fate)")),
        ("(saber_(fate))", TagTerm("saber_(fate)")),
        ("(saber_(fate) OR a)", Or((TagTerm("saber_(fate)"), A))),
        ("(o)_(o)", TagTerm("(o)_(o)")),
        (">_< :3 =_= ^_^", And((TagTerm(">_<"), TagTerm(":3"), TagTerm("=_="), TagTerm("^_^")))),
        ('"long hair" a', And((TagTerm("long hair", literal=True), A))),
        ('"re:zero"', TagTerm("re:zero", literal=True)),
        (r'"a\"b"', TagTerm('a"b', literal=True)),
        ("'90s", TagTerm("'90s")),
        ("girl's", TagTerm("girl's")),
        ("'two words'", TagTerm("two words", literal=True)),
        ("tag:sort", TagTerm("sort")),
        ('artist:"foo bar"', ClassTerm("artist", "foo bar")),
        ("series:fate*", ClassTerm("copyright", "fate*")),
        ("rating:general", ClassTerm("rating", "general")),
        ("width>=1024", NumberTerm("width", 1024, None)),
        ("width< 1024", NumberTerm("width", None, 1024, high_open=True)),
        ("WIDTH!=5", NumberTerm("width", 5, 5, negated=True)),
        ("bytes:200k..3M", NumberTerm("bytes", 200_000, 3_000_000)),
        ("tags:..4", NumberTerm("tags", None, 4)),
        ("tags:4..", NumberTerm("tags", 4, None)),
        ("ratio:3:2", NumberTerm("ratio", 1.5, 1.5)),
        ("ratio>16/10", NumberTerm("ratio", 1.6, None, low_open=True)),
        ("untagged", NumberTerm("tags", 0, 0)),
        ('"untagged"', TagTerm("untagged", literal=True)),
        ("path:/data/x", TextTerm("path", "/data/x")),
        (r"path:/a\/b (c|d)/ a", And((TextTerm("path", "a/b (c|d)", regex=True), A))),
        ("caption:'red dress'", TextTerm("caption", "red dress")),
        ("mark:KEEP", WordTerm("mark", "keep", 0)),
        ("mark!=keep", Not(WordTerm("mark", "keep", 0))),
        ("format:jpg", WordTerm("format", "jpeg", 0)),
        ("a bucket:832x1216", And((A, WordTerm("bucket", "832x1216", 2)))),
        ("", None),
        ("   ", None),
    ],
)
def test_trees(text: str, tree: Expr | None) -> None:
    assert parse(text).where == tree


def test_order_and_limit_stand_anywhere() -> None:
    query = parse("sort:-bytes a limit:5 sort:name")
    assert (query.where, query.sort, query.limit) == (A, (Sort("bytes", True), Sort("name")), 5)


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("a widht>5", 2, "did you mean 'width'?"),
        ("artits:x", 0, "did you mean 'artist'?"),
        ("re:zero", 0, 'written "re:zero"'),
        ("d:", 0, 'written "d:"'),
        ("a id:", 2, 'written "id:"'),
        ("a ;)", 3, 'written ";)"'),
        ("a (: b", 2, 'written "(:"'),
        ("id:1,x", 0, "id:1,5,9..12"),
        ("id:1,", 0, "id:1,5,9..12"),
        ("id>1,2", 0, "write id:VALUE"),
        ("a (b", 2, "add )"),
        ("a ) b", 2, ""),
        ("a ()", 3, ""),
        ('a "b', 2, ""),
        ("OR a", 0, ""),
        ("a OR", 2, ""),
        ("a OR OR b", 2, ""),
        ("AND a", 0, ""),
        ("a AND", 2, ""),
        ("a AND AND b", 2, ""),
        ("(AND a)", 1, ""),
        ("NOT", 0, ""),
        ("a NOT OR b", 2, ""),
        ("width:big", 0, "write width>=10"),
        ("width:", 0, ""),
        ("width:9..3", 0, "smaller"),
        ("width:..", 0, ""),
        ("width:5k", 0, ""),
        ("date:2021-13", 0, ""),
        ("date:2021-02-30", 0, ""),
        ("date:0000", 0, ""),
        ("date:99999", 0, ""),
        ("ratio:1:0", 0, ""),
        ("mark:kep", 0, "did you mean 'keep'?"),
        ("mark>keep", 0, ""),
        ("artist>x", 0, ""),
        ("bucket:big", 0, "bucket:832x1216"),
        ("sha:xyz", 0, ""),
        ("sort:hight", 0, "did you mean 'height'?"),
        ("-limit:5", 1, ""),
        ("(sort:id)", 1, ""),
        ("limit:-1", 0, ""),
        ("limit>5", 0, ""),
        ("caption:/(/", 0, ""),
        ('""', 0, ""),
    ],
)
def test_errors_point_at_the_character(text: str, position: int, hint: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.text == text
    assert hint in caught.value.hint
    assert isinstance(caught.value, UserError)


def test_own_classes_are_keys() -> None:
    assert parse("outfit:dress", ["outfit"]).where == ClassTerm("outfit", "dress")


def test_many_terms_and_deep_brackets() -> None:
    assert len(parse("a " * 10_000).where.parts) == 10_000  # type: ignore[union-attr]
    assert len(parse(" OR ".join(["a"] * 10_000)).where.parts) == 10_000  # type: ignore[union-attr]
    assert parse("-" * 10_000 + "a").where == A
    assert parse("(" * 90 + "a" + ")" * 90).where == A
    for text in ("(" * 1000 + "a" + ")" * 1000, "(" * 100_000, "-(" * 5000):
        with pytest.raises(FilterError):
            parse(text)


pieces = st.sampled_from(
    ["a", "(", ")", " ", "-", "NOT ", "OR ", "AND ", '"', "'", "tag:", "width", ">=", "5", "..", "sort:", "*", "/", ":",
     "\\",      "date:2021", "é", "\udcff", "\n", "caption:", "mark:keep", "limit:3", "=", "!="]
)  # fmt: skip


@given(st.one_of(st.text(max_size=40), st.lists(pieces, max_size=25).map("".join)))
def test_anything_is_a_filter_or_a_filter_error(text: str) -> None:
    error: FilterError | None = None
    try:
        parse(text)
    except FilterError as raised:
        error = raised
    assert error is None or 0 <= error.position <= len(text)
    assert error is None or str(error).isprintable()
