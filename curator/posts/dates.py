"""Dates as boorus and their readers write them, as seconds since 1970.

ISO 8601, seconds or milliseconds since 1970, and the forms of the sites' own pages; UTC where no zone is given. What
cannot be read, and a year that no post can have (0, 1, 9999), is no date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_YEARS = range(1970, 2101)
_ISO = re.compile(
    r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)(?:[T ]+(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(r"\b([a-z]{3})[a-z]*\b", re.IGNORECASE)
_TIME = re.compile(r"\b(\d\d?):(\d\d)(?::(\d\d))?(?:\.\d+)?(?:\s*([ap]m))?", re.IGNORECASE)
_ZONE = re.compile(r"(?:^|\s)([+-])(\d\d):?(\d\d)\b")
_NUMBER = re.compile(r"\d+")
_MS_FROM = 1e11  # seconds of the year 5138, milliseconds of 1973
_US_FROM = 1e14


def seconds_of(value: Any) -> int | None:
    """Seconds since 1970, or None: of a number, a text, a `datetime`, or `{"s": seconds}`."""
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, datetime):
        return _checked(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, dict):
        value = value.get("s", value.get("$date"))
        return seconds_of(value) if not isinstance(value, dict) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value)
    return None


def _of_number(value: float) -> int | None:
    """Seconds, milliseconds or microseconds, by size: only one of them is a date of these years."""
    if not 0 <= value < 1e17:
        return None
    seconds = value / 1e6 if value >= _US_FROM else value / 1e3 if value >= _MS_FROM else value
    return int(seconds) if seconds < 4.2e9 else None


def _of_text(text: str) -> int | None:
    if found := _ISO.fullmatch(text):
        zone = (found[7] or "Z").upper()
        return _made(
            [int(found[place] or 0) for place in range(1, 7)],
            "+0000" if zone in ("Z", "UTC", "GMT") else zone.replace(":", ""),
        )
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        if len(text) == 8 and int(text[:4]) in _YEARS:
            return _made([int(text[:4]), int(text[4:6]), int(text[6:]), 0, 0, 0], "+0000")
        return _of_number(float(text))
    return _of_words(text) if len(text) < 80 else None


def _of_words(text: str) -> int | None:
    """`Sat Oct 01 01:23:45 -0500 2022`, `Sat, 01 Oct 2022 01:23:45 GMT`, `October 1, 2022`."""
    names = [name.lower() for name in _MONTH.findall(text)]
    months = [_MONTHS.index(name) + 1 for name in names if name in _MONTHS]
    time, rest = _TIME.search(text), _TIME.sub(" ", text)
    zone, rest = _ZONE.search(rest), _ZONE.sub(" ", rest)
    numbers = _NUMBER.findall(rest)
    years = [number for number in numbers if len(number) == 4]
    days = [number for number in numbers if len(number) <= 2]
    if not (len(months) == len(years) == len(days) == 1):
        return None
    hour = int(time[1]) if time else 0
    if time and time[4]:
        hour = hour % 12 + (12 if time[4].lower() == "pm" else 0)
    parts = [
        int(years[0]),
        months[0],
        int(days[0]),
        hour,
        *(int(time[at] or 0) if time else 0 for at in (2, 3)),
    ]
    return _made(parts, "".join(zone.groups()) if zone else "+0000")


def _made(parts: list[int], zone: str) -> int | None:
    year, month, day, hour, minute, second = parts
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    seconds = _checked(moment)
    if seconds is None:
        return None
    ahead = (int(zone[1:3]) * 60 + int(zone[3:5])) * 60
    return seconds + (ahead if zone[0] == "-" else -ahead)


def _checked(moment: datetime) -> int | None:
    return int(moment.timestamp()) if moment.year in _YEARS else None
