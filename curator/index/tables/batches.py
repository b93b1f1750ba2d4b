"""Batches: commits made together, which one undo takes back and one redo makes again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING

from curator.index.undo.journal import Journal, summary

if TYPE_CHECKING:
    from curator.index.changes.commit import Commit
    from curator.index.tables.small_tables import Settings

_SETTING = "undo.batches"  # [first, last] commit of each


class Batches:
    """The batches of one index. Everything here is called inside a write transaction."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self._journal = journal
        self._settings = settings

    @contextmanager
    def remembered(self) -> Generator[None]:
        """Make one batch of the commits made inside."""
        before = self._journal.last_id()
        yield
        last = self._journal.last_id()
        if last > before + 1:
            self._settings.put(_SETTING, [*self._kept(), [before + 1, last]])

    def undo(self, actor: str) -> Commit | None:
        """Undo the newest standing commit of an actor, and its batch with it, the newest first."""
        number = self._journal.newest_standing(actor)
        if number is None:
            return None
        standing = [each.id for each in self._of_batch(number) if not each.undone]
        return self._as_one(standing, lambda each: self._journal.undo_commit(each, actor))

    def redo(self, actor: str) -> Commit | None:
        """Redo the commit that an actor undid last, and its batch with it, the oldest first."""
        undone = self._journal.undone_by(actor)
        if not undone:
            return None
        batch = {each.id for each in self._of_batch(undone[-1])}
        return self._as_one(sorted(batch & {*undone}), lambda each: self._journal.redo_commit(each, actor))

    def _of_batch(self, number: int) -> list[Commit]:
        """The commits of the batch that a commit belongs to, the newest first."""
        first, last = next((each for each in self._kept() if each[0] <= number <= each[1]), (number, number))
        return self._journal.between(first, last)

    def _as_one(self, numbers: Sequence[int], act: Callable[[int], Commit]) -> Commit:
        before = self._journal.last_id()
        done = [act(number) for number in numbers]
        if len(done) == 1:
            return done[0]
        return done[-1]._replace(
            what=summary(
                "", [each.what for _, each in sorted(zip(numbers, done, strict=True), key=itemgetter(0))]
            ),
            images_changed=len(self._journal.images_changed_since(before)),
            skipped=sum(each.skipped for each in done),
            skipped_values=tuple(value for each in done for value in each.skipped_values),
        )

    def _kept(self) -> list[list[int]]:
        return self._settings.get(_SETTING, [])
