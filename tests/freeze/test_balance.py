"""Repeats that share an epoch out: equally, or by kohya's rule for regularisation (S045, S047, B14)."""

from __future__ import annotations

import pytest

from curator.contract.errors import UserError
from curator.freeze.balance import equal_shares, regularised
from curator.freeze.preview import SubsetShare


def share(name: str, images: int, repeats: float) -> SubsetShare:
    return SubsetShare(name, "", images, repeats, round(images * repeats), 0.0, 0.0)


def test_equal_shares_keep_the_epoch_as_long_as_it_was() -> None:
    changed = equal_shares([share("a", 100, 1), share("b", 20, 1), share("none", 0, 5)])
    assert {each.name: each.repeats for each in changed} == {"a": 0.6, "b": 3.0}
    assert sum(each.samples for each in changed) == 120


def test_regularisation_matches_the_training_and_its_surplus_is_told() -> None:
    """S045, S047: 10 x 2 + 10 x 1 training samples, 60 of regularisation: 30 are surplus."""
    shares = [share("sls", 2, 10), share("cpc", 1, 10), share("reg", 60, 1)]
    (reg,), surplus = regularised(shares, ["reg"])
    assert (reg.repeats, reg.samples, surplus) == (0.5, 30, 30)


def test_too_little_regularisation_comes_more_often() -> None:
    (reg,), surplus = regularised([share("a", 4, 5), share("reg", 8, 1)], ["reg"])
    assert (reg.repeats, surplus) == (2.5, -12)


def test_nothing_to_balance() -> None:
    for shares, names in (
        ([share("a", 1, 1)], ["b"]),
        ([share("a", 1, 1)], ["a"]),
        ([share("a", 1, 1), share("b", 0, 1)], ["b"]),
    ):
        with pytest.raises(UserError):
            regularised(shares, names)
    with pytest.raises(UserError):
        equal_shares([share("a", 0, 1)])
