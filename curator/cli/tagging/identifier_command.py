"""`frieze tag check-identifier`: words for new concepts, checked or proposed (S023)."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import enclosing_collection, opened
from curator.cli.shared.output import put, put_json
from curator.contract.errors import ExitCode, UserError

if TYPE_CHECKING:
    from curator.cli.schemas.images import IdentifierReport


def check_identifier(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD...]", help="Words that shall stand for new things.")
    ] = None,
    *,
    names: Annotated[
        Path | None,
        typer.Option(
            "--tags", metavar="CSV", help="A list of tags it must not be, as tag completers have it."
        ),
    ] = None,
    suggest: Annotated[
        int, typer.Option("--suggest", metavar="N", min=0, help="Name so many free words.")
    ] = 10,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check words for what is new: one token of CLIP, at most 3 letters, no tag; name free ones."""
    from curator.session.images.tags import identifiers

    with ExitStack() as stack:
        is_inside = collection is not None or enclosing_collection(Path.cwd()) is not None
        session = stack.enter_context(opened(collection)) if is_inside else None
        candidates = session.tags.identifiers(names) if session else identifiers(names)
        verdicts = [candidates.verdict(word) for word in words or ()]
        free = candidates.free(suggest)
    bad = [each for each in verdicts if each.against]
    if as_json:
        report: IdentifierReport = {
            "schema": "frieze/identifiers/1",
            "words": [
                {"word": each.word, "tokens": each.tokens, "against": each.against} for each in verdicts
            ],
            "free": free,
        }
        put_json(report)
    else:
        for each in verdicts:
            put(f"{each.word}: {'; '.join(each.against) or 'it can be used'}")
        if free and (bad or not verdicts):
            put(f"free: {', '.join(free)}")
    if bad:
        raise UserError(
            f"'{bad[0].word}' cannot stand for something new",
            f"take another word, such as {free[0]}" if free else "take another word",
            ExitCode.NO,
        )
