"""Typer apps, made and run so that their mistakes are reported like all others."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import typer

from curator.cli.shared.arguments import options_first
from curator.contract.errors import UserError, did_you_mean


def noun(help: str) -> typer.Typer:
    """The app of a noun with verbs. Plain help: what is typed after a command may hold anything."""
    return typer.Typer(help=help, add_completion=False, rich_markup_mode=None)


def single(function: Callable[..., None]) -> typer.Typer:
    """The app of a command without verbs."""
    app = noun(function.__doc__ or "")
    app.command()(function)
    return app


def run_app(module: str, app: str, word: str, arguments: list[str]) -> int:
    """Run `frieze WORD ARGUMENTS`; gives the exit code.

    Raises:
        UserError: arguments that the command does not take, or what the command refuses.
    """
    command = typer.main.get_command(getattr(import_module(module), app))
    # Not `command.main`: it swallows Ctrl-C and a reader that went away, which are the boundary's to tell.
    try:
        with command.make_context(f"frieze {word}", options_first(command, arguments)) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        raise UserError(_sentence(error.format_message()), _hint(error, word)) from error
    except typer.Abort:
        raise KeyboardInterrupt from None
    return 0


def _sentence(message: str) -> str:
    """Click's message as ours: one line, no capital, no full stop."""
    line = " ".join(message.split()).partition(". Did you mean")[0].rstrip(".")
    return line[:1].lower() + line[1:]


def _hint(error: typer.TyperException, word: str) -> str:
    context: typer.Context | None = getattr(error, "ctx", None)
    verbs = getattr(context.command, "commands", None) if context else None
    if verbs:
        return did_you_mean(error.format_message().partition("'")[2].partition("'")[0], verbs)
    path = context.command_path if context else f"frieze {word}"
    return f"see '{path} --help'"
