"""Blind comparison of a grid's images: pairs in a random order, choices kept after each, and a rating.

What is judged are values of some axes; a pair is two images that differ in these alone, so both show the same prompt
and seed. Choices are kept by image, and so hold for a grid that is laid out anew.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, get_args

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.json_data import checked, object_of, to_json
from curator.contract.files.regular_file import read_regular
from curator.contract.files.whole_files import replace_file
from curator.contract.locations import GRID_CHOICES
from curator.runs.grids.grid_file import GridCell, GridFile, cell_image, read_grid_file

Verdict = Literal["left", "right", "tie", "skip"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
SUBJECTS = (
    "prompt",
    "negative",
    "seed",
    "width",
    "height",
)  # what images are of: not judged unless asked for
STANDING_HEADS = ("candidate", "compared", "won", "tied", "lost", "share", "elo")
_MOST_BYTES = 1 << 26
_ROUNDS = 200
_ELO = 400


@dataclass(frozen=True)
class Choice:
    """One judgement of two images, by their names; `at` is seconds since 1970."""

    left: str
    right: str
    chosen: Verdict
    at: float


@dataclass(frozen=True)
class _Choices:
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two cells that differ in what is judged; files of their images."""

    left: GridCell
    right: GridCell
    left_file: Path
    right_file: Path


@dataclass(frozen=True)
class Standing:
    """How a candidate did. A tie is half a win in `share`; `rating` is Elo's, 0 the average; None without a pair."""

    candidate: str
    compared: int
    won: int
    tied: int
    lost: int
    share: float | None
    rating: int | None

    def in_words(self) -> tuple[str, ...]:
        """A line of the table under `STANDING_HEADS`."""
        share = "" if self.share is None else f"{self.share:.0%}"
        counts = (str(count) for count in (self.compared, self.won, self.tied, self.lost))
        return (self.candidate, *counts, share, "" if self.rating is None else f"{self.rating:+d}")


class Comparison:
    """The comparison of the grid in `folder` by the axes named `by` (none: all that say with what images are made).

    Raises:
        UserError: no grid is there, it has no such axis, or nothing differs along it.
    """

    def __init__(self, folder: Path, by: Sequence[str] = (), seed: int = 0) -> None:
        self.folder = folder
        self.grid = read_grid_file(folder)
        self.by = _axes(self.grid, by)
        self._pairs = {(pair.left.image.name, pair.right.image.name): pair for pair in self._all(seed)}
        if not self._pairs:
            raise UserError(
                f"the grid in {folder} has no two images that differ in {' and '.join(self.by)} alone",
                "make its images first, or judge by another axis with --by",
            )
        self.choices = list(_read(folder))

    @property
    def total(self) -> int:
        return len(self._pairs)

    @property
    def done(self) -> int:
        """How many pairs were judged or skipped."""
        return len(self._judged())

    def next_pair(self) -> Pair | None:
        """The next pair nobody judged yet."""
        judged = self._judged()
        return next((pair for key, pair in self._pairs.items() if frozenset(key) not in judged), None)

    def choose(self, verdict: Verdict) -> None:
        """Judge the next pair, and keep that.

        Raises:
            UserError: there is none, or it cannot be written down.
        """
        pair = self.next_pair()
        if pair is None:
            raise UserError("every pair is judged", "undo the last, or judge by another axis with --by")
        names = pair.left.image.name, pair.right.image.name
        self._keep([*self.choices, Choice(*names, verdict, time.time())])

    def undo(self) -> bool:
        """Take the last choice back; whether there was one."""
        if not self.choices:
            return False
        self._keep(self.choices[:-1])
        return True

    def standings(self) -> list[Standing]:
        """How every candidate did, the best first."""
        counts = {candidate: [0, 0, 0] for candidate in self._candidates()}  # won, tied, lost
        games: dict[tuple[str, str], float] = {}  # what the first won of the second
        for left, right, verdict in self._results():
            won = {"left": 1.0, "right": 0.0}.get(verdict, 0.5)
            for one, other, share in ((left, right, won), (right, left, 1 - won)):
                counts[one][0 if share == 1 else 2 if share == 0 else 1] += 1
                games[one, other] = games.get((one, other), 0.0) + share
        ratings = _ratings(list(counts), games)
        rows = [_standing(name, own, ratings[name]) for name, own in counts.items()]
        return sorted(rows, key=lambda row: (row.rating is None, -(row.rating or 0)))

    def candidate(self, cell: GridCell) -> str:
        """What is judged of a cell, in words."""
        labels = zip(self.grid.axes, self.grid.labels(cell), strict=True)
        return ", ".join(label for axis, label in labels if axis.name in self.by)

    def _candidates(self) -> list[str]:
        return list(dict.fromkeys(map(self.candidate, self.grid.cells)))

    def _context(self, cell: GridCell) -> tuple[int, ...]:
        return tuple(at for axis, at in zip(self.grid.axes, cell.at, strict=True) if axis.name not in self.by)

    def _all(self, seed: int) -> list[Pair]:
        """Every pair once, in an order and on sides that follow from the seed."""
        alike: dict[tuple[int, ...], list[tuple[GridCell, Path]]] = {}
        for cell in self.grid.cells:
            if path := cell_image(self.folder, cell):
                alike.setdefault(self._context(cell), []).append((cell, path))
        drawn: list[tuple[bytes, Pair]] = []
        for cells in alike.values():
            for (one, its), (other, others) in combinations(cells, 2):
                if one.image.name == other.image.name:
                    continue
                key = hashlib.sha256(f"{seed} {one.image.name} {other.image.name}".encode()).digest()
                pair = Pair(one, other, its, others)
                drawn.append((key, pair if key[-1] % 2 else Pair(other, one, others, its)))
        return [pair for _, pair in sorted(drawn, key=lambda each: each[0])]

    def _judged(self) -> set[frozenset[str]]:
        known = {frozenset(key) for key in self._pairs}
        return {key for each in self.choices if (key := frozenset((each.left, each.right))) in known}

    def _results(self) -> Iterator[tuple[str, str, Verdict]]:
        """Candidates on the left and on the right, and which was better, for pairs of this comparison."""
        sides = {frozenset(key): pair for key, pair in self._pairs.items()}
        for each in self.choices:
            pair = sides.get(frozenset((each.left, each.right)))
            if pair is None or each.chosen == "skip":
                continue
            left, right = self.candidate(pair.left), self.candidate(pair.right)
            is_turned = pair.left.image.name != each.left
            yield (right, left, each.chosen) if is_turned else (left, right, each.chosen)

    def _keep(self, choices: list[Choice]) -> None:
        text = to_json(asdict(_Choices(tuple(choices))), indent=1)
        try:
            replace_file(self.folder / GRID_CHOICES, f"{text}\n".encode())
        except OSError as error:
            raise UserError(
                f"{self.folder} cannot be written to: {error.strerror}", "check its rights"
            ) from error
        self.choices = choices


