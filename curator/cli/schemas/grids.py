"""Outputs about grids of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict


class GridAdapter(TypedDict):
    """An adapter, and how much of it."""

    path: str
    ratio: float


class GridCellRow(TypedDict):
    """A cell of a grid: its image and what that is made with."""

    cell: str
    axes: Mapping[str, str]
    path: str | None
    model: str
    adapters: Sequence[GridAdapter]
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    scale: float
    sampler: str
    clip_skip: int
    collapsed: str
    fault: str


class GridReport(TypedDict):
    """A grid that was made."""

    schema: Literal["frieze/grid/1"]
    folder: str
    made: int
    sheets: Sequence[str]
    page: str
    cells: Sequence[GridCellRow]


class GridOutlook(TypedDict):
    """What making a grid would take."""

    schema: Literal["frieze/grid-plan/1"]
    cells: int
    images: int
    to_make: int
    models_to_load: int
    steps: int
    seconds_left: float | None
    made_anew: Mapping[str, int]


class GridView(TypedDict):
    """The cells of a grid."""

    schema: Literal["frieze/grid-view/1"]
    folder: str
    cells: Sequence[GridCellRow]


class GridStanding(TypedDict):
    """How a candidate did in a blind comparison."""

    candidate: str
    compared: int
    wins: int
    ties: int
    defeats: int
    win_share: float | None
    elo: int | None


class PairToJudge(TypedDict):
    """Two images to judge."""

    left: str
    right: str
    prompt: str


class GridComparison(TypedDict):
    """A blind comparison, and what comes next."""

    schema: Literal["frieze/grid-judge/1"]
    folder: str
    by: Sequence[str]
    pairs: int
    judged: int
    standings: Sequence[GridStanding]
    next: PairToJudge | None


class GridChoice(TypedDict):
    """A cell that was chosen, the command that bakes it, and what was baked where that was asked for."""

    schema: Literal["frieze/grid-choose/1"]
    cell: str
    model: str
    adapters: Sequence[GridAdapter]
    command: str
    baked: str | None
