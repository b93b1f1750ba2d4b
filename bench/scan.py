"""Measures a scan of small pictures with sidecars: first, again, and beside a bare walk that reads the same bytes.

python -m bench.scan --n 20000
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from pathlib import Path

from PIL import Image

from bench.measure import Table, evict, timed
from curator.index.collection import Collection
from curator.scan.scan import scan


def make(folder: Path, count: int) -> None:
    """Pictures of 64 pixels, a thousand in each folder, no two alike."""
    for number in range(count):
        place = folder / f"{number // 1000:04d}"
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (64, 64), (number % 256, number // 256 % 256, number // 65536))
        picture.save(place / f"{number}.png")
        (place / f"{number}.txt").write_text(f"1girl, solo, tag {number % 500}, tag {number % 31}\n", "utf-8")


def bare_walk(folder: Path) -> int:
    """What any program must do at least: list, look at, read and hash every file."""
    read = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with open(Path(directory) / name, "rb") as file:
                file_bytes = os.fstat(file.fileno()).st_size
                hashlib.sha256(file.read()).digest()
                read += file_bytes > 0
    return read


def stat_walk(folder: Path) -> int:
    """What a rescan must do at least: list and look at every file."""
    return sum(
        1
        for directory, _, names in os.walk(folder)
        for name in names
        if (Path(directory) / name).stat().st_size
    )


def forget(folder: Path) -> None:
    """Drop every file from the page cache; folders stay."""
    for directory, _, names in os.walk(folder):
        for name in names:
            evict(Path(directory) / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20_000)
    options = parser.parse_args()
    table = Table()
    with tempfile.TemporaryDirectory() as scratch:
        pictures = Path(scratch) / "pictures"
        make(pictures, options.n)
        for kind in ("cold", "warm"):
            if kind == "cold":
                forget(pictures)
            bare = options.n / timed(lambda: bare_walk(pictures))[0] * 1e3
            if kind == "cold":
                forget(pictures)
            with Collection.create(Path(scratch) / kind) as collection:
                rate = options.n / timed(lambda collection=collection: scan(collection, pictures))[0] * 1e3
                again = options.n / timed(lambda collection=collection: scan(collection, pictures))[0] * 1e3
            goal = ">= 14,000 images/s" if kind == "cold" else ">= 40,000 images/s"
            reference = f"bare walk, one thread: {bare:,.0f} images/s ({rate / bare:.2f}x)"
            table.add(
                f"scan of {options.n:,} images with sidecars, files {kind}",
                f"{rate:,.0f} images/s",
                reference,
                goal,
            )
            walked = options.n / timed(lambda: stat_walk(pictures))[0] * 1e3
            table.add(
                "rescan, nothing changed", f"{again:,.0f} images/s", f"walk with stat: {walked:,.0f} images/s"
            )
    print(table.markdown())


if __name__ == "__main__":
    main()
