"""Tables of commands: for eyes in a terminal, for programs in a pipe."""

from __future__ import annotations

import pytest

from curator.cli.shared import output
from tests.cli.conftest import Frieze

ROWS = [("a\tb", 5, ""), ("longer name", 1000, "last")]


def test_in_a_pipe_a_tab_stands_between_cells_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output.put_table(ROWS, ("name", "images", "note"))
    assert capsys.readouterr().out == "name\timages\tnote\na\\x09b\t5\t\nlonger name\t1000\tlast\n"


def test_in_a_terminal_columns_are_as_wide_as_they_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.put_table(ROWS, ("name", "images", "note"))
    assert capsys.readouterr().out.splitlines() == [
        "name         images  note",
        "a\\x09b            5",
        "longer name    1000  last",
    ]


@pytest.mark.parametrize("line", ["tag list", "history", "subset list", "manifest list", "models list", "ls"])
def test_every_line_of_a_list_has_as_many_cells_as_the_first(
    frozen: object, frieze: Frieze, line: str
) -> None:
    lines = frieze(*line.split()).lines
    assert len(lines) > 1
    assert len({each.count("\t") for each in lines}) == 1
    assert not [each for each in lines if "  " in each or each.endswith(" ") or set("│─┃━") & {*each}]
