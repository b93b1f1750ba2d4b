"""Which images of a job are answered, by the parts in its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.tagging.cluster import PARQUET
from curator.contract.tagging.job import part_files, read_images
from curator.contract.tagging.part import read_part

if TYPE_CHECKING:
    from curator.contract.tagging.job import ImageEntry

Damaged = Callable[[Path, Exception], None]


class Answered:
    """The images of the job in `folder` that have answers, `count` of them."""

    def __init__(self, folder: Path, images: int) -> None:
        self._folder = folder
        self._done = bytearray(images)
        self._seen = set[str]()  # names of parts that are counted
        self.count = 0

    def find(self, damaged: Damaged) -> None:
        """Take in all parts that are there; those that cannot be read are given to `damaged`."""
        for file in part_files(self._folder):
            self._seen.add(file.name)
            try:
                numbers = numbers_in(file)
            except (OSError, ValueError) as error:
                damaged(file, error)
                continue
            for number in numbers:
                if number < len(self._done) and not self._done[number]:
                    self._done[number] = 1
                    self.count += 1

    def new_parts(self) -> Iterator[Path]:
        """Parts that came since the last look, each once."""
        for file in part_files(self._folder):
            if file.name not in self._seen:
                self._seen.add(file.name)
                yield file

    def left(self) -> Iterator[ImageEntry]:
        """The images without answers, in order.

        Raises:
            UserError: the list is damaged.
        """
        for image in read_images(self._folder):
            if image.number < len(self._done) and not self._done[image.number]:
                yield image


def numbers_in(part: Path) -> memoryview:
    """The numbers of the images that a part answers.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    if part.suffix == PARQUET:
        from tag_models.cluster.parquet_part import parquet_numbers  # noqa: PLC0415 (half a second, for such jobs alone)

        return memoryview(parquet_numbers(part))
    return memoryview(read_part(part).numbers).cast("I")
