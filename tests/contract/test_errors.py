"""Errors for people: their text can do nothing to a terminal, whoever raises and whoever shows them."""

from __future__ import annotations

from curator.contract.errors import UserError


def test_foreign_text_in_an_error_is_made_visible_by_the_error_itself() -> None:
    error = UserError("no image 'a\x1b[2J\n\u202egpj.b'", "did you mean 'c\x07'?")
    assert error.what == "no image 'a\\x1b[2J\\x0a\\u202egpj.b'"
    assert error.hint == "did you mean 'c\\x07'?"
    assert str(error) == f"{error.what} ({error.hint})"
    assert error.args == (error.what,)