def judged_axes(grid: GridFile) -> tuple[str, ...]:
    """The axes that are judged unless others are named; all of them where each says what images are of."""
    names = tuple(axis.name for axis in grid.axes)
    return tuple(name for name in names if name not in SUBJECTS) or names


def judged_pairs(folder: Path) -> int:
    """How many pairs of images were judged or skipped in the folder of a grid, by whichever axes.

    Raises:
        UserError: the file of choices is damaged.
    """
    return len({frozenset((each.left, each.right)) for each in _read(folder)})


def _axes(grid: GridFile, by: Sequence[str]) -> tuple[str, ...]:
    names = [axis.name for axis in grid.axes]
    for name in by:
        if name not in names:
            raise UserError(f"the grid has no axis '{name}'", did_you_mean(name, names))
    judged = tuple(name for name in names if name in by or (not by and name not in SUBJECTS))
    if not judged:
        raise UserError(
            f"all axes of the grid say what images are of: {', '.join(names)}", "name one with --by AXIS"
        )
    return judged


def _read(folder: Path) -> tuple[Choice, ...]:
    path = folder / GRID_CHOICES
    try:
        return checked(_Choices, object_of(read_regular(path, limit_bytes=_MOST_BYTES))).choices
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged", "move it away to judge anew") from error


def _standing(name: str, counts: Sequence[int], rating: float) -> Standing:
    won, tied, lost = counts
    compared = won + tied + lost
    if not compared:
        return Standing(name, 0, 0, 0, 0, None, None)
    return Standing(name, compared, won, tied, lost, (won + tied / 2) / compared, round(rating))


def _ratings(names: list[str], games: dict[tuple[str, str], float]) -> dict[str, float]:
    """Bradley and Terry's strengths as Elo ratings, by Hunter's iteration ("MM algorithms for generalized
    Bradley-Terry models", 2004); each candidate has tied once with an average one, so that none is infinitely strong.
    """
    strength = dict.fromkeys(names, 1.0)
    for _ in range(_ROUNDS):
        for one in names:
            won, weight = 0.5, 1 / (strength[one] + 1)
            for other in names:
                met = games.get((one, other), 0.0) + games.get((other, one), 0.0)
                won += games.get((one, other), 0.0)
                weight += met / (strength[one] + strength[other]) if met else 0.0
            strength[one] = won / weight
    return {name: _ELO * math.log10(strength[name]) for name in names}
