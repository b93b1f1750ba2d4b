"""Repeats that share an epoch out equally (B14)."""

from __future__ import annotations

import pytest

from curator.contract.errors import UserError
from curator.freeze.balance import equal_shares
from curator.freeze.preview import SubsetShare


def share(name: str, images: int, repeats: float) -> SubsetShare:
    return SubsetShare(name, "", images, repeats, round(images * repeats), 0.0, 0.0)


def test_equal_shares_keep_the_epoch_as_long_as_it_was() -> None:
    changed = equal_shares([share("a", 100, 1), share("b", 20, 1), share("none", 0, 5)])
    assert {each.name: each.repeats for each in changed} == {"a": 0.6, "b": 3.0}
    assert sum(each.samples for each in changed) == 120


def test_repeats_count_in_what_is_shared_out() -> None:
    """B14"""
    changed = equal_shares([share("a", 10, 4), share("b", 20, 0.5)])
    assert [(each.name, each.before, each.repeats) for each in changed] == [("a", 4, 2.5), ("b", 0.5, 1.25)]


def test_nothing_to_balance() -> None:
    with pytest.raises(UserError, match="no subset shows an image"):
        equal_shares([share("a", 0, 1)])
