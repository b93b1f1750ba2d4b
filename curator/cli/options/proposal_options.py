"""Options of commands about proposals: the model, its thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curator.proposals.thresholds import Thresholds

ModelOption = Annotated[
    str,
    typer.Option("--model", metavar="MODEL", help="The model: a name it was asked for as, or its folder."),
]
GeneralOption = Annotated[
    float | None,
    typer.Option(
        "--general",
        metavar="T",
        help="Threshold of all tags but characters, 0.05 to 1; default: the model's own, or 0.35.",
    ),
]
CharacterOption = Annotated[
    float | None,
    typer.Option(
        "--character",
        metavar="T",
        help="Threshold of characters, 0.05 to 1; default: the model's own, or 0.85.",
    ),
]
McutOption = Annotated[
    bool,
    typer.Option(
        "--mcut", help="In each image the threshold lies in the widest gap, where none was given (MCut)."
    ),
]


def thresholds_of(general: float | None, character: float | None, mcut: bool) -> Thresholds:
    """The thresholds that were asked for.

    Raises:
        UserError: one is below what is kept, or above 1.
    """
    from curator.proposals.thresholds import Thresholds

    return Thresholds(general, character, mcut)
