"""The order of tags by rules for the whole set (B13, S016)."""

from __future__ import annotations

from typing import Any

import pytest

from curator.contract.caption.captions import CaptionRules, split_caption
from curator.contract.errors import UserError
from curator.tags.order import order_rule, ordered_annotations
from curator.tags.rewriting import commit
from curator.tags.tables import default_tables, with_changes
from tests.tags.conftest import Post

CLASSES = {"miku": "character", "vocaloid": "copyright", "ann": "artist", "highres": "meta", "safe": "rating",
           "masterpiece": "quality", "newest": "date", "mine": "my_own"}  # fmt: skip
TAGS = (
    "smile",
    "masterpiece",
    "ann",
    "highres",
    "newest",
    "miku",
    "sky",
    "safe",
    "1girl",
    "vocaloid",
    "mine",
)


def ordered(collection: Any, changes: dict[str, Any] | None = None) -> list[str]:
    rule = order_rule(with_changes(default_tables(), changes or {}))
    commit(collection, ordered_annotations(collection, [1], rule), "order")
    return [tag.name for tag in collection.tags_of(1)]


def test_people_character_series_artist_special_general(rows: Any) -> None:
    """S016, B13: equal classes keep the order they had; `1girl` is a count whatever its class."""
    assert ordered(rows([Post(TAGS)], CLASSES)) == [
        "1girl", "miku", "vocaloid", "ann", "safe", "masterpiece", "newest", "highres", "mine", "smile", "sky",
    ]  # fmt: skip


def test_pins(rows: Any) -> None:
    changes = {"order": {"first": ["sky", "absent", "masterpiece"], "last": ["1girl"]}}
    result = ordered(rows([Post(TAGS)], CLASSES), changes)
    assert (result[:2], result[-1]) == (["sky", "masterpiece"], "1girl")


def test_a_separator_stands_behind_the_classes_that_captions_keep(rows: Any) -> None:
    """S016-S018: it is put there once, moves with the tags, and goes with nothing but them."""
    changes = {"order": {"separator": "|||", "separator_after": "artist"}}
    collection = rows([Post(TAGS)], CLASSES)
    wanted = [
        "1girl", "miku", "vocaloid", "ann", "|||", "safe", "masterpiece", "newest", "highres", "mine", "smile", "sky",
    ]  # fmt: skip
    assert ordered(collection, changes) == wanted
    assert not list(ordered_annotations(collection, [1], order_rule(with_changes(default_tables(), changes))))
    assert ordered(collection, {"order": {**changes["order"], "separator_after": "quality"}})[6:8] == [
        "|||",
        "newest",
    ]
    parts = split_caption(wanted, "", CaptionRules(keep_separator="|||", shuffle=True))
    assert (parts.head, parts.middle[0]) == (("1girl", "miku", "vocaloid", "ann"), "safe")
    with pytest.raises(UserError, match="separator_after is 'artst'"):
        order_rule(
            with_changes(default_tables(), {"order": {"separator": "|||", "separator_after": "artst"}})
        )


@pytest.mark.parametrize(
    ("within", "end"), [("name", ["a", "b", "c"]), ("common", ["c", "a", "b"]), ("keep", ["b", "c", "a"])]
)
def test_inside_a_class(rows: Any, within: str, end: list[str]) -> None:
    collection = rows([Post(("b", "c", "a")), Post(("c",)), Post(("c", "a"))])
    assert ordered(collection, {"order": {"within": within}}) == end


def test_one_undo_brings_the_old_order_back(rows: Any) -> None:
    collection = rows([Post(TAGS)], CLASSES)
    ordered(collection)
    assert not list(ordered_annotations(collection, [1], order_rule(default_tables())))
    collection.undo()
    assert [tag.name for tag in collection.tags_of(1)] == list(TAGS)


def test_an_unknown_order_inside_a_class(rows: Any) -> None:
    with pytest.raises(UserError):
        ordered(rows([Post(TAGS)]), {"order": {"within": "size"}})
