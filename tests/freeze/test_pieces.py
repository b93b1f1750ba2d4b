"""Byte strings picked out by numpy are those that Python picks one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curator.freeze.packing.pieces import PieceJoiner

pieces = st.lists(st.binary(max_size=6).map(lambda each: each.replace(b"\0", b"")), min_size=1, max_size=20)


@given(pieces, st.lists(st.binary(max_size=5), min_size=1, max_size=3), st.integers(1, 4), st.data())
def test_any_pieces_in_any_order(
    texts: list[bytes], leads: list[bytes], rows: int, data: st.DataObject
) -> None:
    joiner = PieceJoiner(len(texts))
    half = len(texts) // 2
    for some in (texts[:half], texts[half:]):
        joiner.add(b"".join(text + b"\0" for text in some))
    joined = joiner.closed()
    at = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=30))
    lead_of = data.draw(st.lists(st.integers(0, len(leads) - 1), min_size=len(at), max_size=len(at)))
    meant = [leads[lead] + texts[place] for place, lead in zip(at, lead_of, strict=True)]
    found = joined.with_prefixes(np.array(at), np.array(lead_of), leads)
    assert [found.one(row) for row in range(len(at))] == meant
    assert found.lengths.tolist() == [len(each) for each in meant]
    assert found.split_every(rows) == [
        b"".join(meant[first : first + rows]) for first in range(0, len(meant), rows)
    ]
    plain = joined.take(np.array(at))
    assert [plain.one(row) for row in range(len(at))] == [texts[place] for place in at]
