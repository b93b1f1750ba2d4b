"""Freezing millions of images, and reading a manifest as a trainer does; beside it kohya's rules in plain Python.

    python -m bench.freeze --collection DIR      a collection such as `bench.collection` makes; it is not changed

The reference assigns buckets and takes captions apart image by image, as sd-scripts' published rules say, on a
sample; its time is scaled by the number of images. It reads no database and writes no file. What waits for nothing is
given in processor time, of which other jobs take little.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sqlite3
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.measure import Table, evict, ms, peak_mb, timed
from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionParts, CaptionRules, caption_of
from curator.contract.epoch_plan import EpochPlan, Sample
from curator.contract.manifest.block import ROWS
from curator.contract.manifest.digest import verify_digest
from curator.contract.manifest.manifest import Manifest, open_manifest
from curator.contract.manifest.seal import verify_seal
from curator.contract.recipe.recipe import BatchSize
from curator.freeze.build import freeze
from curator.freeze.checks.checks import FreezeReport, check
from curator.freeze.members import FreezeSpec, Members, members_of
from curator.freeze.preview import FreezePreview, preview
from curator.freeze.reader import FreezeReader
from curator.index.collection import Collection
from curator.index.tables.rows import Subset

RULE = BucketRule(1024, 1024, 256, 4096)
RULES = CaptionRules(shuffle=True, keep_tags=1, tag_dropout=0.1, caption_dropout=0.05, trigger="sls")
SPEC = FreezeSpec(RULE, (Subset("all", "", rules=RULES),))
_SAMPLE = 20_000
_READ = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collection", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    table = Table()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="frieze-bench-") as scratch:
        path = Path(scratch) / "bench.manifest"
        with Collection.open(options.collection) as collection:
            count = collection.images.count()
            reference = _reference_s(collection, min(_SAMPLE, count), options.turns)
            _before(table, collection, options.turns)
            _freeze(table, collection, path, reference * count, options.turns)
        with open_manifest(path) as manifest:
            _read(table, manifest, options.turns)
    print(f"\nload {os.getloadavg()[0]:.1f}\n\n{table.markdown()}")


def best(action: Callable[[], object], turns: int) -> float:
    """The shortest of several turns, in milliseconds: what other jobs take away is never the same."""
    return min(timed(action)[0] for _ in range(turns))


def processor_s(action: Callable[[], object]) -> float:
    """Seconds of processor time of this process."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


def cheapest(action: Callable[[], object], turns: int) -> float:
    """The least processor time of several turns."""
    return min(processor_s(action) for _ in range(turns))


def side_by_side(actions: Sequence[Callable[[], object]], turns: int) -> list[float]:
    """The least processor time of each; they take turns, so that other jobs slow all of them alike."""
    rounds = [[processor_s(action) for action in actions] for _ in range(turns)]
    return [min(own) for own in zip(*rounds, strict=True)]


def _reference_s(collection: Collection, sample: int, turns: int) -> float:
    """Seconds an image."""
    rows = _rows(collection, sample)
    return cheapest(lambda: by_the_rules(rows), turns) / sample


def _before(table: Table, collection: Collection, turns: int) -> None:
    first, members = timed(lambda: _members(collection))
    again = best(lambda: _members(collection), turns)
    table.add("who is frozen: first, again", f"{ms(first)}; {ms(again)}")

    def shown() -> FreezePreview:
        with FreezeReader.opened(collection) as reader:
            return preview(reader, SPEC, members, BatchSize())

    def checked() -> FreezeReport:
        with FreezeReader.opened(collection) as reader:
            return check(reader, SPEC, members, epoch)

    first, epoch = timed(shown)
    table.add("preview of the epoch: first, again", f"{ms(first)}; {ms(best(shown, turns))}", goal="< 300 ms")
    table.add("all checks", ms(best(checked, turns)))


def _members(collection: Collection) -> Members:
    with FreezeReader.opened(collection) as reader:
        return members_of(reader, SPEC)


def _write(collection: Collection, members: Members, path: Path) -> None:
    with FreezeReader.opened(collection) as reader:
        freeze(reader, SPEC, members, path)


def _freeze(table: Table, collection: Collection, path: Path, reference_s: float, turns: int) -> None:
    members = _members(collection)
    walls, processor = [], []
    for _ in range(turns):
        begun = time.perf_counter()
        processor.append(processor_s(lambda: _write(collection, members, path)))
        walls.append(time.perf_counter() - begun)
    count = len(members.frozen())
    table.add(
        f"freeze {count:,} images: shortest (processor)",
        f"{min(walls):.1f} s ({min(processor):.1f} s)",
        f"plain Python, no file: {reference_s:.0f} s of processor ({reference_s / min(processor):.1f}x)",
        "< 10 s",
    )
    table.add("most memory of the process", f"{peak_mb():.0f} MB", goal="< 900 MB")
    table.add("manifest", f"{path.stat().st_size / 1e6:.0f} MB")


