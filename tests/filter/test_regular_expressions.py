"""Regular expressions in filters: what they find, and that none goes on for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.filter.cancel import Cancelled
from curator.filter.evaluate import select
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from tests.images import NewImage, add_images

CAPTIONS = ["a Red dress", "red", "a" * 60 + "!"]


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path)
    facts = FileFacts(b"1" * 32, 1000, 0, 64, 64, "png")
    with made.writing():
        root = made.images.root("/data")
        add_images(
            made, [NewImage(root, f"{at}.png", facts, (), caption) for at, caption in enumerate(CAPTIONS)]
        )
    return made


def test_what_fits_is_found_in_any_case(collection: Collection) -> None:
    assert select(collection, "caption:/^a .*RED\\b/").ids.tolist() == [1]
    assert select(collection, "name:/[01]\\.png/").ids.tolist() == [1, 2]


@pytest.mark.parametrize("text", ["caption:/(a|aa)+$/", "-caption:/(a|aa)+$/"])
def test_one_that_would_never_end_is_refused(collection: Collection, text: str) -> None:
    with pytest.raises(UserError, match=r"/\(a\|aa\)\+\$/ takes too long"):
        select(collection, text)


def test_one_that_nobody_waits_for_ends(collection: Collection) -> None:
    with pytest.raises(Cancelled):
        select(collection, "caption:/(a|aa)+$/", lambda: True)


@pytest.mark.parametrize("text", ["caption:/[/", "caption:/(?<n>/", "caption:/" + "(" * 5000 + "/"])
def test_a_wrong_one_is_pointed_at(collection: Collection, text: str) -> None:
    with pytest.raises(UserError, match="the regular expression is wrong"):
        select(collection, text)
