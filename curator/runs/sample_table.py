"""Samples of a run as a table: prompts as rows, steps as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from curator.contract.run.events import SampleMade


class SampleRow(NamedTuple):
    """One prompt with its seed; `nth` where a step has several of them."""

    prompt: str
    seed: int
    nth: int


@dataclass(frozen=True)
class SampleTable:
    """Samples by row and step. What was sampled last stands first; steps rise."""

    rows: tuple[SampleRow, ...] = ()
    steps: tuple[int, ...] = ()
    cells: Mapping[tuple[SampleRow, int], SampleMade] = field(default_factory=dict)


def sample_table(samples: Sequence[SampleMade]) -> SampleTable:
    """The table of a run's samples, in whatever order they come."""
    cells: dict[tuple[SampleRow, int], SampleMade] = {}
    times: Counter[tuple[str, int, int]] = Counter()
    for each in sorted(samples, key=lambda each: (each.step, each.path)):
        nth = times[each.prompt, each.seed, each.step]
        times[each.prompt, each.seed, each.step] += 1
        cells[SampleRow(each.prompt, each.seed, nth), each.step] = each
    newest = max((step for _, step in cells), default=0)
    last = [row for row, step in cells if step == newest]
    rows = dict.fromkeys([*last, *(row for row, _ in cells)])
    return SampleTable(tuple(rows), tuple(sorted({step for _, step in cells})), cells)
