"""Caption rules on a command line: `--rule NAME=VALUE`, named as in the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

import typer

from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError, did_you_mean

RuleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="NAME=VALUE",
        help="Any caption rule, such as prefix='photo of', wildcards=true, keep_separator='|||', "
        "dropout_every_epochs=5, warmup_steps=200; may be repeated.",
    ),
]
_TYPES = {each.name: type(each.default) for each in fields(CaptionRules)}
_SWITCH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def changed_rules(
    rules: CaptionRules, given: Sequence[str], values: Mapping[str, object] | None = None
) -> CaptionRules:
    """`rules` with those given as `NAME=VALUE`, and with the `values` that are not None.

    Raises:
        UserError: an unknown rule, a value of another type, or one that cannot be.
    """
    changes = {name: value for name, value in (values or {}).items() if value is not None}
    return replace(rules, **changes, **given_rules(given))


def given_rules(given: Sequence[str]) -> dict[str, Any]:
    """The values of rules given as `NAME=VALUE`.

    Raises:
        UserError: an unknown rule, or a value of another type.
    """
    found: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise UserError(f"'{text}' is no rule", "write NAME=VALUE, such as keep_tags=1")
        if name not in _TYPES:
            raise UserError(f"there is no caption rule '{name}'", did_you_mean(name, _TYPES))
        found[name] = _value(name, value)
    return found


def _value(name: str, text: str) -> object:
    kind = _TYPES[name]
    if kind is bool:
        if text.lower() not in _SWITCH:
            raise UserError(f"{name} is '{text}'", "write true or false")
        return _SWITCH[text.lower()]
    try:
        return kind(text)
    except ValueError:
        raise UserError(f"{name} is '{text}'", "give a number") from None
