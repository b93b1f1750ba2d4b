"""Benchmark of scans beside a bare walk that reads and hashes the same bytes.

python -m bench.scan --n 20000
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import struct
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from bench.measure import Table, evict, ms, peak_mb, timed
from curator.index.collection import Collection
from curator.scan.scan import scan

_LARGE = 350_000  # bytes of an image, as a booru's are
_LONG_AGO = 10**18


def make(folder: Path, count: int, in_folder: int = 1000, words: bool = True) -> None:
    """Images of 64 pixels, no two alike: one image with its number behind the end mark."""
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((64, 64)).save(buffer, "PNG")
    data = buffer.getvalue()
    for number in range(count):
        place = folder / f"{number // in_folder:04d}"
        if number % in_folder == 0:
            place.mkdir(parents=True)
        (place / f"{number}.png").write_bytes(data + number.to_bytes(4, "big"))
        if words:
            text = f"1girl, solo, tag {number % 500}, tag {number % 31}\n"
            (place / f"{number}.txt").write_text(text, "utf-8")


def make_large(folder: Path, count: int) -> None:
    """Noisy JPEGs of some 350 KB."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(1).integers(0, 255, (512, 768, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=90)
    data = buffer.getvalue()[:-2]
    for number in range(count):
        filler = number.to_bytes(4, "big") * ((_LARGE - len(data)) // 4)
        (folder / f"{number}.jpg").write_bytes(data + filler + b"\xff\xd9")


def pack(folder: Path, tar: Path) -> None:
    """The same files as one tar."""
    with tarfile.open(tar, "w") as packed:
        packed.add(folder, ".")


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


def settle(folder: Path) -> None:
    """Old times for all folders, as if nobody had touched them for long."""
    for directory, _, _ in os.walk(folder):
        os.utime(directory, ns=(_LONG_AGO, _LONG_AGO))


def make_many(folder: Path, count: int, in_folder: int) -> None:
    """Images of one pixel, no two alike, without words."""
    head = b"BM" + struct.pack("<IIIIiiHHIIIIII", 58, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0)
    for number in range(count):
        if number % in_folder == 0:
            place = folder / f"{number // in_folder:06d}"
            place.mkdir(parents=True)
        (place / f"{number}.bmp").write_bytes(head + number.to_bytes(4, "big"))


def make_links(folder: Path, to: Path, in_folder: int) -> None:
    """The same images in other folders, by hard links."""
    pictures = (each for place in sorted(to.iterdir()) for each in sorted(place.iterdir()))
    for number, picture in enumerate(pictures):
        if number % in_folder == 0:
            place = folder / f"{number // in_folder:06d}"
            place.mkdir(parents=True)
        os.link(picture, place / picture.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20_000, help="small images")
    parser.add_argument("--turns", type=int, default=3, help="the best of so many is shown")
    parser.add_argument("--folders", type=int, default=1000, help="folders of the quick rescan")
    parser.add_argument(
        "--million",
        type=int,
        default=0,
        metavar="N",
        help="also so many images in folders of 1000 and of 100",
    )
    parser.add_argument("--one", type=int, default=100_000, help="images in one folder; 0 leaves that out")
    options = parser.parse_args()
    table = Table()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        make(home / "small", options.n)
        make_large(home / "large", max(100, options.n // 50))
        (home / "tars").mkdir()
        pack(home / "small", home / "tars" / "shard.tar")
        for kind in ("cold", "warm"):
            _first_scan(table, home / "small", options.n, kind, options.turns)
        _large_scan(table, home / "large", options.turns)
        _tar_scan(table, home, options.n, options.turns)
        _rescan(table, home / "small", options.n, options.turns)
        _quick(table, home / "many", options.folders)
        if options.million:
            _many(table, home, options.million)
        if options.one:
            _one_folder(table, home / "one", options.one)
    print(table.markdown())


def _best(turns: int, action: Callable[[], float]) -> float:
    """The shortest time in milliseconds; `action` gives one."""
    return min(action() for _ in range(turns))


def _scanned(folder: Path) -> float:
    """A first scan into a collection of its own."""
    with tempfile.TemporaryDirectory() as place, Collection.create(Path(place)) as collection:
        return timed(lambda: scan(collection, folder))[0]


def _first_scan(table: Table, folder: Path, count: int, kind: str, turns: int) -> None:
    def after(action: Callable[[], float]) -> float:
        if kind == "cold":
            forget(folder)
        return action()

    bare = count / _best(turns, lambda: after(lambda: timed(lambda: bare_walk(folder))[0])) * 1e3
    rate = count / _best(turns, lambda: after(lambda: _scanned(folder))) * 1e3
    table.add(
        f"first scan, {count:,} small images with sidecars, {kind}",
        f"{rate:,.0f} images/s",
        f"bare walk, one thread: {bare:,.0f} images/s ({rate / bare:.2f}x)",
        ">= 14,000 images/s" if kind == "cold" else ">= 40,000 images/s",
    )


def _large_scan(table: Table, folder: Path, turns: int) -> None:
    count = len(list(folder.iterdir()))
    megabytes = count * _LARGE / 1e6
    bare = megabytes / _best(turns, lambda: timed(lambda: bare_walk(folder))[0]) * 1e3
    rate = megabytes / _best(turns, lambda: _scanned(folder)) * 1e3
    table.add(
        f"first scan, {count:,} JPEGs of {_LARGE // 1000} KB, warm",
        f"{rate:,.0f} MB/s, {rate * 1e6 / _LARGE:,.0f} images/s",
        f"bare walk, one thread: {bare:,.0f} MB/s ({rate / bare:.2f}x)",
    )


def _tar_scan(table: Table, home: Path, count: int, turns: int) -> None:
    loose = count / _best(turns, lambda: _scanned(home / "small")) * 1e3
    rate = count / _best(turns, lambda: _scanned(home / "tars")) * 1e3
    table.add(
        f"first scan of a tar, {count:,} small images with sidecars",
        f"{rate:,.0f} images/s",
        f"the same files in folders: {loose:,.0f} images/s ({rate / loose:.2f}x)",
    )


def _rescan(table: Table, folder: Path, count: int, turns: int) -> None:
    with tempfile.TemporaryDirectory() as place, Collection.create(Path(place)) as collection:
        scan(collection, folder)
        again = count / _best(turns, lambda: timed(lambda: scan(collection, folder))[0]) * 1e3
    walked = count / _best(turns, lambda: timed(lambda: stat_walk(folder))[0]) * 1e3
    table.add(
        "rescan, nothing changed",
        f"{again:,.0f} images/s",
        f"walk with stat: {walked:,.0f} images/s ({again / walked:.2f}x)",
        ">= 83,000 images/s",
    )


def _quick(table: Table, folder: Path, folders: int) -> None:
    """Folders of 20 images: a quick rescan looks at folders alone, however many images lie in them."""
    count = folders * 20
    make(folder, count, in_folder=20, words=False)
    settle(folder)
    with tempfile.TemporaryDirectory() as place, Collection.create(Path(place)) as collection:
        first = timed(lambda: scan(collection, folder))[0]
        looked = timed(lambda: stat_walk(folder))[0]
        quick = _best(5, lambda: timed(lambda: scan(collection, folder, quick=True))[0])
    with_stat = f"walk with stat: {ms(looked)} ({looked / quick:,.0f}x)"
    table.add(f"quick rescan, {folders:,} folders unchanged", ms(quick), with_stat, "< 500 ms")
    table.add(f"  their first scan, {count:,} images", f"{count / first * 1e3:,.0f} images/s")


def _many(table: Table, home: Path, count: int) -> None:
    """Scans of very many tiny images: first, again, and quick, each beside its walk."""
    make_many(home / "folders of 1000", count, 1000)
    make_links(home / "folders of 100", home / "folders of 1000", 100)
    for in_folder in (1000, 100):
        _unchanged(table, home / f"folders of {in_folder}", count, count // in_folder)


def _unchanged(table: Table, folder: Path, count: int, folders: int) -> None:
    settle(folder)
    with tempfile.TemporaryDirectory() as place, Collection.create(Path(place)) as collection:
        first = timed(lambda: scan(collection, folder))[0]
        looked = timed(lambda: stat_walk(folder))[0]
        again = _best(2, lambda: timed(lambda: scan(collection, folder))[0])
        quick = _best(5, lambda: timed(lambda: scan(collection, folder, quick=True))[0])
    with_stat = f"walk with stat: {looked / 1e3:.1f} s"
    table.add(f"{count:,} images in {folders:,} folders: first scan", f"{count / first * 1e3:,.0f} images/s")
    table.add("  unchanged", f"{again / 1e3:.1f} s", f"{with_stat} ({looked / again:.2f}x)", "< 12 s")
    table.add("  unchanged, quick", ms(quick), f"{with_stat} ({looked / quick:,.0f}x)", "< 500 ms")
    table.add("  memory", f"{peak_mb():.0f} MB at most", "", "< 1000 MB")


def _one_folder(table: Table, folder: Path, count: int) -> None:
    make(folder, count, in_folder=count, words=False)
    before = peak_mb()
    with tempfile.TemporaryDirectory() as place, Collection.create(Path(place)) as collection:
        first = timed(lambda: scan(collection, folder))[0]
    more = peak_mb() - before
    table.add(
        f"{count:,} images in one folder",
        f"{count / first * 1e3:,.0f} images/s",
        f"{more:.0f} MB more at most",
    )


if __name__ == "__main__":
    main()
