"""Jobs on files that several processes can do, so that `readers.py` knows no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

CRASHED = "its decoder crashed"
Q = TypeVar("Q", bound=tuple[Any, ...])
A = TypeVar("A", bound=tuple[Any, ...])


@dataclass(frozen=True)
class WorkerJob(Generic[Q, A]):
    """One kind of work. Questions and answers are tuples of what `marshal` knows; both cross to other processes.

    `name` is that by which a process finds it; `work` never raises for what a file holds. Up to `inline_limit` files
    are worked on in this process before others are started. `split` makes a question of each file, and `join` one
    answer of theirs; `crashed` is that of a file which kills whoever works on it. `ping` asks for nothing.
    """

    name: str
    work: Callable[[Q], A]
    inline_limit: int
    question: Callable[[Iterable[Any]], Q]
    answer: Callable[[Iterable[Any]], A]
    files: Callable[[Q], int]
    split: Callable[[Q], list[Q]]
    join: Callable[[list[A]], A]
    crashed: A
    ping: Q
