"""Times of the system's clock in words; files of other programs may give numbers that no calendar has."""

from __future__ import annotations

from datetime import UTC, datetime

_UNKNOWN = "no known time"


def clock_time(seconds: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Seconds since 1970 as a time of this place; `no known time` where no calendar has it."""
    moment = _moment(seconds)
    return _UNKNOWN if moment is None else moment.astimezone().strftime(form)


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601, in UTC and whole seconds; empty where no calendar has them."""
    moment = _moment(seconds)
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _moment(seconds: float) -> datetime | None:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
        moment.astimezone()  # the first and the last day of the calendar are not everywhere in it
    except (OverflowError, ValueError, OSError):
        return None
    return moment
