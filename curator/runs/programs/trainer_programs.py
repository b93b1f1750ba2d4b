"""The trainer's own programs: asked what only PyTorch can tell, or followed while they make images.

PyTorch is never imported in this process. A program says what it refuses in two last lines on standard error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from curator.contract.errors import ExitCode, ReplaceableError, UserError
from curator.contract.recipe.toml_file import dump_recipe

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

_REPORT = "it is a fault of the program: please report it"
_GO_ON = "those made are kept; ask again to go on"


def answer_of(program: Sequence[str], recipe: Recipe, doing: str) -> Any:
    """What `python PROGRAM` says of `recipe`, from JSON; `doing` names its work where that breaks.

    Raises:
        UserError: the program refuses the recipe, or breaks.
    """
    return answer_to(program, dump_recipe(recipe), doing)


def answer_to(program: Sequence[str], given: str, doing: str) -> Any:
    """What `python PROGRAM` says, from JSON, with `given` on its standard input.

    Raises:
        UserError: what the program refuses, or that it broke.
    """
    said: list[str] = []
    code, complaints = _run(program, given, said.append)
    if code:
        raise _failure(code, complaints, doing, _REPORT)
    return json.loads("".join(said))


def run_program(
    program: Sequence[str],
    told: Callable[[dict[str, Any]], None],
    given: str = "",
    *,
    doing: str = "making images",
    hint: str = _GO_ON,
) -> None:
    """Run `python PROGRAM`, which tells how far it is, with `given` on its standard input.

    `told` hears each line that says so. `doing` names its work where that breaks, and `hint` what to do then.

    Raises:
        UserError: what the program refuses, or that it broke.
    """

    def hear(line: str) -> None:
        if line.startswith('{"done"'):
            told(json.loads(line))

    code, complaints = _run(program, given, hear)
    if code:
        raise _failure(code, complaints, doing, hint)


def _run(program: Sequence[str], given: str, hear: Callable[[str], None]) -> tuple[int, str]:
    """How the program ended, and its standard error; `hear` gets each line of the other as it comes."""
    with (
        tempfile.TemporaryFile("w+", errors="replace") as complaints,  # unlike a pipe, a file is never full
        tempfile.TemporaryFile("w+") as question,
    ):
        question.write(given)
        question.seek(0)
        with subprocess.Popen(
            [sys.executable, *program],
            stdin=question,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env=os.environ | {"PYTHONSAFEPATH": "1"},  # files of the current folder are not ours to run
        ) as process:
            assert process.stdout
            try:
                for line in process.stdout:
                    hear(line)
                process.wait()
            except BaseException:
                process.send_signal(signal.SIGINT)
                raise
        complaints.seek(0)
        return process.returncode, complaints.read()


def _failure(code: int, complaints: str, doing: str, hint: str) -> UserError:
    """Libraries warn on standard error as well: what a program refuses stands below."""
    lines = complaints.strip().splitlines()
    if code == int(ExitCode.MISTAKE) and lines:
        what, do = lines[-2:] if len(lines) > 1 else (lines[0], hint)
        return ReplaceableError(what, do) if "--replace" in do else UserError(what, do)
    if code < 0:
        return UserError(f"{doing} broke: its program was ended by signal {-code}", hint)
    return UserError(f"{doing} broke: {lines[-1][:200] if lines else f'its program ended with {code}'}", hint)
