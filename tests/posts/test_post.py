"""Posts in all the ways that tools write them: one reader for dumps, downloaders' files and sidecars."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.posts.post import BAD_CAPTION, BAD_NUMBER, BAD_RATING, BAD_TAGS, SEVERAL, read_post, read_words
from curator.scan.sidecars.sidecar import Sidecar, read_sidecar

BY_CLASS = {"general": ["long_hair", "^_^"], "artist": ["some_one"], "species": ["red_fox"], "meta": []}
READ = ("long hair", "^_^", "some one", "red fox")


@pytest.mark.parametrize(
    ("row", "tags"),
    [
        ({"tag_string": "long_hair ^_^ a,b"}, ("long hair", "^_^", "a b")),
        ({"tags": "long_hair ^_^"}, ("long hair", "^_^")),
        ({"tags": "long_hair, ^_^,"}, ("long hair", "^_^")),
        ({"tags": ["long_hair", "^_^"]}, ("long hair", "^_^")),
        ({"tags": BY_CLASS}, READ),
        ({"tags": json.dumps(BY_CLASS)}, READ),
        ({"tags": '["long_hair", "^_^"]'}, ("long hair", "^_^")),
        ({"tags": list(BY_CLASS.items())}, READ),  # a map of Parquet
        ({"tags": {"general": "long_hair ^_^", "artist": "some_one"}}, ("long hair", "^_^", "some one")),
        ({"tags": {"a": 0.9, "b_c_d": 0.4}}, ("a", "b c d")),
        ({"tags": [{"id": "1", "name": "long_hair", "category": "0"}, {"name": "some_one", "category": "1"}]},
         ("long hair", "some one")),
        ({"tags": [{"names": ["long_hair", "lh"], "category": "default"}]}, ("long hair",)),
        ({"tag_string_artist": "some_one", "tag_string_general": "long_hair"}, ("some one", "long hair")),
        ({"tags_artist": ["some_one"], "tags_general": "long_hair"}, ("some one", "long hair")),
        ({"tags": "", "tag_string": "long_hair"}, ("long hair",)),
        ({"tags": 7, "tag_string": "long_hair"}, ("long hair",)),
        ({"tags": ["new"], "tag_string": "old"}, ("new",)),
        ({"tags": [], "tag_string": "old"}, ()),
        ({"tags": ""}, None),
        ({"tags": None}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_tags(row: dict[str, Any], tags: tuple[str, ...] | None) -> None:
    post = read_post({"id": 1, **row})
    assert post.tags == tags
    assert BAD_TAGS not in post.warnings


@pytest.mark.parametrize(
    "row", [{"tags": BY_CLASS}, {"tags": json.dumps(BY_CLASS)}, {"tags": [{"name": "some_one", "category": "1"}]},
            {"tag_string": "long_hair some_one", "tag_string_artist": "some_one"}, {"tags_artist": ["some_one"]}]
)  # fmt: skip
def test_classes(row: dict[str, Any]) -> None:
    assert dict(read_post({"id": 1, **row}).classes) == {"some one": "artist"}


@pytest.mark.parametrize("value", [7, True, [1, 2], [None, 3], {"artist": [5]}, [{"x": 1}]])
def test_tags_that_are_not_understood_are_told(value: Any) -> None:
    post = read_post({"id": 1, "tags": value})
    assert not post.tags
    assert post.warnings == (BAD_TAGS,)


def test_underscores_stay_where_it_is_no_post() -> None:
    assert read_post({"tags": ["long_hair"]}).tags == ("long_hair",)
    assert read_post({"tags": "long hair"}).tags == ("long hair",)
    assert read_words({"id": 3, "tags": ["long_hair"]}).tags == ("long_hair",)


@pytest.mark.parametrize(
    ("value", "rating"),
    [("g", "general"), ("s", "sensitive"), ("Questionable", "questionable"), ("safe", "general"), (0, "general"),
     (3, "explicit"), ("1", "sensitive"), (None, ""), ("", "")],
)  # fmt: skip
def test_ratings(value: Any, rating: str) -> None:
    """0 to 3 are HakuBooru's."""
    post = read_post({"id": 1, "rating": value})
    assert (post.rating, post.warnings) == (rating, ())


