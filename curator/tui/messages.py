"""Messages of panels and workers to the screens, and of screens to the app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from curator.contract.errors import UserError


class UserErrorRaised(Message):
    """Something a person can mend went wrong; the app shows it on the status line."""

    def __init__(self, error: UserError) -> None:
        super().__init__()
        self.error = error


class CollectionChanged(Message):
    """Words or marks of images changed; with `images`, which images there are."""

    def __init__(self, *, images: bool = False) -> None:
        super().__init__()
        self.images = images


class ShowImages(Message):
    """Browse should show the images of a filter; escape comes back to the screen that asks."""

    def __init__(self, filter: str) -> None:
        super().__init__()
        self.filter = filter


class VisitEnded(Message):
    """Browse showed what another screen asked for; that one is wanted again."""

    def __init__(self, screen: str) -> None:
        super().__init__()
        self.screen = screen


class Place(Message):
    """Where a screen is and how it is set: what a restart should find again."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__()
        self.values = values


class RunLaunched(Message):
    """A training was started; Runs should show it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class StatusChanged(Message):
    """How far some work is: a few words on the status line; empty when it is over. A `share` (0 to 1) is a bar."""

    def __init__(self, note: str, share: float | None = None) -> None:
        super().__init__()
        self.note, self.share = note, share


class WorkDone(Message, bubble=False):
    """A worker's result. `kind` says which work it was, so that a screen can have several."""

    def __init__(self, kind: str, result: object) -> None:
        super().__init__()
        self.kind = kind
        self.result = result


class WorkCancelled(Message, bubble=False):
    """Escape was pressed while something was looked up: its answer will not come."""


class WorkRefused(Message, bubble=False):
    """A worker ended with a mistake a person can mend."""

    def __init__(self, kind: str, error: UserError) -> None:
        super().__init__()
        self.kind = kind
        self.error = error
