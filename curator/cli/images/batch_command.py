"""`frieze batch`: commands read from stdin, done in one process."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import typer

from curator.cli.command_words import COMMANDS
from curator.cli.main import dispatch
from curator.cli.options.places import opened_together
from curator.cli.shared.boundary import exit_code_of
from curator.cli.shared.output import in_any_case
from curator.cli.shared.typer_apps import single
from curator.contract.errors import ExitCode, UserError, did_you_mean

ATOMIC = {
    *("buckets", "captions", "explain", "facets", "ls", "mark", "pick", "stats"),
    *("filter remove", "filter save", "subset add", "subset balance", "subset order"),
    *("subset put", "subset remove", "subset set"),
    *(
        "tag add",
        "tag again",
        "tag alias",
        "tag caption",
        "tag class",
        "tag clean",
        "tag derive",
        "tag order",
        "tag relate",
        "tag remove",
        "tag rename",
    ),
}  # what changes nothing but the collection, and only so that undo takes it back


_LONGEST = 1 << 20  # characters of a line: what no command has
_MARK = "\ufeff"  # of UTF-8, which some editors put first


class _Line(NamedTuple):
    number: int
    words: list[str]


def batch(
    atomic: Annotated[
        bool, typer.Option("--atomic", help="All or nothing, and one step for 'frieze undo'.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Go on behind a command that fails.")
    ] = False,
) -> None:
    """Do commands read from stdin, one a line, in one process: a call of its own takes each tenths of a second.

    Words are quoted as in a shell; nothing is expanded. Empty lines and lines that begin with `#` are passed over, and
    `frieze` may stand before the command. All lines are read before the first is done. At the first that does not end
    with 0 the batch ends, with the code of that one. A command here finds its own stdin empty.
    """
    if atomic and keep_going:
        raise UserError("--atomic and --keep-going exclude each other", "choose one of them")
    lines: list[_Line] = []
    for number, text in _typed():
        if line := _read(number, text):
            _check(line, atomic)
            lines.append(line)
    if atomic:
        with opened_together():
            for line in lines:
                _do(line, "nothing was changed: ")
    elif keep_going:
        raise typer.Exit(_first_failure(lines))
    else:
        for done, line in enumerate(lines):
            try:
                _do(line)
            except KeyboardInterrupt as interrupt:
                before = f"; the {done} before it {'is' if done == 1 else 'are'} done" if done else ""
                said = str(interrupt) or "interrupted; nothing is half-written"
                raise KeyboardInterrupt(f"line {line.number}: {said}{before}") from None


def _typed() -> Iterator[tuple[int, str]]:
    """Lines with their numbers."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("the commands of a batch come from stdin", "frieze batch < FILE, or a pipe")
    try:
        for number, text in enumerate(iter(lambda: sys.stdin.readline(_LONGEST), ""), 1):
            if "\0" in text:
                raise UserError(f"line {number}: this is no text of a command", "give one command a line")
            if len(text) == _LONGEST:
                what = f"line {number}: it is longer than {_LONGEST:,} characters"
                raise UserError(what, "give one command a line; many images are a list: --from FILE")
            yield number, text.removeprefix(_MARK) if number == 1 else text
    except UnicodeDecodeError as error:
        raise UserError("stdin is not UTF-8 text", "give one command a line") from error


def _read(number: int, text: str) -> _Line | None:
    """The words of a line; None where it has none."""
    if not text.strip() or text.lstrip().startswith("#"):
        return None
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"line {number}: {str(error).lower()}", "quote words as in a shell") from error
    return _Line(number, words[1:] if words[0] == "frieze" else words)


def _check(line: _Line, atomic: bool) -> None:
    """Refuse what cannot be in a batch, before anything is done."""
    word = line.words[0] if line.words else ""
    if word not in COMMANDS:
        raise UserError(f"line {line.number}: there is no command '{word}'", did_you_mean(word, COMMANDS))
    if word in ("batch", "demo"):
        raise UserError(f"line {line.number}: '{word}' cannot be in a batch", "call it by itself")
    if word == "train" and not {"--detach", "--dry-run", "-n", "--check"} & {*line.words}:
        raise UserError(f"line {line.number}: 'train' would wait for the run's end", "add --detach")
    if atomic and word not in ATOMIC and " ".join(line.words[:2]) not in ATOMIC:
        name = " ".join(line.words[:2])
        raise UserError(
            f"line {line.number}: '{name}' cannot be in an atomic batch",
            "edits that 'frieze undo' takes back can: of tags, marks, subsets and filters",
        )


def _first_failure(lines: list[_Line]) -> int:
    """Do all lines, each told by itself where it fails; gives the code of the first that did."""
    first = ExitCode.DONE
    for line in lines:
        code = ExitCode(exit_code_of(lambda line=line: _do(line)))
        first = first or code
        if code is ExitCode.INTERRUPTED:
            break
    return first


def _do(line: _Line, told: str = "") -> int:
    """Do one line; raises what went wrong as a mistake of that line."""
    code: int = ExitCode.DONE
    try:
        with in_any_case():  # the lines behind one that nobody reads are done as well
            code = dispatch(line.words)
            sys.stdout.flush()
    except UserError as error:
        raise UserError(f"line {line.number}: {told}{error.what}", error.hint, error.code) from error
    if code:
        what = f"line {line.number}: {told}'{shlex.join(line.words)}' ended with {code}"
        raise UserError(what, "it says why above", ExitCode(code))
    return code


app = single(batch)
