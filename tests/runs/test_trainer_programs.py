"""The trainer's own programs: what they answer, what they refuse, and how they break."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Recipe
from curator.runs.programs.trainer_programs import answer_of, run_program

WARNS = "sys.stderr.write('x.py:1: FutureWarning: old\\n')"
REFUSES = "sys.stderr.write('there is no model at m\\ngive another\\n'); sys.exit(2)"
BREAKS = "raise ValueError('odd')"
IS_KILLED = "os.kill(os.getpid(), 9)"


def program(*statements: str) -> list[str]:
    return ["-c", "\n".join(("import os, sys", *statements))]


def followed(does: list[str]) -> None:
    run_program(does, lambda told: None)


def answered(does: list[str]) -> None:
    answer_of(does, Recipe(), "making images")


@pytest.mark.parametrize("ask", [followed, answered])
@pytest.mark.parametrize(
    ("does", "what"),
    [
        (REFUSES, "there is no model at m"),
        (BREAKS, "making images broke: ValueError: odd"),
        (IS_KILLED, "making images broke: its program was ended by signal 9"),
    ],
)
def test_what_goes_wrong_is_told_whatever_a_library_warned_of(
    ask: Callable[[list[str]], None], does: str, what: str
) -> None:
    with pytest.raises(UserError) as caught:
        ask(program(WARNS, does))
    assert caught.value.what == what
    if does == REFUSES:
        assert caught.value.hint == "give another"


def test_an_answer_is_of_the_recipe_and_nothing_beside_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the user stands has no say, even with the name of a module."""
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    does = program("import json", "print(json.dumps({'lines': len(sys.stdin.read().splitlines())}))")
    assert answer_of(does, Recipe(seed=7), "counting")["lines"] > 20


def test_lines_of_progress_are_heard_as_they_come_and_others_are_not() -> None:
    heard: list[dict[str, int]] = []
    says = "print('hello'); print('{\"done\": 1, \"total\": %d}' % len(sys.stdin.read()))"
    run_program(program(says), heard.append, "four")
    assert heard == [{"done": 1, "total": 4}]


def test_a_program_ends_with_who_stops_listening(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    does = program(
        f"open({str(file)!r}, 'w').write(str(os.getpid()))",
        "import time",
        'print(\'{"done": 0, "total": 1}\', flush=True)',
        "time.sleep(600)",
    )

    def stop(told: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_program(does, stop)
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)
