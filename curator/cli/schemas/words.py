"""Shapes that many outputs share: sizes, marks, funnels, files with a reason, doubts."""

from __future__ import annotations

from typing import Literal, TypedDict

Size = tuple[int, int]
Mark = Literal["keep", "reject", ""]

MARKS: dict[int, Mark] = {-1: "reject", 0: "", 1: "keep"}


class FunnelStep(TypedDict):
    """One line of a funnel: the first is all, the last what was kept."""

    reason: str
    count: int


class ImageFunnelStep(FunnelStep):
    """A funnel's line that counts images."""

    images: int


class FileReason(TypedDict):
    """A file, and what is the matter with it."""

    path: str
    reason: str


class Doubt(TypedDict):
    """What is doubtful, and what to do."""

    what: str
    hint: str


class WarningCount(TypedDict):
    """How often something was met."""

    what: str
    count: int


def image_funnel(funnel: tuple[tuple[str, int], ...]) -> list[ImageFunnelStep]:
    """A funnel of images."""
    return [{"reason": reason, "count": count, "images": count} for reason, count in funnel]
