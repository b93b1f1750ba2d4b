"""`frieze chain` on the command line: what its steps print, how it ends, and what it says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Frieze

CHAIN = """
[[steps]]
name = "count"
run = "tag list"
[[steps]]
name = "look"
run = "ls {what}"
"""


@pytest.fixture
def home(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(frozen.parents[1])
    Path("two.toml").write_text("[values]\nwhat = 'fox'\n" + CHAIN)
    return frozen.parents[1]


@pytest.mark.usefixtures("home")
def test_steps_print_as_they_do_alone(frieze: Frieze) -> None:
    """S094."""
    alone = frieze("tag", "list").out + frieze("ls", "fox").out
    done = frieze("chain", "two.toml")
    assert done.code == 0, done.err
    assert done.out.startswith(alone)
    assert "\t" in alone
    assert "count: frieze tag list" in done.err
    again = frieze("chain", "two.toml")
    assert again.out == "two: 0 steps run, the others were done\n"


@pytest.mark.usefixtures("home")
def test_a_step_that_fails_ends_it_in_its_own_words(frieze: Frieze) -> None:
    done = frieze("chain", "two.toml", "--set", "what=wdith>3")
    assert done.code == 2
    assert "the step look ended with code 2" in done.err
    assert "did you mean" in done.err
    plan = {
        step["step_name"]: step["step_status"]
        for step in frieze("chain", "two.toml", "--plan", "--json").json["chain_steps"]
    }
    assert plan == {"count": "done", "look": "changed"}
    mended = frieze("chain", "two.toml", "--json")
    assert mended.json["steps_run"] == 1
    assert mended.err.startswith("look will be run again: its command changed\n")


@pytest.mark.usefixtures("home")
def test_it_stops_where_it_is_told(frieze: Frieze) -> None:
    assert frieze("chain", "two.toml", "--until", "count", "--json").json["steps_run"] == 1
    unknown = frieze("chain", "two.toml", "--until", "cuont")
    assert unknown.code == 2
    assert "count" in unknown.err
