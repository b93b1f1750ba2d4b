"""Images of a collection: scanned, filtered, looked at; and the files that a scan could not use."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    import numpy as np
    from numpy.typing import NDArray
    from pyroaring import BitMap

    from curator.filter.cancel import Cancel
    from curator.filter.evaluate import Result
    from curator.filter.facets import Facets
    from curator.filter.histogram import Bar
    from curator.filter.named import NamedImages
    from curator.filter.spread import Spread
    from curator.freeze.explain import Explanation
    from curator.index.images.images import ImageRow
    from curator.index.tables.metadata import PostFacts
    from curator.index.tables.rows import Quarantined
    from curator.index.tags.tag_table import Tag
    from curator.scan.report import ScanReport
    from curator.scan.retry import Retried
    from curator.scan.scan import Progress
    from curator.scan.scan import ScanProgress as ScanProgress  # noqa: PLC0414 (named from here)

_LOOKED_AT = 20_000  # names, to see whether there are images at all


class Tally(NamedTuple):
    """How many images are marked keep, marked reject, and left to be judged."""

    keep: int
    reject: int
    left: int


class Images:
    """Images of a collection: scanned, filtered, looked at."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def scan(
        self,
        folder: Path | None = None,
        progress: Progress | None = None,
        *,
        full: bool = False,
        quick: bool = False,
    ) -> ScanReport:
        """Index `folder` (or a tar), or look again at every root known.

        `full` reads files whose size and time are as before; `quick` passes over folders whose time is as before.

        The scan has its own connection: the caller's session stays usable meanwhile.
        """
        from curator.scan.report import ScanReport
        from curator.scan.scan import scan

        folders = [folder] if folder else [Path(root) for root in self._collection.images.roots()]
        if not folders:
            raise UserError("no folder was scanned yet", "name one: frieze scan DIR")
        report = ScanReport()
        with Collection.open(self._collection.folder) as collection:
            for each in folders:
                report.include(scan(collection, each, progress, full, quick))
        return report

    def select(self, text: str, cancel: Cancel | None = None, among: BitMap | None = None) -> Result:
        """The images a filter names, in order; only those `among` these, where given.

        Raises:
            FilterError: with the position of the mistake.
            Cancelled: `cancel` said so.
        """
        return select(self._collection, text, cancel, among)

    def named(self, names: Iterable[bytes], folder: Path) -> NamedImages:
        """The images whose ids or paths are listed; a path may be relative to `folder` (see `filter.named`)."""
        from curator.filter.named import named_images

        return named_images(self._collection, names, folder)

    def unmatched(self, unknown: Iterable[str]) -> list[str]:
        """A sentence about each term of a filter that no image's tags fit (`Result.unknown_tags`)."""
        from curator.filter.unmatched import unmatched_term_text

        return [unmatched_term_text(self._collection, term) for term in unknown]

    def facets(
        self, images: BitMap, limit: int = 50, *, exact: bool = False, cancel: Cancel | None = None
    ) -> Facets:
        """The tags most common among `images`: of a sample at once, or `exact`."""
        from curator.filter.facets import exact_facets, sample_facets

        if exact:
            return exact_facets(self._collection, images, limit, cancel)
        return sample_facets(self._collection, images, limit)

    def facets_named(
        self, images: BitMap, typed: str, limit: int = 50, cancel: Cancel | None = None
    ) -> Facets:
        """Of the tags whose name or alias has a part as typed those that any of `images` has, exactly."""
        from curator.filter.facets import named_facets

        found = self._collection.find_tags(typed, limit)
        return named_facets(self._collection, images, [tag.id for tag, _ in found], cancel)

    def rows(self, ids: Sequence[int]) -> list[ImageRow]:
        """What is known of the images `ids`, in that order."""
        return self._collection.rows(ids)

    def tags_of(self, image: int) -> list[Tag]:
        """The tags of one image in caption order."""
        return self._collection.tags_of(image)

    def scores_of(self, image: int) -> dict[str, float]:
        """The scores that models gave an image, by name."""
        return self._collection.scores.of_image(image)

    def numbers_of(self, row: ImageRow) -> dict[str, float]:
        """The scores of an image, and its losses in runs that are looked at, by name."""
        from curator.filter.run_losses import remembered_losses

        return self.scores_of(row.id) | remembered_losses(self._collection, row.sha256)

    def post_of(self, image: int) -> PostFacts:
        """What is known of an image's post on a booru."""
        return self._collection.metadata.facts(image)

    def file_of(self, row: ImageRow) -> Path:
        """Where the image's file is."""
        return Path(row.root, row.path)

    def mask_of(self, row: ImageRow) -> Path:
        """The file that says where an image counts: the mask beside it, else the image with its transparency."""
        from curator.contract.files.picture_file import has_picture
        from curator.freeze.checks.files import MASKS

        path = self.file_of(row)
        beside = (path.with_name(path.stem + ending) for ending in MASKS)
        return next((mask for mask in beside if has_picture(mask)), path)

    def tally(self, images: BitMap) -> Tally:
        """How many of some images are kept, rejected, and left."""
        with self._collection.reading():
            keep, reject = (len(self.select(f"mark:{mark}", among=images)) for mark in ("keep", "reject"))
        return Tally(keep, reject, len(images) - keep - reject)

    @staticmethod
    def are_below(folder: Path) -> bool:
        """Whether there are files named as images below a folder, as far as a short look shows."""
        from curator.scan.find import SUFFIXES

        names = (name for _, _, files in os.walk(folder) for name in files)
        return any(name.lower().endswith(SUFFIXES) for name in islice(names, _LOOKED_AT))

    def find(self, typed: str) -> int:
        """The image a person means by its id, its path, or part of its name.

        Raises:
            UserError: none, or several.
        """
        if typed.isdecimal():
            return int(typed)
        from curator.filter.language.tokens import in_quotes

        path = os.path.normpath(Path(typed).absolute())
        rows = self.rows(self.select(f"name:{in_quotes(Path(typed).name)}").ids.tolist())
        exact = [row for row in rows if row.full_path == path]
        if "/" in typed:
            exact = exact or [row for row in rows if row.full_path.endswith("/" + typed)]
        else:
            exact = exact or [row for row in rows if row.name == typed] or rows
        if len(exact) == 1:
            return exact[0].id
        if not exact:
            raise UserError(f"no image is called '{typed}'", "give its number, or part of its name")
        names = ", ".join(row.path for row in exact[:3])
        raise UserError(f"{len(exact):,} images are called '{typed}'", f"such as {names}; give the number")

    def explain(self, image: int, epochs: int = 3, seed: int = 42, most_changes: int = 20) -> Explanation:
        """What is known of an image and what a freeze would do with it; of its history the newest (0: all).

        Raises:
            UserError: there is no such image.
        """
        from curator.freeze.explain import explain

        return explain(self._collection, image, epochs, seed, most_changes)

    @staticmethod
    def explained_in_words(said: Explanation) -> list[str]:
        """What `explain` found, as lines for people."""
        from curator.freeze.explain_words import explained_in_words

        return list(explained_in_words(said))

    def scores(self, fields: Iterable[str]) -> dict[str, NDArray[np.float64]]:
        """The values of fields `score(NAME)` by image id, long enough for every image; NaN where there is none."""
        from curator.filter.language.fields import score_name

        index = self._collection
        with index.reading():
            length = len(index.columns.of("content"))
            return {field: index.scores.of(score_name(field), length) for field in fields}

    def histogram(self, field: str, images: BitMap) -> list[Bar]:
        """How a number that images have is spread over them; those without one count nowhere.

        Raises:
            UserError: it is no number, or there is no score of that name.
        """
        return self.spread(field, images).bars

    def spread(self, field: str, images: BitMap, cancel: Cancel | None = None) -> Spread:
        """The same, with how many images were looked at: the tokens of captions are counted of a sample.

        Raises:
            UserError: it is no number, or there is no score of that name.
            Cancelled: `cancel` said so.
        """
        from curator.filter.spread import spread

        return spread(self._collection, field, images, cancel)

    @staticmethod
    def spread_fields() -> tuple[str, ...]:
        """What `spread` knows, beside scores and losses by their names."""
        from curator.filter.spread import FIELDS

        return FIELDS

    def totals(self, images: BitMap) -> dict[str, int]:
        """How many of some images are kept, rejected, without tags, with a caption, and the bytes of their files."""
        parts = {
            "kept": "mark:keep",
            "rejected": "mark:reject",
            "untagged": "untagged",
            "with a caption": "has:caption",
        }
        with self._collection.reading():
            counts = {name: len(self.select(text, among=images)) for name, text in parts.items()}
        return {"images": len(images), **counts, "bytes": self.total_bytes(self.select("", among=images).ids)}

    def total_bytes(self, ids: NDArray[Any]) -> int:
        """The bytes of the files of the images `ids`."""
        return int(self._collection.columns.of("file_bytes")[ids].sum())


class Quarantine:
    """Quarantined files of a collection: files that a scan could not use."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def all(self) -> list[Quarantined]:
        """The files by path, each with the reason and since when."""
        with self._collection.reading():
            return self._collection.quarantine.list()

    def count(self) -> int:
        """How many files are quarantined."""
        with self._collection.reading():
            return self._collection.quarantine.count()

    def retry(self, progress: Progress | None = None) -> Retried:
        """Read all of them again; those of a root that is not there stay."""
        from curator.scan.retry import retry

        return retry(self._collection, progress)
