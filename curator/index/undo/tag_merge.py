"""The tags of an image when an older change of them is undone and later ones stand."""

from __future__ import annotations

from collections.abc import Sequence, Set


def merged_tags(
    before: Sequence[str], after: Sequence[str], now: Sequence[str], touched: Set[str]
) -> list[str]:
    """The tags `now`, without what leads from `before` to `after`, as far as nobody `touched` it since.

    What stays keeps its order; a tag that comes back goes behind the one nearest before it in `before`.
    """
    came = set(after) - set(before) - touched
    stay = [tag for tag in now if tag not in came]
    back = set(before) - set(after) - touched - set(stay)
    found = list(stay)
    for place, tag in enumerate(before):
        if tag in back:
            left = next((each for each in reversed(before[:place]) if each in found), None)
            found.insert(0 if left is None else found.index(left) + 1, tag)
    return found