@pytest.mark.parametrize("value", [4, -1, "x", True, [], 0.5])
def test_ratings_that_are_none(value: Any) -> None:
    post = read_post({"id": 1, "rating": value})
    assert (post.rating, post.warnings) == ("", (BAD_RATING,))


def test_a_number_outside_of_a_post_is_no_rating() -> None:
    """Stars of an album are not what a booru calls explicit."""
    assert read_post({"rating": 3, "tags": ["a"]}).rating == ""


@pytest.mark.parametrize(
    ("row", "score", "favourites"),
    [
        ({"score": 5, "fav_count": 2}, 5, 2),
        ({"score": "5", "favorites": "2"}, 5, 2),
        ({"score": {"up": 9, "down": -1, "total": 8}}, 8, None),
        ({"score": {"up": 9, "down": -1}}, 8, None),
        ({"score": {"up": 9, "down": 1}}, 8, None),
        ({"fav_count": None, "favorite_count": 3}, None, 3),
        ({"fav_count": "?", "favs": ["1", "2"]}, None, 2),
    ],
)
def test_numbers(row: dict[str, Any], score: int | None, favourites: int | None) -> None:
    """The first key that can be read counts."""
    post = read_post(row)
    assert (post.score, post.favourites, post.warnings) == (score, favourites, ())


def test_the_first_date_that_can_be_read_counts() -> None:
    row = {"created_at": "yesterday", "date": "1970-01-02"}
    assert (read_post(row).posted, read_post(row).warnings) == (86400, ())
    assert read_post({"created_at": "yesterday"}).warnings == ("a date that cannot be read",)
    assert read_post({"score": {}}).warnings == (BAD_NUMBER,)


@pytest.mark.parametrize(
    ("row", "caption", "warnings"),
    [
        ({"caption": "a  cat"}, "a cat", ()),
        ({"text": ["a cat", "", "a pet"]}, "a cat\na pet", (SEVERAL,)),
        ({"captions": {"short": "cat", "long": "a cat"}}, "cat\na cat", (SEVERAL,)),
        ({"text": ["a cat"]}, "a cat", ()),
        ({"caption": 5, "text": "a cat"}, "a cat", ()),
        ({"caption": 5}, None, (BAD_CAPTION,)),
        ({"caption": ""}, "", ()),
        ({}, None, ()),
    ],
)
def test_captions(row: dict[str, Any], caption: str | None, warnings: tuple[str, ...]) -> None:
    post = read_post(row)
    assert (post.caption, post.warnings) == (caption, warnings)


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "rating": 0, "tags": BY_CLASS},
        {"id": 1, "tag_string": "long_hair some_one", "tag_string_artist": "some_one"},
        {"id": 2, "tags": ["long_hair"], "caption": ["one", "two"]},
        {"tags": {"a": 0.5}, "text": "said"},
    ],
)
def test_a_sidecar_and_a_dump_agree(row: dict[str, Any]) -> None:
    data = json.dumps(row).encode()
    sidecar = Sidecar._make(read_sidecar(".json", data, len(data), 0))
    post = read_post(row)
    rating = (post.rating,) if post.rating else ()
    assert sidecar.tags == (*(post.tags or ()), *rating)
    assert sidecar.caption == post.caption
    assert sidecar.classes[: len(post.classes)] == post.classes


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["id", "tags", "tag_string", "tags_artist", "rating", "score", "fav_count", "date", "caption"]
)


@given(st.dictionaries(KEYS, values, max_size=6))
def test_any_object_is_read(row: dict[str, Any]) -> None:
    """Whatever stands there, what comes out can be stored."""
    post = read_post(row)
    for tag in post.tags or ():
        assert tag == tag.strip()
        assert tag
        assert not set(tag) & set(",\n\r\0")
    assert {tag for tag, _ in post.classes} <= set(post.tags or ())
