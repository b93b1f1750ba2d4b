"""Help of each command: its usage in one line, and examples, for `--help`, the man page and the reference."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def examples() -> dict[str, list[str]]:
    """Command lines by the command they show (`tag add`)."""
    import tomllib
    from importlib import resources

    return tomllib.loads((resources.files("curator.cli") / "examples.toml").read_text("utf-8"))


def complete_help(command: Any, name: str) -> None:
    """Have the help of a command (built by Typer) say how it is typed, and end with examples; that of its verbs too."""
    verbs = getattr(command, "commands", {})
    for verb, made in verbs.items():
        complete_help(made, f"{name} {verb}")
    if not verbs:
        usage = [
            "[OPTIONS]",
            *(argument(each) for each in command.params if each.param_type_name == "argument"),
        ]
        command.collect_usage_pieces = lambda _: usage  # Typer's has braces, and dots twice
    if lines := examples().get(name):
        # A paragraph that begins with a backspace is not wrapped.
        command.epilog = "Examples:\n\n\b\n" + "\n".join(f"  {line}" for line in lines)


def argument(parameter: Any) -> str:
    """An argument as a usage line has it: `FILTER`, `[TAG...]`."""
    word = parameter.metavar or parameter.name.upper()
    return word if parameter.required or word.startswith("[") else f"[{word}]"
