"""Numbers, sizes, ratios and dates in a filter, and the range each stands for."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from curator.filter.language.error import FilterError
from curator.filter.language.fields import UNKNOWABLE, Field, is_named
from curator.filter.language.tree import IdsTerm, NumberTerm

if TYPE_CHECKING:
    from curator.filter.language.tokens import Token

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([kmg]?)b?", re.ASCII | re.IGNORECASE)
_RATIO = re.compile(r"(\d+(?:\.\d+)?)[:/](\d+(?:\.\d+)?)", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_SPAN = re.compile(r"(\d{1,10})(?:\.\.(\d{1,10}))?", re.ASCII)
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_HINTS = {
    "date": "write date:2021, date:2021-05 or date:2021..2023-06-30",
    "posted": "write posted:2021, posted:2021-05 or posted:2021..2023-06-30",
    "ratio": "write ratio>1.5, ratio:3:2 or ratio:0.6..0.7",
    "bytes": "write bytes>200k or bytes:1M..3M",
}


def number_term(field: Field, token: Token, text: str) -> NumberTerm:
    """The span a comparison asks for; a date (a year, a month, a day) is a span itself."""
    if token.text.lower() == "none" and token.sign in (":", "=", "!=") and _may_be_unknown(field):
        return NumberTerm(field.name, None, None, negated=token.sign != "!=")
    if token.sign in (":", "=", "!=") and ".." in token.text:
        return _between(field, token, text)
    first, beyond = _span(field, token.text, token, text)
    is_date = field.kind == "date"
    match token.sign:
        case ">":
            return NumberTerm(field.name, beyond, None, low_open=not is_date)
        case ">=":
            return NumberTerm(field.name, first, None)
        case "<":
            return NumberTerm(field.name, None, first, high_open=True)
        case "<=":
            return NumberTerm(field.name, None, beyond, high_open=is_date)
        case _:
            if field.name == "ratio" and not _RATIO.fullmatch(token.text):
                first, beyond = first - 0.005, beyond + 0.005  # ratio:0.67 means what is shown as 0.67
            return NumberTerm(field.name, first, beyond, high_open=is_date, negated=token.sign == "!=")


def ids_term(field: Field, token: Token, text: str) -> IdsTerm:
    """`id:1,5,9..12`: numbers and closed spans of them."""
    spans: list[tuple[int, int]] = []
    for part in token.text.split(","):
        found = _SPAN.fullmatch(part)
        if not found:
            raise FilterError(
                f"'{part}' is no value for {field.name}", "write id:1,5,9..12", text, token.position
            )
        spans.append((int(found[1]), int(found[2] or found[1])))
    return IdsTerm(tuple(spans))


def _may_be_unknown(field: Field) -> bool:
    return field.name in UNKNOWABLE or is_named(field.name)


def _between(field: Field, token: Token, text: str) -> NumberTerm:
    left, _, right = token.text.partition("..")
    if not left and not right:
        raise _wrong(field, token, text)
    low = _span(field, left, token, text)[0] if left else None
    high = _span(field, right, token, text)[1] if right else None
    if low is not None and high is not None and low > high:
        raise FilterError(
            "the range ends before it begins", "write the smaller value first", text, token.position
        )
    return NumberTerm(field.name, low, high, high_open=field.kind == "date", negated=token.sign == "!=")


def _span(field: Field, value: str, token: Token, text: str) -> tuple[float, float]:
    found = _date_span(value) if field.kind == "date" else _number(field, value)
    if found is None:
        raise _wrong(field, token, text)
    return found


def _number(field: Field, value: str) -> tuple[float, float] | None:
    if field.name == "ratio" and (ratio := _RATIO.fullmatch(value)):
        return None if float(ratio[2]) == 0 else _point(float(ratio[1]) / float(ratio[2]))
    found = _NUMBER.fullmatch(value)
    if not found or len(value) > 30 or (found[2] and field.name != "bytes"):
        return None
    return _point(float(found[1]) * _UNITS[found[2].lower()])


def _point(value: float) -> tuple[float, float]:
    return value, value


def _date_span(value: str) -> tuple[float, float] | None:
    """Seconds since 1970 (local time) of the first moment and of the moment after the last."""
    found = _DATE.fullmatch(value)
    if not found:
        return None
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    try:
        first = dt.datetime(year, month, day)
        if found[3]:
            beyond = first + dt.timedelta(days=1)
        elif found[2]:
            beyond = dt.datetime(year + month // 12, month % 12 + 1, 1)
        else:
            beyond = dt.datetime(year + 1, 1, 1)
        return first.timestamp(), beyond.timestamp()
    except (ValueError, OverflowError):
        return None


def _wrong(field: Field, token: Token, text: str) -> FilterError:
    hint = _HINTS.get(field.name, f"write {field.name}>=10 or {field.name}:10..20")
    return FilterError(f"'{token.text}' is no value for {field.name}", hint, text, token.position)
