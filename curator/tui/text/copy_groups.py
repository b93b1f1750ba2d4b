"""Groups of copies as text: how alike they are, and tags not all of them have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.text import Text

from curator.contract.text import counted, visible
from curator.tui import meanings

if TYPE_CHECKING:
    from curator.session.images.copies import Group
    from curator.session.images.images import ImageRow, PostFacts
    from curator.session.session import Session

DISTANCES: tuple[int | None, ...] = (None, 0, 2, 4, 6, 8, 10)  # of 64 bits; None: only the same file
_SCORES = 3  # of models, that a column has room for


@dataclass(frozen=True)
class Likeness:
    """What counts as the same image, and which one of a group is the best."""

    distance: int | None = None
    best: str = "size"  # one of `session.copies.orders()`

    def in_words(self) -> str:
        """`the same file`, or `alike to 6 bits`, and the order."""
        likeness = "the same file" if self.distance is None else f"alike to {self.distance} of 64 bits"
        return f"{likeness}, best by {self.best}"

    def nearer(self, steps: int) -> Likeness:
        """The next distance up or down; at the end it stays."""
        place = DISTANCES.index(self.distance) if self.distance in DISTANCES else 0
        return Likeness(DISTANCES[max(0, min(len(DISTANCES) - 1, place + steps))], self.best)

    def next_order(self, orders: Sequence[str]) -> Likeness:
        """Another order of what is best."""
        place = orders.index(self.best) + 1 if self.best in orders else 0
        return Likeness(self.distance, orders[place % len(orders)])


@dataclass(frozen=True)
class CopyShown:
    """One image of a group; `how` says how like the best it is."""

    row: ImageRow
    how: str
    facts: PostFacts
    scores: tuple[tuple[str, float], ...]
    own_words: tuple[str, ...]  # tags that another of the group lacks


def look_for(
    reader: Session, text: str, likeness: Likeness, progress: Callable[[int, int], None]
) -> list[Group]:
    """The groups among the images of a filter, those with the most copies first.

    Images not looked at before are looked at first; what was seen is kept when `progress` raises to stop.
    """
    found = reader.images.select(text).ids
    if likeness.distance is not None:
        with reader.apart() as own:
            own.copies.fingerprint(found.tolist(), progress)
    groups = reader.copies.find(found, likeness.distance, likeness.best)
    return sorted(groups, key=lambda group: -len(group.copies))


def shown_copies(session: Session, group: Group) -> list[CopyShown]:
    """The images of a group that are still there, the best first."""
    how = {group.best: "best"}
    for copy in group.copies:
        how[copy.image] = "same file" if copy.exact else f"{copy.distance} bits off"
    rows = session.images.rows([group.best, *(copy.image for copy in group.copies)])
    tags = {row.id: [tag.name for tag in session.images.tags_of(row.id)] for row in rows}
    everywhere = set.intersection(*(set(each) for each in tags.values())) if tags else set[str]()
    return [
        CopyShown(
            row,
            how[row.id],
            session.images.post_of(row.id),
            tuple(session.images.scores_of(row.id).items())[:_SCORES],
            tuple(tag for tag in tags[row.id] if tag not in everywhere),
        )
        for row in rows
    ]


def about_copy(copy: CopyShown, width: int, *, number: int, is_current: bool) -> list[Text]:
    """A column's lines: what it is, its size, what is thought of it, where it is, and its own tags."""
    row = copy.row
    mark = {1: "  keep", -1: "  reject"}.get(row.mark, "")
    colour = {1: meanings.KEPT, -1: meanings.REJECTED}.get(row.mark, "")
    title = f"{'>' if is_current else ' '}{number} {copy.how}{mark}"
    values = [
        f"{name} {value:,}"
        for name, value in (("score", copy.facts.score), ("fav", copy.facts.fav))
        if value is not None
    ] + [f"{visible(name)} {value:.2f}" for name, value in copy.scores]
    words = ", ".join(copy.own_words) or "no tag of its own"
    return [
        Text(title, f"bold {colour or meanings.BAR} reverse" if is_current else f"bold {colour}".strip()),
        Text(f"  {row.width}x{row.height}  {counted(row.file_bytes, 'byte')}  {row.format}"),
        Text(f"  {'  '.join(values) or 'no score'}"),
        Text(f"  {visible(row.path)}"),
        *(Text(line, "italic") for line in wrap(visible(f"+ {words}"), max(10, width))),
    ]
