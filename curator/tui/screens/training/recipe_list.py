"""The recipe as a list: what stands above it, and its knobs by section, each of which can be folded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.text.recipe_form import HEAD, FormRow, form_rows, in_text, place_of_field
from curator.tui.widgets.lists.line_list import LineList

if TYPE_CHECKING:
    from curator.tui.text.recipe_form import RecipeForm

_KEY_CELLS, _VALUE_CELLS = 24, 20


class RecipeList(LineList):
    """Knobs that hold for the form's choices; the cursor passes over headings, but for those of folded sections."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: list[FormRow] = [FormRow(name) for name in HEAD]
        self.folded: frozenset[str] = frozenset()
        self._form: RecipeForm | None = None
        self._head: Mapping[str, str] = {}

    @property
    def row(self) -> FormRow:
        """The row under the cursor."""
        return self.rows[self.cursor]

    def show_form(self, form: RecipeForm, head: Mapping[str, str]) -> None:
        """Show a form; `head` is what stands above it, by its names."""
        self._form, self._head = form, head
        self.rows = form_rows(form, self.folded)
        values, changed = form.values, dict(form.changes)

        def line(position: int, _width: int) -> Text:
            row = self.rows[position]
            if row.field is None:
                return self._headline(row)
            sign = "*" if row.name in changed else " "
            leaf = row.name.rpartition(".")[2]
            text = Text(f" {sign} {leaf:<{_KEY_CELLS}} ")
            text.append(f"{visible(in_text(values[row.name], row.field)):<{_VALUE_CELLS}}", "bold")
            return text.append(f" {row.field.help}", meanings.QUIET)

        self.show(len(self.rows), line, self._standing(self.cursor, 1))

    def fold(self, *, every: bool = False) -> None:
        """Fold the section of the row under the cursor, or unfold it; `every`: all sections, as that one."""
        form, section = self._form, self._section_at(self.cursor)
        if form is None or section is None:
            self.notify("No section is under the cursor.", markup=False)
            return
        some = {row.section for row in form_rows(form) if row.section} if every else {section}
        self.folded = self.folded - some if section in self.folded else self.folded | some
        self.show_form(form, self._head)
        place = next(at for at, row in enumerate(self.rows) if row.section == section)
        self.go(self._standing(place, 1))

    def find(self, text: str) -> None:
        """Go to the field that is meant, in whichever section."""
        if self._form is None:
            return
        everywhere = form_rows(self._form)
        place = place_of_field(everywhere, text)
        if place is None:
            return
        section = everywhere[place].section
        if section in self.folded:
            self.folded -= {section}
            self.show_form(self._form, self._head)
        self.go(self.rows.index(everywhere[place]))

    def go(self, position: int) -> None:
        position = max(0, min(self.count - 1, position))
        super().go(self._standing(position, 1 if position >= self.cursor else -1))

    def _standing(self, position: int, step: int) -> int:
        """The row from there on, the way of `step`, at which the cursor can stand; at an end the other way."""
        position = max(0, min(len(self.rows) - 1, position))
        if not self._is_passed(position):
            return position
        onward = position + step
        if not 0 <= onward < len(self.rows):
            step, onward = -step, position - step
        return self._standing(onward, step)

    def _is_passed(self, position: int) -> bool:
        row = self.rows[position]
        return row.field is None and row.name not in HEAD and row.section not in self.folded

    def _section_at(self, position: int) -> str | None:
        return self.rows[position].section

    def _headline(self, row: FormRow) -> Text:
        if row.name in HEAD:
            return Text(f"   {row.name:<{_KEY_CELLS}} ").append(visible(self._head[row.name]), "bold")
        if row.section not in self.folded:
            return Text(f" {row.name}", meanings.SECTION)
        assert self._form is not None
        inside = [each for each in form_rows(self._form) if each.section == row.section and each.field]
        changed = sum(each.name in dict(self._form.changes) for each in inside)
        said = f"{len(inside)} folded" + (f", {changed} changed" if changed else "")
        return Text(f" {row.name} ", meanings.SECTION).append(f"({said})", f"not bold {meanings.QUIET}")
