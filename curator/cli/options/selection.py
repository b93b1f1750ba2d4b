"""The images a command is about: FILTER, --from, --null and --strict, the same in every command that takes a filter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from curator.cli.options.arguments import AMONG, FILTER, FROM
from curator.cli.options.lists import called, names_in
from curator.cli.shared.output import say
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from pyroaring import BitMap

    from curator.session.images.images import NamedImages, Result
    from curator.session.session import Session

_NAMES = "ids or paths of images"
_HINT = "give ids or paths of images, one a line, as 'frieze ls --ids' prints them"
_HINT_NULL = (
    "give them NUL-separated, as 'frieze ls -0' prints them, or leave --null out if they are one a line"
)


@dataclass(frozen=True)
class Selection:
    """Images as they are typed: those of a filter, of the list `source`, or those of the filter among a list's.

    What a filter or a list names and nobody has is told, and an error where that is asked (`is_strict`).
    """

    filter: str = ""
    source: str | None = None
    is_null: bool = False
    is_strict: bool = False

    @property
    def is_all(self) -> bool:
        """Whether every image is meant."""
        return self.source is None and not self.filter.strip()

    @property
    def kept_text(self) -> str | None:
        """The filter, where it alone says which images are meant, so that it can be asked again later."""
        return self.filter if self.source is None else None

    def of(self, session: Session) -> Result:
        """The images, in order.

        Raises:
            UserError: a broken filter, a list that cannot be read or has no image; what --strict refuses.
        """
        found = session.images.select(self.filter, among=self.listed(session))
        self.check(session, found.unknown_tags, len(found))
        return found

    def listed(self, session: Session) -> BitMap | None:
        """The images of the list, or None where there is none."""
        if self.source is None:
            return None
        names = names_in(self.source, _NAMES, is_null=self.is_null)
        named = session.images.named(names, Path.cwd())
        where = called(self.source)
        if not named.count:
            say(f"{where} is empty, so there is no image to work on")
        for what in _told(where, named):
            if not named.images:
                raise UserError(what, _HINT_NULL if self.is_null else _HINT)
            self._tell(what)
        return named.images

    def check(self, session: Session, unknown: Iterable[str], count: int) -> None:
        """Tell of the terms of a filter that no image's tags fit, and with --strict of nothing found.

        Raises:
            UserError: what --strict refuses.
        """
        for sentence in session.images.unmatched(unknown):
            self._tell(sentence)
        self.refuse_nothing(count)

    def refuse_nothing(self, count: int) -> None:
        """With --strict, refuse that nothing was found."""
        if self.is_strict and not count:
            raise UserError("nothing matched", "without --strict that is no error", ExitCode.NO)

    def _tell(self, what: str) -> None:
        if self.is_strict:
            raise UserError(what, "mend it, or leave --strict out")
        say(what)


def _told(where: str, named: NamedImages) -> Iterable[str]:
    """What is wrong in a list, in words: the first few names of each kind."""
    kinds = (
        (named.unknown_count, named.unknown, "no image here"),
        (named.shared_count, named.shared, "several images: give ids, or absolute paths"),
    )
    for count, names, what in kinds:
        if count:
            shown = ", ".join(f"'{name[:80]}'" for name in names)
            more = ", ..." if count > len(names) else ""
            names_are = f"{count:,} of {counted(named.count, 'name')} {'is' if count == 1 else 'are'}"
            yield f"{where}: {names_are} {what} ({shown}{more})"


ImagesArgument = Annotated[
    Selection, typer.Argument(metavar=FILTER, help="Which images, such as '1girl width>=1024'.")
]
ImagesOrAll = Annotated[
    Selection,
    typer.Argument(metavar=f"[{FILTER}]", help="Which images, such as '1girl width>=1024'; default: all."),
]
NullOption = Annotated[
    bool, typer.Option("--null", "-0", help=f"The list of {FROM} is NUL-separated, as 'ls -0' prints it.")
]
_FromOption = Annotated[
    str | None,
    typer.Option(
        FROM, metavar="FILE", help="Only images of this list: ids or paths, one a line; '-' is stdin."
    ),
]
_AmongOption = Annotated[
    str,
    typer.Option(
        AMONG, metavar=FILTER, help=f"With {FROM}, in the place of FILTER: which images of the list."
    ),
]
_StrictOption = Annotated[
    bool,
    typer.Option(
        "--strict", help="Fail if a tag or a listed image is unknown (code 2), or no image is meant (code 1)."
    ),
]
StrictToKeepOption = Annotated[
    bool,
    typer.Option(
        "--strict", help="Keep nothing if a tag is unknown (code 2), or no image is meant (code 1)."
    ),
]


def takes_images(command: Callable[..., None]) -> Callable[..., None]:
    """A command with one parameter `ImagesArgument` or `ImagesOrAll`, as Typer takes it: a FILTER and its options.

    A parameter `null` of its own says the same of the list.
    """
    own = inspect.signature(command, eval_str=True).parameters
    images = next(each for each in own.values() if _hint(each) is Selection)
    has_null = "null" in own

    @wraps(command)
    def run(**given: Any) -> None:
        text, source = given.pop("filter"), given.pop("source")
        text = given.pop("among", "") or text
        is_null = given["null"] if has_null else given.pop("null")
        given[images.name] = Selection(text, source, is_null, given.pop("strict"))
        command(**given)

    cast("Any", run).__signature__ = inspect.Signature(list(_parameters(own, images)))
    return run


def _parameters(own: Mapping[str, Parameter], images: Parameter) -> Iterator[Parameter]:
    """The parameters of a command, with those of a `Selection` where its images stand."""
    behind = list(own.values())[list(own).index(images.name) + 1 :]
    info = get_args(images.annotation)[1]
    for each in own.values():
        if each is not images:
            yield each.replace(kind=Parameter.KEYWORD_ONLY)
            continue
        default = "" if info.metavar != FILTER else Parameter.empty
        yield _parameter("filter", Annotated[str, info], default)
        yield _parameter("source", _FromOption, None)
        if info.metavar == FILTER and any(map(_is_argument, behind)):
            yield _parameter("among", _AmongOption, "")
        if "null" not in own:
            yield _parameter("null", NullOption, False)
        yield _parameter("strict", _StrictOption, False)


def _parameter(name: str, annotation: object, default: object) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _hint(parameter: Parameter) -> object:
    return next(iter(get_args(parameter.annotation)), None)


def _is_argument(parameter: Parameter) -> bool:
    return any(isinstance(each, typer.models.ArgumentInfo) for each in get_args(parameter.annotation))
