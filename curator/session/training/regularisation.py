"""Regularisation images of a collection: made with a base model, kept as a subset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.session.images.edits import Edits
from curator.session.images.images import Images
from curator.session.training.subsets import Subsets

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.buckets import Size
    from curator.contract.run.class_pictures import ClassPictures
    from curator.index.collection import Collection
    from curator.index.tables.rows import Subset

Progress = Callable[[int, int], None]  # images made, in all


class Regularisation:
    """Regularisation images of a collection: made with a base model, kept as a subset."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._subsets = Subsets(collection)

    def check_name(self, name: str, folder: Path) -> None:
        """Refuse the name of a subset that is not of regularisation images in `folder`."""
        from curator.interop.apply import folder_filter

        known = self._subset(name)
        if known and (not known.is_reg or known.filter != folder_filter(folder)):
            raise UserError(f"there is a subset '{name}'", "choose another name")

    def sizes(self, folder: Path, count: int) -> tuple[Size, ...]:
        """`count` sizes as the buckets of what is trained were when the images in `folder` were first asked for.

        Raises:
            UserError: there is nothing to go by.
        """
        from curator.contract.run.class_pictures import JOB, read_job
        from curator.freeze.collection import training_buckets
        from curator.runs.programs.class_pictures import shared_sizes

        if (folder / JOB).exists() and len(earlier := read_job(folder).sizes) == count:
            return earlier
        return shared_sizes(training_buckets(self._collection), count)

    def make(self, name: str, folder: Path, job: ClassPictures, progress: Progress | None = None) -> None:
        """Make the images of `job` in `folder`, index them, and keep them as a subset; those that are there stay.

        Raises:
            UserError: the name is taken, training is not installed, another job lies there, or no model can be used.
        """
        from curator.runs.programs.class_pictures import make

        self.check_name(name, folder)
        make(folder, job, progress)
        Images(self._collection).scan(folder)
        if self._subset(name) is None:  # one that was made before keeps what was set since
            self._keep(name, folder)

    def _subset(self, name: str) -> Subset | None:
        return next((each for each in self._subsets.all() if each.name == name), None)

    def _keep(self, name: str, folder: Path) -> None:
        from curator.freeze.members import EVERYTHING
        from curator.index.tables.rows import Subset
        from curator.interop.apply import folder_filter

        with Edits(self._collection).grouped():
            if not self._subsets.all():  # with a first subset, "everything" is no longer meant by itself
                self._subsets.save(EVERYTHING)
            self._subsets.add(Subset(name, folder_filter(folder), is_reg=True))
            self._subsets.put_first(name)  # their captions meet the filters of what is trained, too
