"""Saved weights of a run judged: by loss on fixed noise, and by what its samples look like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.contract.run.run_folder import RunFolder
    from curator.index.collection import Collection
    from curator.runs.judging.judgement import Hear, Judgement
    from curator.runs.judging.nearest import NearestImage


class Judging:
    """Saved weights of runs judged; with a collection, what images look like is known from it and kept in it."""

    def __init__(self, collection: Collection | None = None) -> None:
        self._collection = collection

    @staticmethod
    def weights(
        run: RunFolder, images: int, validation_images: int, hear: Hear, progress: Progress
    ) -> Judgement:
        """Losses of every saved file of a run on fixed noise, kept in the run's folder; goes on where it was."""
        from curator.runs.judging.judgement import judge_weights

        return judge_weights(run, images, validation_images, hear, progress)

    def nearest(self, run: RunFolder, progress: Progress) -> list[NearestImage]:
        """The training image that every sample of a run looks most like."""
        from curator.runs.judging.nearest import KnownLooks, nearest_images

        collection = self._collection
        if collection is None:
            return nearest_images(run, None, progress)

        def keep(looks: Sequence[tuple[bytes, int | None]]) -> None:
            with collection.writing():
                collection.fingerprints.put(looks)

        return nearest_images(run, KnownLooks(collection.fingerprints.of, keep), progress)

    @staticmethod
    def is_memorised(image: NearestImage) -> bool:
        """Whether a sample is as like its nearest training image as copies of one image are."""
        from curator.runs.judging.nearest import MEMORISED

        return image.distance is not None and image.distance <= MEMORISED

    @staticmethod
    def clip_similarities(
        run: RunFolder, samples: Sequence[NearestImage], folder: Path
    ) -> list[float | None]:
        """The cosine of each sample with its prompt, by the CLIP model in `folder`."""
        from curator.runs.programs.clip import similarities

        return similarities(
            [(str(run.path.absolute() / each.sample), each.prompt) for each in samples], folder
        )
