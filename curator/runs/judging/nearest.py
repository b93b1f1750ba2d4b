"""The training image that each sample of a run looks most like, by perceptual hash: one that is memorised is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.contract.manifest.manifest import open_manifest
from curator.runs.follow import Follower
from curator.scan.copies.appearance import FINGERPRINTING, Pictures, both_ways
from curator.scan.readers.readers import Readers

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.progress import Progress
    from curator.contract.run.events import SampleMade
    from curator.contract.run.run_folder import RunFolder

MEMORISED = (
    6  # bits of 64 that differ at most: copies of one image at other sizes and qualities differ in as few
)
_AT_ONCE = 512
_PIECE = 32
Numbers = dict[bytes, int | None]


@dataclass(frozen=True)
class KnownLooks:
    """Numbers of images that were looked at before, by sha256: asked for, and kept when there are new ones."""

    of: Callable[[Sequence[bytes]], Numbers]
    keep: Callable[[Sequence[tuple[bytes, int | None]]], None]


@dataclass(frozen=True)
class NearestImage:
    """A sample and the training image most like it: of 64 bits `distance` differ, where it may be `mirrored`.

    None where the sample cannot be read or is flat, or no training image has a number.
    """

    step: int
    sample: str
    prompt: str
    nearest: str | None
    distance: int | None
    mirrored: bool


def nearest_images(run: RunFolder, known: KnownLooks | None, progress: Progress) -> list[NearestImage]:
    """The nearest training image of every sample that is there, in the order they were made.

    `progress` hears of training images; those that cannot be read are passed over.

    Raises:
        UserError: the manifest cannot be read.
    """
    samples = [(each, path) for each in _samples(run) if (path := run.path / each.path).is_file()]
    if not samples:
        return []
    with open_manifest(Path(run.info().manifest)) as manifest:
        rows, numbers = _training_numbers(manifest, known, progress)
        return [_nearest(manifest, each, path, rows, numbers) for each, path in samples]


def _samples(run: RunFolder) -> Sequence[SampleMade]:
    follower = Follower(run)
    view = follower.poll()
    while follower.is_behind:
        view = follower.poll()
    return view.samples


def _nearest(
    manifest: Manifest, sample: SampleMade, path: Path, rows: NDArray[np.int64], numbers: NDArray[np.uint64]
) -> NearestImage:
    found: tuple[int, int, bool] | None = None
    for is_mirrored, number in enumerate(_looks(path)):
        if number is None or not len(numbers):
            continue
        distances = np.bitwise_count(numbers ^ np.uint64(number))
        at = int(distances.argmin())
        if found is None or distances[at] < found[0]:
            found = int(distances[at]), int(rows[at]), bool(is_mirrored)
    if found is None:
        return NearestImage(sample.step, sample.path, sample.prompt, None, None, mirrored=False)
    distance, row, is_mirrored = found
    file = str(manifest.file_of(manifest.image(row)))
    return NearestImage(sample.step, sample.path, sample.prompt, file, distance, is_mirrored)


def _looks(path: Path) -> tuple[int | None, int | None]:
    try:
        return both_ways(path)
    except Exception:  # noqa: BLE001 - whatever a decoder makes of a damaged file, it has no number
        return None, None


def _training_numbers(
    manifest: Manifest, known: KnownLooks | None, progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Rows of the manifest that have a number, and the numbers."""
    rows: list[int] = []
    numbers: list[int] = []
    total = len(manifest)
    progress(0, total)
    with Readers(FINGERPRINTING) as readers:
        images = enumerate(manifest.images())
        while some := [
            (row, bytes.fromhex(image.sha256), str(manifest.file_of(image)))
            for row, image in islice(images, _AT_ONCE)
        ]:
            looks = known.of([content for _, content, _ in some]) if known else {}
            new = {content: file for _, content, file in some if content not in looks}
            looks |= _looked_at(readers, new, known)
            for row, content, _ in some:
                if (number := looks.get(content)) is not None:
                    rows.append(row)
                    numbers.append(number)
            progress(some[-1][0] + 1, total)
    return np.array(rows, np.int64), np.array(numbers, np.uint64)


def _looked_at(readers: Readers, files: dict[bytes, str], known: KnownLooks | None) -> Numbers:
    """Numbers of images looked at now; they are kept."""
    found: Numbers = {}
    questions = ((piece, Pictures([files[each] for each in piece])) for piece in _pieces(list(files)))
    for piece, answer in readers.read(questions):
        for content, (number, _, is_known) in zip(piece, answer.results, strict=True):
            if is_known:
                found[content] = number
    if known and found:
        known.keep(list(found.items()))
    return found


def _pieces(contents: list[bytes]) -> Iterator[list[bytes]]:
    for first in range(0, len(contents), _PIECE):
        yield contents[first : first + _PIECE]
