"""Plain words as values, without pydantic: loading it takes longer than most commands do.

Typer has pydantic convert every value. Here words that leave no doubt (text, whole numbers, paths, one of the choices)
are converted at once; all others, and with them every mistake, are left to Typer.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

_WHOLE = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


def convert_plainly(command: Any) -> None:
    """Have the parameters of a command (built by Typer) take plain words without pydantic."""
    for parameter in command.get_params(typer.Context(command)):  # with --help
        if hasattr(parameter, "type_descriptor"):
            parameter._runtime_param = _PlainParam(
                parameter.type_descriptor
            )  # else made by Typer when first asked


class _PlainParam:
    """What Typer asks to convert the words of one parameter."""

    def __init__(self, descriptor: Any) -> None:
        self._annotation = descriptor.annotation
        self._info = descriptor.parameter_info

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        plain = None if self._info.parser else plain_value(self._annotation, value)
        if plain is not None and self._is_in_range(plain):
            return plain
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)

    def _is_in_range(self, value: Any) -> bool:
        low, high = self._info.min, self._info.max
        return (low is None or low <= value) and (high is None or value <= high)


def plain_value(annotation: Any, value: Any) -> Any:
    """What Typer makes of a word, or of a default, for this type; None where that is for Typer to say."""
    if get_origin(annotation) is list and isinstance(value, list | tuple):
        (kind,) = get_args(annotation)
        values = [plain_value(kind, each) for each in value]
        return None if None in values else values
    if get_origin(annotation) is Literal:
        return value if value in get_args(annotation) else None
    if isinstance(annotation, type) and type(value) is annotation:
        return value
    return _of_word(annotation, value) if isinstance(value, str) else None


def _of_word(annotation: Any, word: str) -> Any:
    if annotation is Path:
        return Path(word)
    if annotation is int and _WHOLE.fullmatch(word):
        return int(word)
    if annotation is float and _DECIMAL.fullmatch(word):
        return float(word)
    return None
