"""The question to a terminal: keys typed meanwhile, answers that come late or never, the terminal as before."""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Iterator

import pytest

from curator.tui.terminal.answers import QUESTION
from curator.tui.terminal.question import Question, asked

ANSWER = b"\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.35.2)\x1b\\\x1b[6;20;10t\x1b[?62;c"
Ends = tuple[int, int]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The terminal's end and the program's."""
    pair = os.openpty()
    yield pair
    for each in pair:
        os.close(each)


def heard(terminal: int) -> bytes:
    read = b""
    while not read.endswith(b"\x1b[c"):
        read += os.read(terminal, 4096)
    return read


def test_what_is_typed_is_kept_in_its_order_and_not_shown(ends: Ends) -> None:
    terminal, program = ends
    before = termios.tcgetattr(program)
    os.write(terminal, b"ab")  # before the question
    assert os.read(terminal, 10) == b"ab"  # which a terminal shows
    question = Question(program, program)
    assert heard(terminal) == QUESTION.encode()
    first, second, *rest = ANSWER.split(b"\x1b\\")
    os.write(terminal, b"c" + first + b"\x1b\\" + b"\x1b[A" + "é".encode() + second + b"\x1b\\/")
    os.write(terminal, b"\x1b\\".join(rest) + b"\rd")
    answers, typed = question.answered()
    assert (answers.version, answers.cell, answers.has_kitty) == ("kitty(0.35.2)", (10, 20), True)
    assert typed == "abc\x1b[Aé/\nd"
    assert termios.tcgetattr(program) == before
    os.set_blocking(terminal, False)
    with pytest.raises(BlockingIOError):
        os.read(terminal, 10)


def test_answers_in_pieces(ends: Ends) -> None:
    terminal, program = ends
    question = Question(program, program)
    heard(terminal)

    def answer() -> None:
        for at in range(0, len(ANSWER), 5):
            os.write(terminal, ANSWER[at : at + 5])

    sender = threading.Thread(target=answer)
    sender.start()
    answers, typed = question.answered()
    sender.join()
    assert (answers.has_kitty, answers.attributes, typed) == (True, {62}, "")


def test_a_silent_terminal_is_waited_for_no_longer_than_the_limit(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.tui.terminal.question._LIMIT_S", 0.05)
    terminal, program = ends
    question = Question(program, program)
    os.write(terminal, b"jk\x1b")
    answers, typed = question.answered()
    assert (answers.is_last, typed) == (False, "jk\x1b")


@pytest.mark.parametrize(
    "env", [{"TERM": "dumb"}, {"TERM": "linux"}, {"TERM": "xterm", "TERM_PROGRAM": "Apple_Terminal"}, {}]
)
def test_a_terminal_that_would_print_it_is_not_asked(env: dict[str, str]) -> None:
    assert asked(env) is None
    assert asked({"TERM": "screen", "STY": "1.pts"}) is None
