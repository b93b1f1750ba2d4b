"""What a user says of a publication: where it goes, and what the record cannot know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CardChoices:
    """What the record cannot know; empty is what the record says. `datasets` and `base_model` are names of the hub.

    `ratio` is the strength of an adapter to begin with.
    """

    title: str = ""
    license: str = ""
    trigger: str = ""
    ratio: float | None = None
    base_model: str = ""
    datasets: tuple[str, ...] = ()
    samples: int = 8
    thumbnail: Path | None = None


MAIN = "main"  # the branch every repository has


@dataclass(frozen=True)
class Target:
    """Where something is published: the repository of the hub, and its branch."""

    repo: str
    revision: str = MAIN
    is_public: bool = False
    with_state: bool = False
