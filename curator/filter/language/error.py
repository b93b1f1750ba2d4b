"""The mistake in a filter, and where it is."""

from __future__ import annotations

from curator.contract.errors import UserError


class FilterError(UserError):
    """A filter that cannot be read; `position` is the character (from 0) in `text` that is wrong."""

    def __init__(self, what: str, hint: str, text: str, position: int) -> None:
        super().__init__(f"{what} at character {position + 1}", hint)
        self.text = text
        self.position = position
