"""Decides which words of a command line are options: those with two dashes, so that `-blurry` is a filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any


def options_first(command: Any, words: Sequence[str]) -> list[str]:
    """`words` with the options of `command` (built by Typer) in front and all else, in order, behind `--`.

    No command has an option of one dash but `-h`, so a word such as `-blurry` can only be an argument.
    """
    verbs: dict[str, Any] | None = getattr(command, "commands", None)
    if verbs is not None:
        if words and words[0] in verbs:
            return [words[0], *options_first(verbs[words[0]], words[1:])]
        return list(words)
    takes_value = set(_options_with_value(command.params))
    options: list[str] = []
    others: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            others += left
        elif word == "-h":
            options.append("--help")
        elif word.startswith("--"):
            options.append(word)
            options += islice(left, int(word in takes_value))
        else:
            others.append(word)
    return [*options, "--", *others]


def _options_with_value(parameters: Iterable[Any]) -> Iterable[str]:
    for parameter in parameters:
        if parameter.param_type_name == "option" and not parameter.is_flag:
            yield from parameter.opts