def _read(table: Table, manifest: Manifest, turns: int) -> None:
    evict(manifest.path)
    table.add("seal, file cold", ms(timed(lambda: verify_seal(manifest.path))[0]))
    table.add("seal; seal and digest", f"{ms(best(lambda: verify_seal(manifest.path), turns))}; "
              f"{ms(best(lambda: verify_digest(manifest), turns))}")  # fmt: skip
    table.add("manifest to the first batch of 64", ms(_first_batch(manifest.path)), goal="< 2 s")
    rows = random.Random(1).choices(range(len(manifest)), k=_READ)
    per_row, bare = side_by_side(
        [lambda: deque(map(manifest.image, rows), maxlen=0), lambda: _bare_blocks(manifest.path, rows)], turns
    )
    table.add(
        "a random row (processor)",
        f"{per_row / _READ * 1e6:.1f} us",
        f"its block from SQLite alone: {bare / _READ * 1e6:.1f} us",
        "< 15 us",
    )
    batches = [[Sample(0, row, 0) for row in rows[at : at + 64]] for at in range(0, 64 * 60, 64)]
    said, plain = side_by_side(
        [
            lambda: deque((_captions(manifest, some) for some in batches), maxlen=0),
            lambda: deque((_plain_captions(manifest, some) for some in batches), maxlen=0),
        ],
        2 * turns,
    )
    table.add(
        "reading 64 rows, and their captions (processor)",
        ms(said / len(batches) * 1e3),
        f"the same rows, random.shuffle and random(): {ms(plain / len(batches) * 1e3)}",
    )
    ready = [[(sample, manifest.image(sample.row).parts) for sample in some] for some in batches]
    said, plain = side_by_side(
        [
            lambda: deque(
                ([caption_of(parts, RULES, 1, sample) for sample, parts in some] for some in ready), maxlen=0
            ),
            lambda: deque(([_plain_caption(parts) for _, parts in some] for some in ready), maxlen=0),
        ],
        2 * turns,
    )
    table.add(
        "captions of 64 samples whose rows are read (processor)",
        ms(said / len(ready) * 1e3),
        f"random.shuffle and random(): {ms(plain / len(ready) * 1e3)}",
        "< 2 ms",
    )
    file = manifest.file_of(manifest.image(len(manifest) // 2))
    table.add("the row of a file", ms(best(lambda: manifest.rows_of(file), turns)))
    table.add("private memory a reader adds", f"{_private_mb(manifest.path, rows):.0f} MB", goal="< 30 MB")


def _first_batch(path: Path) -> float:
    begun = time.perf_counter()
    verify_seal(path)
    with open_manifest(path) as manifest:
        batch = EpochPlan(manifest.spans, 64, 1).batch(0, 0)
        _captions(manifest, batch.samples)
    return (time.perf_counter() - begun) * 1e3


def _captions(manifest: Manifest, samples: tuple[Sample, ...] | list[Sample]) -> list[str]:
    return [caption_of(manifest.image(sample.row).parts, RULES, 1, sample) for sample in samples]


def _plain_captions(manifest: Manifest, samples: list[Sample]) -> list[str]:
    """The same rows, shuffled and thinned out by Python's own stream of random numbers."""
    return [_plain_caption(manifest.image(sample.row).parts) for sample in samples]


def _plain_caption(parts: CaptionParts) -> str:
    middle = list(parts.middle)
    random.shuffle(middle)
    return ", ".join([*parts.head, *(tag for tag in middle if random.random() >= 0.1)])


def _bare_blocks(path: Path, rows: list[int]) -> None:
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    for row in rows:
        connection.execute("SELECT * FROM block WHERE id = ?", (row // ROWS,)).fetchone()
    connection.close()


def _private_mb(path: Path, rows: list[int]) -> float:
    """What a process of its own needs for reading, above what it had before."""
    child, parent = os.pipe()
    if os.fork() == 0:
        before = _private()
        with open_manifest(path) as manifest:
            for row in rows:
                manifest.image(row)
            os.write(parent, f"{_private() - before}".encode())
        os._exit(0)
    os.wait()
    return float(os.read(child, 100).decode())


def _private() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def by_the_rules(rows: list[tuple[int, int, str]]) -> list[tuple[tuple[int, int], list[str], list[str]]]:
    """kohya's rules, image by image: bucket, scale, crop, and the caption's two parts."""
    buckets = _plain_buckets()
    ratios = [width / height for width, height in buckets]
    found: list[tuple[tuple[int, int], list[str], list[str]]] = []
    for width, height, caption in rows:
        ratio = width / height
        errors = [abs(each - ratio) for each in ratios]
        bucket = buckets[errors.index(min(errors))]
        scale = bucket[1] / height if ratio > bucket[0] / bucket[1] else bucket[0] / width
        resized = int(width * scale + 0.5), int(height * scale + 0.5)
        _ = (resized[0] - bucket[0]) // 2, (resized[1] - bucket[1]) // 2
        tags = [tag.strip() for tag in caption.split(",")]
        found.append((bucket, ["sls", *tags[:1]], tags[1:]))
    return found


def _plain_buckets() -> list[tuple[int, int]]:
    sizes = {(1024, 1024)}
    for width in range(256, 4096 + 64, 64):
        height = min(4096, math.floor(1024 * 1024 / width / 64) * 64)
        if height >= 256:
            sizes |= {(width, height), (height, width)}
    return sorted(sizes)


def _rows(collection: Collection, count: int) -> list[tuple[int, int, str]]:
    ids = list(range(1, count + 1))
    names = collection.tag_names(ids)
    return [
        (row.width, row.height, ", ".join(tags))
        for row, tags in zip(collection.rows(ids), names, strict=True)
    ]


if __name__ == "__main__":
    main()
