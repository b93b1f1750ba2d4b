"""JSON between programs: written so that any reader takes it, read without believing what it says.

What others wrote is checked against the dataclass it shall become: a value of another type is refused, never passed on.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from curator.contract.files.regular_file import read_regular

_T = TypeVar("_T")
_Take = Callable[[Any], Any]  # gives the value, or raises ValueError
_LARGEST = 1e100  # beyond it sums and differences of numbers end in infinity
_SMALL_FILE_BYTES = 1 << 20


def to_json(value: object, *, indent: int | None = None) -> str:
    """`value` in JSON: only ASCII, so that names that are no UTF-8 pass through, and null for what is no number."""
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def object_of(text: str | bytes) -> dict[str, Any]:
    """The JSON object in a text.

    Raises:
        ValueError: there is none.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except ValueError:
        raise ValueError("is no JSON") from None
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity, which no JSON has


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a small file.

    Raises:
        OSError: it is gone, cannot be read, is no regular file or too large.
        ValueError: it holds none.
    """
    return object_of(read_regular(path, limit_bytes=_SMALL_FILE_BYTES))


def checked(kind: type[_T], about: Mapping[str, Any], *, passes_over: bool = False) -> _T:
    """A dataclass made of a JSON object; lists become tuples. Numbers go up to 10^100.

    Keys that it does not have are refused, or passed over: a later version may say more.

    Raises:
        ValueError: a value is missing, or of another type than its field.
    """
    values: dict[str, Any] = {}
    takers = _takers(kind)
    if not passes_over and (unknown := about.keys() - {name for name, *_ in takers}):
        raise ValueError(f"{min(unknown)!r} is unknown")
    for name, take, is_needed in takers:
        if name in about:
            try:
                values[name] = take(about[name])
            except ValueError as error:
                raise ValueError(f"'{name}' {error}") from None
        elif is_needed:
            raise ValueError(f"'{name}' is missing")
    return kind(**values)


@lru_cache(maxsize=64)
def _takers(kind: type) -> tuple[tuple[str, _Take, bool], ...]:
    hints = get_type_hints(kind)
    return tuple(
        (each.name, _taker(hints[each.name]), each.default is MISSING and each.default_factory is MISSING)
        for each in fields(kind)
    )


def _taker(hint: Any) -> _Take:
    """What takes a value of a field's type from JSON."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if is_dataclass(hint):
        return lambda value: checked(cast("type", hint), _object(value))
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return lambda value: _one_of(arguments, value)
    if origin in (Union, types.UnionType):
        return _either([_taker(each) for each in arguments])
    if origin is dict:
        take = _taker(arguments[1])
        return lambda value: {key: take(each) for key, each in _object(value).items()}
    if origin is tuple and arguments[1:] == (...,):
        take = _taker(arguments[0])
        return lambda value: tuple(map(take, _list(value)))
    if origin is tuple:
        return _row([_taker(each) for each in arguments])
    raise TypeError(f"no JSON becomes {hint}")


def _either(takes: list[_Take]) -> _Take:
    def take(value: Any) -> Any:
        for each in takes[:-1]:
            try:
                return each(value)
            except ValueError:
                continue
        return takes[-1](value)

    return take


def _row(takes: list[_Take]) -> _Take:
    def take(value: Any) -> Any:
        if len(_list(value)) != len(takes):
            raise ValueError(f"has {len(value)} values, not {len(takes)}")
        return tuple(each(item) for each, item in zip(takes, value, strict=True))

    return take


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is no text")
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
        raise ValueError("is no whole number of 64 bits")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or value > _LARGEST or value < -_LARGEST:
        raise ValueError("is no number up to 1e100")
    return value


def _nothing(value: Any) -> None:
    if value is not None:
        raise ValueError("is not null")


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("is no object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("is no list")
    return value


def _one_of(known: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"is none of {', '.join(map(str, known))}")
    return value


_PLAIN: dict[Any, _Take] = {
    str: _text,
    bool: _switch,
    int: _whole,
    float: _number,
    type(None): _nothing,
    dict[str, Any]: _object,
}
