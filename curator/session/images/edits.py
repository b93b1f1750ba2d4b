"""Edits of annotations and marks, and their history."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from curator.index.changes.edits import Commit, Edit, SetMark
from curator.index.history import redo_to, undo_to

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from pyroaring import BitMap

    from curator.index.collection import Collection


class Edits:
    """Edits of annotations and marks, and their history."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def preview(self, edit: Edit, ids: Iterable[int] | BitMap) -> int:
        """How many images an edit would change."""
        return self._collection.preview(edit, ids)

    def apply(self, edit: Edit, ids: Iterable[int] | BitMap) -> Commit:
        """Make an edit; it can be undone, also after a restart."""
        return self._collection.apply(edit, ids)

    def mark(self, ids: Iterable[int] | BitMap, mark: int) -> Commit:
        """Keep (1), reject (-1) or unmark (0) images."""
        return self.apply(SetMark(mark), ids)

    @contextmanager
    def grouped(self, what: str = "") -> Generator[None]:
        """Make the edits made inside one, which one undo takes back: all of them, or none.

        For marks, subsets, rules, saved filters and picks; tags and captions are an edit of their own.
        """
        with self._collection.grouped(what):
            yield

    @contextmanager
    def recorded(self) -> Generator[list[int]]:
        """The ids of the changes that this session makes inside, in order: for a report of them."""
        with self._collection.journal.recorded() as commits:
            yield commits

    def made(self, commits: Iterable[int]) -> list[int]:
        """Those of recorded changes that are made for good: not taken back with what failed or was interrupted."""
        with self._collection.reading():
            return self._collection.journal.standing(commits)

    @contextmanager
    def batch(self) -> Generator[None]:
        """Make the edits made inside, of every kind, one undo step: all of them, or none."""
        with self._collection.batch():
            yield

    @contextmanager
    def trial(self, *, is_dry: bool = True) -> Generator[None]:
        """Where `is_dry`, take back at the end what is done inside: it shows what that would do."""
        with self._collection.trial() if is_dry else nullcontext():
            yield

    def undo(self, commit: int | None = None) -> Commit | None:
        """Take back your newest edit that stands, or the one named; None where there is none.

        Edits made since, by taggers too, stay; images where they changed the same are skipped and counted (`skipped`).
        """
        return self._collection.undo(commit=commit)

    def redo(self, commit: int | None = None) -> Commit | None:
        """Make again what you took back last, or the edit named; None where there is nothing."""
        return self._collection.redo(commit=commit)

    def undo_to(self, commit: int) -> list[Commit]:
        """Take back this edit and every newer one that stands, newest first: all of them, or none."""
        return undo_to(self._collection, commit)

    def redo_to(self, commit: int) -> list[Commit]:
        """Make this edit again, after the older ones taken back before it: all of them, or none."""
        return redo_to(self._collection, commit)

    def history(self, limit: int = 50) -> list[Commit]:
        """The newest edits first; 0 is all."""
        return self._collection.history(limit)

    def images_of(self, commit: int) -> BitMap:
        """The images that an edit changed, those that are there."""
        with self._collection.reading():
            return self._collection.journal.images_of(commit) & self._collection.images.alive()

    def count(self) -> int:
        """How many edits the history has."""
        return self._collection.count_edits()

    @staticmethod
    def skipped_in_words(commit: Commit) -> str:
        """What others had changed since when a commit was taken back: `12 images, repeats of subset alice`."""
        from curator.index.editing.describe import skipped_in_words

        return skipped_in_words(commit)
