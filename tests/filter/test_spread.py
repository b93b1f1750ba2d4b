"""How numbers are spread over images, also those that are no field of the filter."""

from __future__ import annotations

import pytest

from curator.contract.errors import UserError
from curator.filter.language.fields import FIELDS as OF_FILTERS
from curator.filter.spread import FIELDS
from curator.index.changes.edits import AddTags, SetCaption
from curator.session.session import Session
from tests.tui.conftest import pictures, session

__all__ = ["pictures", "session"]


def test_bars_count_every_image_once_and_are_filters(session: Session) -> None:
    images = session.images.select("").bitmap()
    session.edits.apply(AddTags(tuple(f"tag {at}" for at in range(40))), [1])
    session.edits.apply(SetCaption("a photo of a cat"), [6])
    for field in FIELDS:
        found = session.images.spread(field, images)
        assert sum(each.images for each in found.bars) == found.known
        if found.field in OF_FILTERS:
            for each in found.bars:
                terms = f"{found.field}>={each.at_least:.10g} {found.field}<{each.below:.10g}"
                assert len(session.images.select(terms)) == each.images, terms
    year = session.images.spread("year", images)
    assert (year.field, year.known, len(year.bars)) == ("date", 6, 1)
    assert year.bars[0].below - year.bars[0].at_least == 1
    tokens = session.images.spread("tokens", images).bars
    assert sum(each.images for each in tokens if each.at_least >= 75) == 1
    one = session.images.spread("tokens", session.images.select("id:6").bitmap()).bars
    assert (one[0].at_least, one[0].images) == (5, 1)
    with pytest.raises(UserError):
        session.images.spread("weight", images)
