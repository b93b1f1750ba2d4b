"""The styles of the app, read again only where a colour is another: Textual asks for that twice while it starts."""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class StylesReadOnce(Stylesheet):
    """A stylesheet that knows with which colours it was read; to read all of it takes 20 ms and more."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._read_with: dict[str, str] | None = None
        self._colours = dict(variables or {})

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._colours:  # all that was read is forgotten
            self._colours = dict(variables)
            super().set_variables(variables)

    def parse(self) -> None:
        super().parse()
        self._read_with = self._colours

    def reparse(self) -> None:
        if self._read_with is None:
            self.parse()
        elif self._read_with != self._colours:
            super().reparse()
            self._read_with = self._colours
