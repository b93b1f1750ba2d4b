"""A collection like a booru's, of any size, from a seed, with one batch in memory at a time.

    python -m bench.collection --n 200000 --out DIR

Tags follow a Zipf law like danbooru's (the most common on 60 % of images, the median on 50 of 3.6 million); a
character brings its series and its looks; 29.5 tags an image. Batch k depends on the seed and k alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from curator.index.bulk_import import BulkImport
from curator.index.collection import Collection
from curator.index.images.new_images import ImageBatch

BATCH = 16384
SEED = 20240531
KINDS = {"general": 32000, "artist": 45000, "copyright": 4000, "character": 27000, "meta": 300}
_WORDS = (
    "red blue green black white long short big small open closed wet torn floral plaid frilled striped single double",
    "hair eyes dress skirt hat ribbon gloves boots sword flower sky window chair book lamp river forest wings tail",
    "bow pin band strap trim ring stand light shade edge view pose smile blush shadow sleeve collar belt mask scarf",
)


@dataclass(frozen=True)
class Made:
    """One batch: tags as numbers, row after row, and what is known of the files."""

    first: int
    flat: np.ndarray
    counts: np.ndarray
    widths: np.ndarray
    heights: np.ndarray
    file_bytes: np.ndarray
    mtimes_ns: np.ndarray
    contents: bytes


class Booru:
    """The tags of a made-up booru, and its posts batch by batch."""

    def __init__(self, count: int, seed: int = SEED) -> None:
        self.count = count
        self._seed = seed
        rng = np.random.default_rng(seed)
        self.names = _names(sum(KINDS.values()))
        self.first = dict(zip(KINDS, np.cumsum([0, *KINDS.values()]).tolist(), strict=False))
        self._general = _zipf(KINDS["general"], 1.6)
        self._artist = _zipf(KINDS["artist"], 40)
        self._character = _zipf(KINDS["character"], 20)
        self._meta = _zipf(KINDS["meta"], 0.3, 1.3)
        series = rng.random(KINDS["character"])
        self._series = np.searchsorted(_zipf(KINDS["copyright"], 5), series)
        self._looks = rng.integers(2, 400, (KINDS["character"], 4))

    def classes(self) -> list[str]:
        """The class of each tag."""
        return [kind for kind, size in KINDS.items() for _ in range(size)]

    def batches(self, size: int = BATCH) -> Iterator[Made]:
        """All posts, oldest first."""
        for number, first in enumerate(range(0, self.count, size)):
            yield self._batch(number, first, min(size, self.count - first))

    def _batch(self, number: int, first: int, count: int) -> Made:
        rng = np.random.default_rng([self._seed, number])
        rows, tags = self._draw(rng, count)
        key = rows.astype(np.int64) << 32 | tags
        _, kept = np.unique(key, return_index=True)
        kept.sort()
        kept = kept[np.argsort(rows[kept], kind="stable")]  # each post's tags in the order they were drawn
        ratio = rng.choice([0.5625, 0.6667, 0.7071, 0.75, 0.8, 1, 1.25, 1.3333, 1.4142, 1.5, 1.7778], count)
        ratio = ratio * np.exp(rng.normal(0, 0.08, count) * (rng.random(count) < 0.5))
        area = np.exp(rng.normal(np.log(1.6e6), 0.7, count)).clip(2e5, 4e7)
        age = (first + np.arange(count)) / max(1, self.count)
        return Made(
            first,
            tags[kept],
            np.bincount(rows[kept], minlength=count),
            np.sqrt(area * ratio).astype(np.int64),
            np.sqrt(area / ratio).astype(np.int64),
            (area * rng.uniform(0.1, 0.5, count)).astype(np.int64),
            ((1.116e9 + age * 6e8) * 1e9).astype(np.int64),
            rng.bytes(32 * count),
        )

    def _draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        everyone = np.arange(count)
        general = np.repeat(everyone, rng.poisson(23, count).clip(2, 90))
        by_artist = everyone[rng.random(count) < 0.93]
        shown = np.repeat(everyone, np.searchsorted([0.28, 0.84, 0.95], rng.random(count)))
        who = np.searchsorted(self._character, rng.random(len(shown)))
        meta = np.repeat(everyone, rng.poisson(1.6, count))
        rows = [shown, shown, general, by_artist, meta]
        tags = [
            who + self.first["character"],
            self._series[who] + self.first["copyright"],
            np.searchsorted(self._general, rng.random(len(general))),
            np.searchsorted(self._artist, rng.random(len(by_artist))) + self.first["artist"],
            np.searchsorted(self._meta, rng.random(len(meta))) + self.first["meta"],
        ]
        for look in range(4):
            has = rng.random(len(shown)) < 0.85
            rows.append(shown[has])
            tags.append(self._looks[who[has], look])
        return np.concatenate(rows), np.concatenate(tags)


class Source:
    """Batches as an importer meets them: lists of tag strings."""

    def __init__(self, booru: Booru, root: int) -> None:
        self._booru = booru
        self._root = root
        self._names = np.array(booru.names, dtype=object)

    def batch(self, made: Made) -> ImageBatch:
        """One batch with strings."""
        count = len(made.counts)
        words = self._names[made.flat].tolist()
        ends = np.cumsum(made.counts).tolist()
        return ImageBatch(
            self._root,
            [f"{number // 1000:05d}/{number}.webp" for number in range(made.first, made.first + count)],
            [words[first:beyond] for first, beyond in zip([0, *ends], ends, strict=False)],
            [made.contents[at : at + 32] for at in range(0, 32 * count, 32)],
            made.file_bytes,
            made.widths,
            made.heights,
            made.mtimes_ns,
            np.full(count, 3),
        )


@dataclass
class Filled:
    """How long filling took, apart from making the rows."""

    seconds_importing: float = 0.0
    seconds_making: float = 0.0


def fill(collection: Collection, booru: Booru, root_path: str = "/booru") -> Filled:
    """Import all posts, and the classes of their tags; their files are said to lie in `root_path`."""
    took = Filled()
    with collection.writing():
        root = collection.images.root(root_path)
    source = Source(booru, root)
    with BulkImport(collection, "booru") as load:
        for made in booru.batches():
            begun = time.perf_counter()
            batch = source.batch(made)
            between = time.perf_counter()
            load.add(batch)
            took.seconds_importing += time.perf_counter() - between
            took.seconds_making += between - begun
        begun = time.perf_counter()
    with collection.writing():
        collection.tags.learn_classes(zip(booru.names, booru.classes(), strict=True))
    took.seconds_importing += time.perf_counter() - begun
    return took


def draw_pictures(booru: Booru, folder: Path, count: int) -> None:
    """Files of the first posts, a quarter as wide and high, each of other colours and shapes."""
    made = next(booru.batches())
    for number in range(min(count, len(made.counts))):
        size = (int(made.widths[number]) // 4, int(made.heights[number]) // 4)
        rng = np.random.default_rng(number)
        rough = Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8))
        path = folder / f"{number // 1000:05d}/{number}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        rough.resize(size, Image.Resampling.BICUBIC).save(path, quality=80)


def _zipf(size: int, shift: float, power: float = 1.0) -> np.ndarray:
    weights = 1.0 / (np.arange(size) + 1 + shift) ** power
    return np.cumsum(weights / weights.sum())


def _names(count: int) -> list[str]:
    lists = [words.split() for words in _WORDS]
    made: list[str] = []
    for number in range(count):
        at, rest = number, []
        for words in lists:
            rest.append(words[at % len(words)])
            at //= len(words)
        made.append("_".join(rest) if at == 0 else f"{'_'.join(rest)}_({at})")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--pictures", type=int, default=0, help="files of so many images are made as well")
    options = parser.parse_args()
    begun = time.perf_counter()
    with Collection.create(options.out) as collection:
        booru = Booru(options.n, options.seed)
        took = fill(collection, booru, str((options.out / "booru").resolve()))
        draw_pictures(booru, options.out / "booru", options.pictures)
        print(f"{collection.images.count()} images, {int(collection.tags.counts().sum())} tags on them")
    print(f"importing {took.seconds_importing:.1f} s, in all {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
