"""The way from a command line to its command: only the chosen one's file is imported, and help imports none."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from curator.cli.command_words import COMMANDS, COMPLETES
from curator.cli.shared.boundary import end_at_once, exit_code_of
from curator.contract.errors import ExitCode, UserError, did_you_mean, nearest

_HELP = ("--help", "-h", "help")


def main(arguments: Sequence[str] | None = None) -> None:
    """What `frieze` does: never returns, exits with the command's code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = exit_code_of(lambda: dispatch(given))
    except KeyboardInterrupt:  # once more, while the first was told
        code = ExitCode.INTERRUPTED
    if code == ExitCode.INTERRUPTED:
        end_at_once(code)
    sys.exit(code)


def dispatch(arguments: list[str]) -> int:
    """Do what a command line says; gives the exit code.

    Raises:
        UserError: no such command or folder, or what the command refuses.
    """
    if shell := os.environ.get(COMPLETES):
        return _complete(shell)
    word = arguments[0] if arguments else ""
    if word == "help" and len(arguments) > 1:
        return _help_about(arguments[1:])
    if word in _HELP:
        sys.stdout.write(help_text())
        return 0
    if word == "--version":
        return _show_version()
    if word in COMMANDS:
        from curator.cli.shared.typer_apps import run_app

        command = COMMANDS[word]
        return run_app(f"curator.cli.{command.module}", command.app, word, arguments[1:])
    from curator.cli.app_command import open_app, wished

    wishes, words = wished(arguments)
    _check_folder(words)
    return open_app(words[0] if words else "", wishes)


def _complete(shell: str) -> int:
    """Answer a shell that completes a word; whatever is wrong, it is told nothing."""
    from curator.cli.completion.shells import answer

    sys.stdout.write(answer(shell))
    return 0


def _help_about(words: list[str]) -> int:
    """What `frieze help tag add` says: the same as `frieze tag add --help`; of `--man`, the man page."""
    if words == ["--man"]:
        from curator.cli.man_page import page

        sys.stdout.write(page())
        return 0
    if words[0] in _HELP:
        return dispatch(["help"])
    if words[0] not in COMMANDS:
        raise UserError(f"there is no command '{words[0]}'", did_you_mean(words[0], COMMANDS))
    return dispatch([*words, "--help"])


def help_text() -> str:
    """What `frieze --help` says."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: frieze [DIR]                 open the app on the collection in DIR, or the one you stand in",
            "       frieze COMMAND [ARGUMENTS]   'frieze help COMMAND' says more, with examples",
            "",
            "Curate an image collection, freeze it, and train Stable Diffusion on exactly that.",
            "",
            "Commands:",
            *lines,
            "",
            "Options: --help, --version; 'frieze help --man' prints the man page. Of the app: --pictures",
            "kitty, iterm2, sixel, blocks or none says how images are shown, if not as the terminal says;",
            "--theme dark, light or terminal says in which colours.",
            "",
        ]
    )


def _show_version() -> int:
    from curator.cli.own_version import own_version

    sys.stdout.write(f"frieze {own_version()}\n")
    return 0


def _check_folder(arguments: list[str]) -> None:
    """Whether the words can be the folder to open the app on."""
    from pathlib import Path

    word = arguments[0] if arguments else "."
    if word.startswith("-"):
        raise UserError(f"there is no option '{word}' before a command", "see 'frieze --help'")
    if not Path(word).is_dir():
        hint = did_you_mean(word, COMMANDS) if nearest(word, COMMANDS) else "see 'frieze --help'"
        raise UserError(f"there is no command or folder '{word}'", hint)
    if len(arguments) > 1:
        raise UserError(f"the app takes one folder, not {len(arguments)}", "see 'frieze --help'")
