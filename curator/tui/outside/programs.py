"""Programs of the user that get the terminal for a while: an editor for a text, a viewer for an image."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

from textual.app import App, SuspendNotSupported

from curator.contract.errors import UserError

VIEWER, BROWSER = "FRIEZE_VIEWER", "BROWSER"
_EDITORS = ("VISUAL", "EDITOR")
_USUAL_EDITORS = ("nano", "vim", "vi")
_DESKTOPS = ("DISPLAY", "WAYLAND_DISPLAY")


def edited(app: App[None], text: str, name: str) -> str:
    """The text after the user's editor; `name` is the file's, whose ending tells the editor what it is.

    Raises:
        UserError: no editor, it failed, or what it left is not UTF-8; what was typed is then in the file it names.
    """
    editor = _editor()
    folder = Path(tempfile.mkdtemp(prefix="frieze-"))
    file = folder / name
    file.write_text(text, "utf-8")
    _run(app, [*editor, str(file)])
    try:
        after = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"what {editor[0]} left in {file} cannot be read", "it has to be UTF-8; nothing was changed"
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    return after


def view(app: App[None], file: Path) -> None:
    """Show an image in the user's viewer: `FRIEZE_VIEWER`, which has the terminal, else that of the desktop.

    Raises:
        UserError: the file is not there, there is no viewer, or it failed.
    """
    if not file.is_file():
        raise UserError(f"{file} is not there", "a scan (f5) sees what became of it")
    if command := os.environ.get(VIEWER):
        _run(app, [*_words(VIEWER, command), str(file)], waits=True)
        return
    if not _desktop_opens(file, VIEWER):
        raise UserError(
            "there is no viewer: this is no desktop",
            f"set {VIEWER} to a program that shows images in a terminal, such as 'chafa' or 'timg'",
        )


def read_page(app: App[None], page: Path) -> None:
    """Show a page in the desktop's browser; where there is no desktop in `BROWSER`, which has the terminal.

    `BROWSER` is what Python's `webbrowser` reads: commands with `:` between them, of which the first that is here is
    taken, with `%s` where the address goes, else last; one that ends in `&` does not get the terminal.

    Raises:
        UserError: the page is not there, there is no browser, or it failed.
    """
    if not page.is_file():
        raise UserError(f"{page} is not there", "write it again")
    if _desktop_opens(page, BROWSER):
        return
    commands = [each for each in os.environ.get(BROWSER, "").split(os.pathsep) if each.strip()]
    if not commands:
        raise UserError(
            "there is no browser: this is no desktop",
            f"copy the page to where there is one, or set {BROWSER} to one for terminals, such as 'w3m'",
        )
    words, address = _first_here(commands), page.absolute().as_uri()
    beside = words[-1] == "&"
    called = [word.replace("%s", address) for word in (words[:-1] if beside else words)]
    if not any("%s" in word for word in words):
        called.append(address)
    if beside:
        _start(called, BROWSER)
    else:
        _run(app, called)


def _desktop_opens(file: Path, instead: str) -> bool:
    """Have the desktop open a file; False where there is none. `instead` is the variable that names another program."""
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    has_desktop = sys.platform == "darwin" or any(os.environ.get(each) for each in _DESKTOPS)
    program = shutil.which(opener) if has_desktop else None
    if program is None:
        return False
    _start([program, str(file)], instead)
    return True


def _start(command: Sequence[str], instead: str) -> None:
    """Start a program with windows of its own, which goes on beside the app."""
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"{command[0]} cannot be started: {error.strerror}", f"set {instead} to another"
        ) from error


def _first_here(browsers: Sequence[str]) -> list[str]:
    """The words of the first browser that is here; where none is, the last is refused."""
    for command in browsers[:-1]:
        with contextlib.suppress(UserError):
            return _words(BROWSER, command)
    return _words(BROWSER, browsers[-1])


def _editor() -> list[str]:
    named = next(((name, os.environ[name]) for name in _EDITORS if os.environ.get(name)), None)
    if named:
        return _words(*named)
    found = next(filter(shutil.which, _USUAL_EDITORS), None)
    if found is None:
        raise UserError("there is no editor", "set EDITOR to one, such as 'nano'")
    return [found]


def _words(name: str, command: str) -> list[str]:
    """A command as in a shell, or the path of a program, which may have spaces and quotes in it."""
    if shutil.which(command):
        return [command]
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"{name} is no command: {error}", "write it as in a shell") from error
    if not words or shutil.which(words[0]) is None:
        raise UserError(f"{name} names no program that is here: '{command}'", "install it, or name another")
    return words


def _run(app: App[None], command: Sequence[str], *, waits: bool = False) -> None:
    """Let a program have the terminal until it ends; with `waits` what it left there stays until enter."""
    try:
        with app.suspend(), _interrupts_left_to_it():
            code = subprocess.run(command, check=False).returncode
            if waits:
                _wait_for_enter()
    except SuspendNotSupported as error:
        raise UserError(
            "no other program can have this terminal", "start frieze in a terminal of its own"
        ) from error
    except OSError as error:
        raise UserError(
            f"{command[0]} cannot be started: {error.strerror}", "name another program"
        ) from error
    if code:
        raise UserError(
            f"{command[0]} ended with code {code}",
            f"nothing was changed; it was called as {shlex.join(command)}",
        )


@contextlib.contextmanager
def _interrupts_left_to_it() -> Generator[None]:
    """ctrl+c reaches all programs of the terminal, and is meant for the one seen; a handler is not inherited."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _wait_for_enter() -> None:
    sys.stdout.write("\r\nenter: back to frieze ")
    sys.stdout.flush()
    sys.stdin.readline()
