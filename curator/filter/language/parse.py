"""The parser of filters: `NOT` binds before (implicit) `AND`, `AND` before `OR`; unknown keys are errors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from curator.contract.errors import did_you_mean, nearest
from curator.filter.language.error import FilterError
from curator.filter.language.fields import (
    CLASS_ALIASES,
    CLASSES,
    FIELDS,
    SORTS,
    UNTAGGED,
    Field,
    field_of,
    is_named,
)
from curator.filter.language.tokens import Token, in_quotes, tokens
from curator.filter.language.tree import (
    And,
    ClassTerm,
    Expr,
    Filter,
    Not,
    NumberTerm,
    Or,
    Sort,
    TagTerm,
    TextTerm,
    WordTerm,
)
from curator.filter.language.values import ids_term, number_term

MAX_DEPTH = 100
_BEGINS = ("word", "not", "open")


def parse(text: str, classes: Sequence[str] = ()) -> Filter:
    """Read a filter. `classes` are tag classes of the user's own, usable as keys beside the usual ones."""
    return _Parser(text, classes).whole()


class _Parser:
    """Walks the tokens once; `sort:` and `limit:` are taken out wherever they stand at the top."""

    def __init__(self, text: str, classes: Sequence[str]) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._classes = {name: name for name in (*CLASSES, *classes) if name not in FIELDS} | CLASS_ALIASES
        self._sorts: list[Sort] = []
        self._limit: int | None = None

    def whole(self) -> Filter:
        where = None if self._peek().kind == "end" else self._either()
        token = self._peek()
        if token.kind == "close":
            raise self._error(
                "a ) closes nothing", f"remove it, or open it with (; {self._way(token)}", token
            )
        return Filter(self._text, where, tuple(self._sorts), self._limit)

    def _either(self) -> Expr | None:
        first = self._all()
        parts = [] if first is None else [first]
        while self._peek().kind == "or":
            token = self._take()
            if not parts:
                raise self._error("OR has nothing before it", "write A OR B", token)
            part = self._all()
            if part is None:
                raise self._error("OR has nothing after it", "write A OR B", token)
            parts.append(part)
        return Or(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None

    def _all(self) -> Expr | None:
        parts: list[Expr] = []
        begun = False
        while (token := self._peek()).kind in (*_BEGINS, "and"):
            if token.kind == "and":
                self._take()
                if not begun or self._peek().kind not in _BEGINS:
                    raise self._error("AND has nothing beside it", "write A AND B, or just A B", token)
                continue
            begun = True
            part = self._one()
            if part is not None:
                parts.append(part)
        return And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None

    def _one(self) -> Expr | None:
        token = self._take()
        negated = False
        while token.kind == "not":
            negated = not negated
            before, token = token, self._take()
            if token.kind not in ("word", "open", "not"):
                raise self._error("NOT has nothing after it", "write NOT tag, or -tag", before)
        part = self._group(token) if token.kind == "open" else self._term(token, negated)
        return Not(part) if negated and part is not None else part

    def _group(self, opening: Token) -> Expr:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"more than {MAX_DEPTH} brackets inside each other", "take some apart", opening)
        part = self._either()
        if self._peek().kind != "close":
            raise self._error("a ( is not closed", f"add ); {self._way(opening)}", opening)
        closing = self._take()
        self._depth -= 1
        if part is None:
            raise self._error("there is nothing between ( and )", "remove them", closing)
        return part

    def _term(self, token: Token, negated: bool) -> Expr | None:
        if not token.key:
            return self._plain(token)
        field = field_of(token.key)
        if field is None:
            return self._by_class(token)
        if field.kind in ("sort", "limit"):
            if negated or self._depth:
                raise self._error(
                    f"{field.name}: is for the whole filter", "put it outside NOT and brackets", token
                )
            self._set_order(field, token)
            return None
        return self._field(field, token)

    def _plain(self, token: Token) -> Expr:
        if not token.text:
            raise self._error("an empty tag", "write the tag between the quotes", token)
        if token.text == UNTAGGED and not token.quoted:
            return NumberTerm("tags", 0, 0)
        for kind, example in (("score", "score(NAME)>=0.5"), ("loss", "loss(RUN)>0.2")):
            if token.text.lower().startswith(f"{kind}(") and not token.quoted:
                raise self._error(f"a {kind} is compared with a number", f"write {example}", token)
        return TagTerm(token.text, literal=token.quoted)

    def _by_class(self, token: Token) -> Expr:
        cls = self._classes.get(token.key.lower())
        if cls is None:
            known = [*FIELDS, *self._classes]
            near = nearest(token.key.lower(), known)
            way = _way_to(token.key + token.sign + token.text)
            hint = f"did you mean '{near}'? {way}" if near and token.text else way
            raise self._error(f"'{token.key}' is no key", hint, token)
        if token.sign not in (":", "="):
            raise self._error(f"{token.key} takes no {token.sign}", f"write {token.key}:NAME", token)
        self._need_value(token)
        return ClassTerm(cls, token.text)

    def _field(self, field: Field, token: Token) -> Expr:
        self._need_value(token)
        is_list = field.name == "id" and "," in token.text
        if field.kind in ("number", "date") and not is_list:
            return number_term(field, token, self._text)
        if token.sign not in (":", "=", "!="):
            raise self._error(f"{field.name} takes no {token.sign}", f"write {field.name}:VALUE", token)
        part = ids_term(field, token, self._text) if is_list else self._valued(field, token)
        return Not(part) if token.sign == "!=" else part

    def _valued(self, field: Field, token: Token) -> Expr:
        if field.kind == "tag":
            return TagTerm(token.text, literal=token.quoted)
        if field.kind == "text":
            return self._text_term(field, token)
        value = token.text if field.name in ("subset", "picked", "saved", "group") else token.text.lower()
        value = {"jpg": "jpeg"}.get(value, value) if field.name == "format" else value
        if field.words and value not in field.words:
            raise self._error(f"{field.name} is never '{value}'", did_you_mean(value, field.words), token)
        shapes = {"bucket": (r"\d+x\d+", "bucket:832x1216"), "sha": (r"[0-9a-f]{1,64}", "sha:3fa9")}
        shape = shapes.get(field.name)
        if shape and not re.fullmatch(shape[0], value, re.ASCII):
            raise self._error(f"'{value}' is no {field.name}", f"write it like {shape[1]}", token)
        return WordTerm(field.name, value, token.position)

    def _text_term(self, field: Field, token: Token) -> Expr:
        if token.regex:
            import regex

            try:
                regex.compile(token.text, regex.IGNORECASE)
            except (regex.error, OverflowError, RecursionError, MemoryError) as error:
                raise self._error(f"the regular expression is wrong: {error}", "mend it", token) from error
        return TextTerm(field.name, token.text, token.regex)

    def _set_order(self, field: Field, token: Token) -> None:
        value = token.text.lower()
        if token.sign not in (":", "="):
            raise self._error(f"{field.name} takes no {token.sign}", f"write {field.name}:VALUE", token)
        if field.kind == "limit":
            if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
                raise self._error(f"'{value}' is no number of images", "write limit:500", token)
            self._limit = int(value)
            return
        name = value.removeprefix("-")
        if name not in SORTS and not is_named(name):
            raise self._error(f"cannot sort by '{name}'", did_you_mean(name, SORTS), token)
        self._sorts.append(Sort(name, value.startswith("-")))

    def _need_value(self, token: Token) -> None:
        if not token.text:
            said = f"{token.key}{token.sign}"
            raise self._error(f"{said} has no value", f"write it right behind; {_way_to(said)}", token)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _way(self, bracket: Token) -> str:
        """How a tag is written that holds this bracket."""
        at = bracket.position
        word = re.findall(r"\S*$", self._text[:at])[0] + re.findall(r"^\S*", self._text[at:])[0]
        return _way_to(word)

    def _error(self, what: str, hint: str, token: Token) -> FilterError:
        return FilterError(what, hint, self._text, token.position)


def _way_to(tag: str) -> str:
    written = in_quotes(tag)
    return f"a tag of this text is written {written}, in a shell {shlex.quote(written)}"
