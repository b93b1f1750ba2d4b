"""Decides where one span of the manifest ends and the next begins."""

from __future__ import annotations

from curator.contract.epoch_plan import Span


class SpanGatherer:
    """Spans gathered while rows go by in order of (bucket, repeats)."""

    def __init__(self) -> None:
        self._done: list[Span] = []
        self._here: tuple[int, float] = (-1, 0.0)
        self._first = 0
        self._rows = 0

    def add(self, bucket: int, repeats: float) -> None:
        """The next row.

        Raises:
            ValueError: rows are not in order, so spans would not be whole.
        """
        if (bucket, repeats) != self._here:
            if (bucket, repeats) < self._here:
                raise ValueError("rows are not in order of bucket and repeats")
            self._close()
            self._here = (bucket, repeats)
        self._rows += 1

    def closed(self) -> tuple[Span, ...]:
        """All spans, after the last row."""
        self._close()
        return tuple(self._done)

    def _close(self) -> None:
        if self._rows:
            self._done.append(Span(*self._here, self._first, self._rows))
        self._first, self._rows = self._first + self._rows, 0
