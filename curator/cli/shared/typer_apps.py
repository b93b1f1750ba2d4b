"""Typer apps, made and run so that their mistakes are reported like all others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import cache, wraps
from importlib import import_module
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from curator.cli.options.arguments import options_first
from curator.cli.options.plain_words import convert_plainly
from curator.cli.shared.command_help import complete_help
from curator.cli.shared.output import be_quiet, voice_restored
from curator.contract.errors import UserError, did_you_mean


def _on_every_command(
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            callback=be_quiet,
            expose_value=False,
            help="Tell data, warnings and errors only.",
        ),
    ] = False,
) -> None:
    """The options that every command has; what they do is done as they are read."""


@cache
def _shared_options() -> tuple[Any, ...]:
    app = typer.Typer(add_completion=False)
    app.command()(_on_every_command)
    return tuple(typer.main.get_command(app).params)


class _Command(TyperCommand):
    """A command with the options that every command has."""

    def __init__(self, name: str | None, *, params: list[Any] | None = None, **settings: Any) -> None:
        super().__init__(name, params=[*(params or ()), *_shared_options()], **settings)


class _App(typer.Typer):
    """Commands of one word; `plain_verb` is understood where none is typed."""

    plain_verb = ""

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **settings: Any
    ) -> Callable[..., Any]:
        return super().command(name, cls=cls or _Command, **settings)


def noun(help: str, plain_verb: str = "") -> typer.Typer:
    """The app of a noun with verbs, of which `plain_verb` needs not be typed: `frieze grid SPEC`.

    Plain help: what is typed after a command may hold anything.
    """
    app = _App(help=help, add_completion=False, rich_markup_mode=None)
    app.plain_verb = plain_verb
    return app


def single(function: Callable[..., None]) -> typer.Typer:
    """The app of a command without verbs."""
    app = noun(function.__doc__ or "")
    app.command()(function)
    return app


def with_options(group: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose keyword `options` is made of the options that the fields of a dataclass are; none given is None.

    So options that go together are written once, and handed on as one.
    """

    def spread(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(group, include_extras=True)
        names = [each.name for each in fields(group)]
        signature = inspect.signature(command, eval_str=True)
        own = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hints[name])
            for name in names
        ]
        parameters = list(signature.parameters.values())
        at = [each.name for each in parameters].index("options")
        parameters[at : at + 1] = own

        @wraps(command)
        def called(**values: Any) -> None:
            given = {name: values.pop(name) for name in names}
            command(**values, options=group(**given))

        called.__signature__ = signature.replace(parameters=parameters)  # pyright: ignore[reportAttributeAccessIssue]
        called.__annotations__ = {each.name: each.annotation for each in parameters}
        return called

    return spread


def run_app(module: str, app: str, word: str, arguments: list[str]) -> int:
    """Run `frieze WORD ARGUMENTS`; gives the exit code.

    Raises:
        UserError: arguments that the command does not take, or what the command refuses.
    """
    name, words = _verb(module, app, arguments)
    command = built(module, app, name)
    path = f"frieze {word} {name}" if name else f"frieze {word}"
    words = options_first(command, words)
    if "--help" in words:
        complete_help(command, path.removeprefix("frieze "))
    # Not `command.main`: it swallows Ctrl-C and a reader that went away, which are the boundary's to tell.
    try:
        with voice_restored(), command.make_context(path, words) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        raise UserError(_sentence(error.format_message()), _hint(error, word)) from error
    except typer.Abort:
        raise KeyboardInterrupt from None
    return 0


def _verb(module: str, app: str, arguments: list[str]) -> tuple[str, list[str]]:
    """The verb that is meant, "" of a command without, and the words behind it."""
    verbs = verbs_of(module, app)
    if arguments and arguments[0] in verbs:
        return arguments[0], arguments[1:]
    plain = getattr(getattr(import_module(module), app), "plain_verb", "")
    return (plain if arguments and arguments[0] not in ("--help", "-h") else ""), arguments


@cache
def verbs_of(module: str, app: str) -> dict[str, Any]:
    """The verbs of a noun, as they are registered; none of a command without."""
    made: typer.Typer = getattr(import_module(module), app)
    known = made.registered_commands
    return {_name_of(each): each for each in known} if len(known) > 1 else {}


def _name_of(registered: Any) -> str:
    return registered.name or typer.main.get_command_name(registered.callback.__name__)


@cache
def built(module: str, app: str, verb: str = "") -> Any:
    """A command as Typer makes it of its function: of a noun with many verbs only the one that is meant."""
    if verb:
        command: Any = typer.main.get_command_from_info(
            verbs_of(module, app)[verb], pretty_exceptions_short=False, rich_markup_mode=None
        )
    else:
        command = typer.main.get_command(getattr(import_module(module), app))
    convert_plainly(command)
    return command


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
