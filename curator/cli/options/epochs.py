"""Options of commands that show captions: of which epochs, by which seed, at which step."""

from __future__ import annotations

from typing import Annotated

import typer

EpochOption = Annotated[
    int, typer.Option("--epoch", metavar="E", min=0, help="First epoch shown, counted from 0.")
]
EpochsOption = Annotated[int, typer.Option("--epochs", metavar="N", min=1, help="How many epochs are shown.")]
SeedOption = Annotated[int, typer.Option("--seed", metavar="S", min=0, help="The recipe's seed.")]
StepOption = Annotated[
    int | None,
    typer.Option(
        "--step", metavar="K", min=0, help="Step, counted from 0, where tokens warm up; default: after."
    ),
]
