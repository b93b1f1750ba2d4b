"""Parts of a filter written as text, to say which part an image does not meet."""

from __future__ import annotations

from datetime import datetime

from curator.filter.language.tree import (
    And,
    ClassTerm,
    Expr,
    IdsTerm,
    Not,
    NumberTerm,
    Or,
    TagTerm,
    TextTerm,
    WordTerm,
)


def shown(part: Expr) -> str:
    """A part of a filter as a person would write it."""
    match part:
        case TagTerm(pattern, literal):
            return f'"{pattern}"' if literal or " " in pattern else pattern
        case ClassTerm(cls, pattern):
            return f'{cls}:"{pattern}"' if " " in pattern else f"{cls}:{pattern}"
        case NumberTerm():
            return _number(part)
        case IdsTerm(spans):
            return "id:" + ",".join(f"{low}..{high}" if low < high else f"{low}" for low, high in spans)
        case TextTerm(field, text, regex):
            return f"{field}:/{text}/" if regex else f'{field}:"{text}"'
        case WordTerm(field, value):
            return f'{field}:"{value}"' if " " in value else f"{field}:{value}"
        case Not(inner):
            return f"-{shown(inner)}"
        case And(parts):
            return f"({' '.join(map(shown, parts))})"
        case Or(parts):
            return f"({' OR '.join(map(shown, parts))})"


def parts_of(where: Expr | None) -> tuple[Expr, ...]:
    """What must all hold."""
    if where is None:
        return ()
    return where.parts if isinstance(where, And) else (where,)


def _number(term: NumberTerm) -> str:
    low, high = (None if value is None else _value(term.field, value) for value in (term.low, term.high))
    if low is not None and low == high:
        return f"{term.field}{'!=' if term.negated else '='}{low}"
    if low is not None and high is not None and not term.low_open and not term.high_open:
        return f"{term.field}{'!=' if term.negated else ':'}{low}..{high}"
    if low is None and high is None:
        return f"{term.field}{':' if term.negated else '!='}none"
    parts = [
        *([] if low is None else [f"{term.field}{'>' if term.low_open else '>='}{low}"]),
        *([] if high is None else [f"{term.field}{'<' if term.high_open else '<='}{high}"]),
    ]
    text = " ".join(parts)
    return f"-({text})" if term.negated else text


def _value(field: str, value: float) -> str:
    if field in ("date", "posted"):
        return datetime.fromtimestamp(value).date().isoformat()
    return str(int(value)) if value == int(value) else f"{value:.10g}"
