"""The end of every command: the one place where errors are printed and exit codes chosen.

A user's mistake is told in two lines, a bug of ours in one, with the file that has the traceback.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TextIO, cast

from curator.cli.shared.output import held_back
from curator.contract.errors import ExitCode, UserError, name_too_long
from curator.contract.locations import state_folder
from curator.contract.text import visible

_NO_STDOUT = UserError("there is no stdout to write to", "redirect it to a file, or to /dev/null")
_DISK_FULL = UserError("the disk is full", "free space; nothing is half-written")
_STDOUT_FULL = UserError(
    "the disk is full where stdout goes", "what is printed is cut off; changes that were asked for are made"
)


def exit_code_of(command: Callable[[], int]) -> int:
    """Run a command and say on stderr what went wrong, if anything did."""
    if not _streams_are_open():
        return _refused(_NO_STDOUT)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that is not UTF-8 must not end a listing
            cast("_Reconfigurable", stream).reconfigure(errors="backslashreplace")
    code: int = ExitCode.DONE
    try:
        code = command()
        sys.stdout.flush()
        if held_back:
            raise held_back.pop()
    except UserError as error:
        return _refused(error)
    except KeyboardInterrupt as interrupt:
        _say(str(interrupt) or "interrupted; nothing is half-written")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _to_nowhere()  # whoever read our output has seen enough (`frieze ls | head`)
    except OSError as error:
        return _failed(error)
    except Exception:  # noqa: BLE001  # whatever is left is a bug; a person gets one line, we get the traceback
        return _bug()
    return code


def end_at_once(code: int) -> NoReturn:
    """Leave without waiting for threads that still work: what they have not finished is not half-written."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _streams_are_open() -> bool:
    """Whether stdout is there. Closed ones become /dev/null: the next file opened would get their number."""
    was_open = sys.stdout is not None
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # stdin, stdout, stderr
        os.set_inheritable(number, True)
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # for the process
    return was_open


class _Reconfigurable(TextIO):
    def reconfigure(self, *, errors: str) -> None: ...


def _refused(error: UserError) -> int:
    _say(f"frieze: {error.what}")
    _say(f"  hint: {error.hint}")
    return error.code


def _failed(error: OSError) -> int:
    """What the system refused: a mistake of a person where it is one."""
    if mistake := name_too_long(error):
        return _refused(mistake)
    return _disk_full() if error.errno == errno.ENOSPC else _bug()


def _disk_full() -> int:
    try:
        os.write(sys.stdout.fileno(), b"\n")  # what is printed is cut off in any case
    except OSError:
        _to_nowhere()
        return _refused(_STDOUT_FULL)
    return _refused(_DISK_FULL)


def _to_nowhere() -> None:
    """Let stdout go nowhere, so that the flush at exit does not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bug() -> int:
    try:
        path = _write_traceback()
    except OSError:
        import traceback

        traceback.print_exc()
        return ExitCode.BUG
    _say(f"frieze: this is a bug in Frieze; what happened is written in {visible(str(path))}")
    return ExitCode.BUG


def _write_traceback() -> Path:
    import traceback  # with all that it needs to show source lines: for the one command that fails

    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"crash-{os.getpid()}.txt"
    path.write_text(f"frieze {sys.argv[1:]!r}\n{traceback.format_exc()}", "utf-8", "backslashreplace")
    return path


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
