"""Reviews: what a rule would change, counted before it is done, is what it then changes."""

from __future__ import annotations

import numpy as np
import pytest

from curator.contract.errors import UserError
from curator.index.tables.metadata import PostFacts
from curator.tags.review import RULES, SAMPLE, carry_out_rule, glance, review
from curator.tags.tables import default_tables, with_changes
from tests.tags.conftest import Post

TABLES = with_changes(
    default_tables(),
    {
        "head": {"tags": ["anime"]},
        "clean": {"replace": {"kitty": "cat"}},
        "relations": {"when": [{"has": ["kitty"], "add": ["animal"]}]},
    },
)


def _posts():
    posts = []
    for number in range(40):
        facts = PostFacts(number, rating="general", fav=number, posted=1_600_000_000)
        tags = ("long hair", "1girl", "kitty" if number % 2 else "cat")
        posts.append(Post(tags, facts=facts))
    return posts


@pytest.mark.parametrize("rule", RULES)
def test_what_is_reviewed_is_what_changes(rows, rule):
    """S011, S013, S014, S016, S034, B13: as many images as were counted, and nothing the second time."""
    collection = rows(_posts(), {"long hair": "general"})
    ids = np.arange(1, 41)
    found = review(collection, rule, ids, TABLES)
    assert found.images > 0
    assert found.changes
    done = carry_out_rule(collection, rule, ids, TABLES)
    if rule == "count":  # a class is the tag's: its images stand as they were
        assert [tag.cls for tag in collection.all_tags() if tag.name == "1girl"] == ["count"]
    else:
        assert sum(each.images_changed for each in done) == found.images
    assert review(collection, rule, ids, TABLES).images == 0


def test_changes_name_what_becomes_what(rows):
    collection = rows(_posts())
    ids = np.arange(1, 41)
    (change,) = review(collection, "clean", ids, TABLES).changes
    assert (change.images, change.before, change.after) == (20, "kitty", "cat")
    order = review(collection, "order", ids, TABLES).changes
    assert {each.after for each in order} == {"1girl, long hair, cat", "1girl, long hair, kitty"}


def test_a_glance_says_that_it_saw_a_sample(rows):
    collection = rows([Post(("kitty",))] * (SAMPLE + 50))
    ids = np.arange(1, SAMPLE + 51)
    found = glance(collection, "clean", ids, TABLES)
    assert (found.looked_at, found.images, found.sampled_from) == (SAMPLE, SAMPLE, SAMPLE + 50)
    assert glance(collection, "head", ids, TABLES).looked_at == SAMPLE + 50


def test_a_review_can_be_given_up(rows):
    class GivenUpError(Exception):
        pass

    def stop(_done, _total):
        raise GivenUpError

    with pytest.raises(GivenUpError):
        review(rows(_posts()), "clean", np.arange(1, 41), TABLES, stop)


def test_a_table_that_cannot_be_used_is_refused(rows):
    tables = with_changes(default_tables(), {"order": {"within": "nam"}})
    with pytest.raises(UserError, match=r"order\.within"):
        review(rows(_posts()), "order", np.arange(1, 41), tables)
