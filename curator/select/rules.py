"""The rules of a pick: ranges, a date, an order, a split, caps, lists; and how each is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.regular_file import TEXT_BYTES, decoded, read_regular
from curator.filter.language.fields import is_score

Order = Literal["random", "score", "fav", "posted", "post", "id"]
ORDERS: tuple[Order, ...] = ("random", "score", "fav", "posted", "post", "id")
Method = Literal["keyed", "kohaku"]
Shortage = Literal["shrink", "fill", "stop"]
_RANGE = re.compile(r"(\d+)?\.\.(\d+)?(?::(\d+|all))?")
_AGO = re.compile(r"(\d+)([ymd])")
_POSTS_BYTES = 1 << 30
_LINE = re.compile(r"\s+#.*$")


@dataclass(frozen=True)
class Range:
    """Post numbers `first` to `last` (None: no end), of which `count` are drawn (None: all)."""

    first: int
    last: int | None
    count: int | None

    def __str__(self) -> str:
        return f"{self.first}..{'' if self.last is None else self.last}"


@dataclass(frozen=True)
class PickRules:
    """What is picked, in order: the filter, the lists of posts and of tags, the date, the ranges, the caps, the top.

    `by` is one of `ORDERS`, or `score(NAME)`. `tags` are any-of. `since` is the first second that counts. `cap` is the
    most images of each tag of `cap_class`. `split` is a filter: its images make `share` of the `top`, others the rest.
    With `draw_all` ranges of a dump are drawn from all its posts, and those without an image leave then.
    """

    filter: str = ""
    tags: tuple[str, ...] = ()
    since: int | None = None
    ranges: tuple[Range, ...] = ()
    method: Method = "keyed"
    seed: int = 0
    by: Order | str = "random"
    top: int | None = None
    split: str = ""
    share: float = 0.5
    shortage: Shortage = "shrink"
    cap: int | None = None
    cap_class: str = "artist"
    draw_all: bool = False
    posts: NDArray[np.int64] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.by not in ORDERS and not is_score(self.by):
            hint = did_you_mean(self.by, (*ORDERS, "score(NAME)"))
            raise UserError(f"there is no order '{self.by}'", hint)
        if self.split and self.top is None:
            raise UserError("a split needs the number of images to split", "add --top N")
        if not 0.0 < self.share < 1.0:
            raise UserError(f"the share is {self.share}", "give a number between 0 and 1, such as 0.5")
        if self.method == "kohaku" and not self.ranges:
            raise UserError("the method kohaku draws from ranges", "add --range FIRST..LAST:COUNT")
        if self.draw_all and not self.ranges:
            raise UserError("nothing is drawn from all posts", "add --range FIRST..LAST:COUNT")
        for one, next_one in pairwise(sorted(self.ranges, key=lambda each: each.first)):
            if one.last is None or next_one.first <= one.last:
                raise UserError("two ranges hold the same numbers", "let each begin after the one before")


def parse_range(text: str) -> Range:
    """`0..2999999:1000000`, `5000000..:all`, `..99`.

    Raises:
        UserError: it is none.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None or not (found[1] or found[2]):
        raise UserError(f"'{text}' is no range", "write FIRST..LAST:COUNT, such as 0..2999999:1000000")
    first, last = int(found[1] or 0), int(found[2]) if found[2] else None
    if last is not None and last < first:
        raise UserError(f"the range {text} ends before it begins", "write the smaller number first")
    return Range(first, last, int(found[3]) if found[3] and found[3] != "all" else None)


def parse_since(text: str, today: date) -> int:
    """The first second (UTC) of a day: `2019-07-29`, or `4y`, `6m`, `30d` before `today`. The day itself counts.

    Raises:
        UserError: it is none of these.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        day = _before(today, int(ago[1]), ago[2]) if ago else date.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise UserError(f"'{text}' is no date", "write 2019-07-29, or 4y, 6m, 30d") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _before(today: date, count: int, unit: str) -> date:
    if unit == "d":
        return date.fromordinal(today.toordinal() - count)
    months = today.year * 12 + today.month - 1 - count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    for day in range(today.day, 27, -1):  # the 31st of a month that has none is its last day
        try:
            return date(year, month + 1, day)
        except ValueError:
            continue
    return date(year, month + 1, today.day)


def read_posts(file: Path) -> NDArray[np.int64]:
    """Numbers of posts, one a line, as `frieze pick --dump --ids` prints them.

    Raises:
        UserError: the file cannot be read, or holds something else.
    """
    try:
        numbers = np.array(read_regular(file, limit_bytes=_POSTS_BYTES).split(), np.int64)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}", "give a text file") from error
    except (ValueError, OverflowError) as error:
        raise UserError(f"{file} holds more than numbers of posts", "write one number a line") from error
    if not len(numbers):
        raise UserError(f"{file} holds no number of a post", "write one number a line")
    return numbers


def read_list(file: Path) -> tuple[str, ...]:
    """Tags of a hand-made list: one a line, `#` begins a comment.

    Raises:
        UserError: the file cannot be read, or holds no tag.
    """
    try:
        text = decoded(read_regular(file, limit_bytes=TEXT_BYTES))[0]
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}", "give a text file") from error
    lines = (_LINE.sub("", line).strip() for line in text.splitlines())
    names = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not names:
        raise UserError(f"{file} holds no tag", "write one tag a line")
    return names
