"""Measures near-duplicates: numbers of pictures, and the pairs among a hundred thousand of them.

    python -m bench.near --n 100000 --pictures 200

References in the same run: decoding each picture whole before the same number is taken, and comparing all numbers with
all by numpy. The pairs found are compared with the reference's before anything is timed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from bench.measure import Table, timed
from curator.scan.fingerprint import fingerprint, number_of
from curator.scan.near import near_pairs

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
    """JPEG pictures of 1536 x 1024 with something at every scale."""
    rng = np.random.default_rng(SEED)
    paths: list[str] = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 36, 3), dtype=np.uint8), "RGB")
        paths.append(str(folder / f"{number}.jpg"))
        coarse.resize((1536, 1024), Image.Resampling.BICUBIC).save(paths[-1], quality=90)
    return paths


def whole(path: str) -> int | None:
    """The number of a picture decoded at its full size."""
    with Image.open(path) as opened:
        grey = ImageOps.exif_transpose(opened).convert("L")
        return number_of(np.asarray(grey.resize((32, 32), Image.Resampling.BOX), np.float64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=200)
    options = parser.parse_args()
    values = numbers(options.n)
    table = Table()
    took, pairs = timed(lambda: len(near_pairs(values, DISTANCE)[0]))
    reference, same = timed(lambda: all_with_all(values))
    assert same == pairs, "the pairs differ"
    what = f"{pairs} pairs within {DISTANCE} bits among {len(values)}"
    table.add(what, f"{took / 1e3:.2f} s", f"all with all {reference / 1e3:.1f} s ({reference / took:.0f}x)")
    with tempfile.TemporaryDirectory() as folder:
        paths = pictures(Path(folder), options.pictures)
        ours, _ = timed(lambda: [fingerprint(path) for path in paths])
        theirs, _ = timed(lambda: [whole(path) for path in paths])
    rate, slow = 1e3 * options.pictures / ours, 1e3 * options.pictures / theirs
    reference_rate = f"decoded whole {slow:.0f}/s ({rate / slow:.1f}x)"
    table.add("pictures of 1536x1024, one thread", f"{rate:.0f}/s", reference_rate)


if __name__ == "__main__":
    main()
