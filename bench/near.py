"""Benchmark of near-duplicates: perceptual hashes, and the pairs among a hundred thousand and a million.

    python -m bench.near --n 100000 --more 1000000 --pictures 1000

References in the same run: decoding each image whole before the same number is taken, and comparing all numbers with
all by numpy. The pairs found are compared with the reference's.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from bench.measure import Table, peak_mb, timed
from curator.index.collection import Collection
from curator.scan.copies.appearance import fingerprint, perceptual_hash
from curator.scan.copies.fingerprint import fill
from curator.scan.copies.near import near_pairs
from curator.scan.scan import scan

SEED = 20240531
DISTANCE = 8
_AT_ONCE = 256


def numbers(count: int) -> np.ndarray:
    """Random numbers, a hundredth of them within a few bits of another."""
    rng = np.random.default_rng(SEED)
    made = rng.integers(0, 1 << 63, count, dtype=np.uint64)
    for copy in range(0, count, 100):
        turned = rng.choice(64, int(rng.integers(1, DISTANCE + 1)), replace=False)
        bits = sum(1 << int(bit) for bit in turned)
        made[copy] = made[(copy + 50) % count] ^ np.uint64(bits)
    return np.unique(made)


def all_with_all(values: np.ndarray) -> int:
    """How many pairs are near, by comparing each number with every later one."""
    found = 0
    for at in range(0, len(values), _AT_ONCE):
        some = values[at : at + _AT_ONCE]
        distances = np.bitwise_count(some[:, None] ^ values[None, at:])
        later = np.arange(len(values) - at)[None, :] > np.arange(len(some))[:, None]
        found += int(((distances <= DISTANCE) & later).sum())
    return found


def pictures(folder: Path, count: int) -> list[str]:
    """JPEG images of 1536 x 1024 with something at every scale."""
    rng = np.random.default_rng(SEED)
    paths: list[str] = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 36, 3), dtype=np.uint8), "RGB")
        paths.append(str(folder / f"{number}.jpg"))
        coarse.resize((1536, 1024), Image.Resampling.BICUBIC).save(paths[-1], quality=90)
    return paths


def whole(path: str) -> int | None:
    """The number of an image decoded at its full size."""
    with Image.open(path) as opened:
        grey = ImageOps.exif_transpose(opened).convert("L")
        return perceptual_hash(np.asarray(grey.resize((32, 32), Image.Resampling.BOX), np.float64))


def _pairs(table: Table, count: int, compared: bool) -> None:
    values = numbers(count)
    took, pairs = timed(lambda: len(near_pairs(values, DISTANCE)[0]))
    against = f"{peak_mb():.0f} MB at most"
    if compared:
        reference, same = timed(lambda: all_with_all(values))
        assert same == pairs, "the pairs differ"
        against = f"all with all {reference / 1e3:.1f} s ({reference / took:.0f}x)"
    what = f"{pairs:,} pairs within {DISTANCE} bits among {len(values):,}"
    table.add(what, f"{took / 1e3:.2f} s", against)


def _looks(table: Table, count: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder, home = Path(scratch, "pictures"), Path(scratch, "home")
        folder.mkdir()
        paths = pictures(folder, count)
        ours, _ = timed(lambda: [fingerprint(path) for path in paths])
        theirs, _ = timed(lambda: [whole(path) for path in paths])
        with Collection.create(home) as collection:
            scan(collection, folder)
            ids = list(collection.images.alive())
            filling, filled = timed(lambda: fill(collection, ids))
            assert filled.fingerprinted == count, "not all were looked at"
    rate, slow, kept = (1e3 * count / each for each in (ours, theirs, filling))
    against = f"decoded whole {slow:.0f}/s ({rate / slow:.1f}x)"
    table.add("images of 1536x1024, one thread", f"{rate:.0f}/s", against)
    table.add(
        "the same by processes, kept in the index",
        f"{kept:.0f}/s",
        f"one thread {rate:.0f}/s ({kept / rate:.1f}x)",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000, help="numbers, also compared all with all")
    parser.add_argument("--more", type=int, default=1_000_000, help="numbers that are not; 0 leaves that out")
    parser.add_argument("--pictures", type=int, default=1000)
    options = parser.parse_args()
    table = Table()
    if options.more:
        _pairs(table, options.more, compared=False)
    _pairs(table, options.n, compared=True)
    _looks(table, options.pictures)
    print(table.markdown())


if __name__ == "__main__":
    main()
