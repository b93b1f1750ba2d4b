"""Benchmark of a booru's data: dumps read, quality tags, buckets, picks; each beside plain Python.

    python -m bench.data --n 3600000 --db /tmp/frieze-bench --dump 1000000

The collection is that of `bench.index`; it is copied before facts are written into it. The references are the published
rules in plain Python (`bench/plain_rules.py`) on the same values; answers are compared before they are told. Each dump
is read by a process of its own, so that its memory is known.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bench import dumps, plain_rules
from bench.collection import Booru, fill
from bench.measure import Table, median_ms, ms, timed
from curator.contract.buckets import BucketRule, bucket_list
from curator.filter.evaluate import select
from curator.index.collection import Collection
from curator.index.tables.metadata import RATINGS, PostFacts
from curator.interop.apply import carry_out
from curator.interop.dumps.booru import booru_source, plan_booru
from curator.interop.matching.word_import import count_annotations
from curator.interop.plan import Dropped
from curator.placement.buckets import buckets_of
from curator.select.pick import pick, pick_of
from curator.select.posts import Posts
from curator.select.rules import PickRules, Range
from curator.tags.deriving.derive import derive
from curator.tags.tables import default_tables

RULE = BucketRule(1024, 1024, 256, 4096, 64)
SINCE = 1_500_000_000
_AT_ONCE = 1 << 18
Facts = dict[str, np.ndarray]


def facts_of(count: int, seed: int = 1) -> Facts:
    """Numbers of posts by image, as a booru has them: more favourites in some ratings, scores around them, two ties."""
    rng = np.random.default_rng(seed)
    rating = rng.choice([1, 2, 3, 4], count, p=[0.25, 0.5, 0.15, 0.1])
    fav = (rng.lognormal(2.5, 1.2, count) * np.array([0, 1, 1.5, 3, 4])[rating]).astype(int)
    post = np.sort(rng.choice(max(7_500_000, 2 * count), count, replace=False)) + 1
    score = (fav * 0.9 + rng.normal(0, 5, count)).astype(int)
    return {"post": post, "rating": rating, "score": score, "fav": fav, "posted": 1_116_000_000 + post * 80}


def keep(collection: Collection, facts: Facts) -> None:
    """Write facts by the way an import takes."""
    columns = [facts[name].tolist() for name in ("post", "rating", "score", "fav", "posted")]
    rows = (
        PostFacts(post, RATINGS[r], score, fav, posted)
        for post, r, score, fav, posted in zip(*columns, strict=True)
    )
    numbered = enumerate(rows, 1)
    while some := [pair for _, pair in zip(range(_AT_ONCE), numbered, strict=False)]:
        collection.metadata.write(some)


def measure_quality(collection: Collection, facts: Facts, table: Table) -> None:
    ids, tables = select(collection, "").ids, default_tables()
    derived = derive(collection, ids, "quality", tables)
    took = median_ms(lambda: derive(collection, ids, "quality", tables))
    ratings, favs = facts["rating"].tolist(), facts["fav"].tolist()
    plain, counts = timed(lambda: plain_rules.quality_words(ratings, favs))
    said = {words[0]: len(images) for words, images in derived.images.items()}
    assert said == {word: sum(n for (_, each), n in counts.items() if each == word) for word in said}
    table.add("quality by favourites inside each rating", ms(took), _plain(plain, took), "< 300 ms")


def measure_buckets(collection: Collection, table: Table) -> None:
    width, height = collection.columns.of("width"), collection.columns.of("height")
    for rule in (RULE, BucketRule(1024, 1024, 256, 4096, 64, upscale=False)):
        took = median_ms(lambda rule=rule: buckets_of(width, height, rule))
        if not rule.upscale:
            table.add("buckets of all sizes, without upscaling", ms(took), "", "< 300 ms")
            continue
        placed = buckets_of(width, height, rule)
        sizes = [pair for pair in zip(width.tolist(), height.tolist(), strict=True) if pair[0]]
        plain, counts = timed(lambda sizes=sizes: plain_rules.bucket_counts(sizes, bucket_list(RULE)))
        assert (
            Counter({placed.sizes[k]: n for k, n in Counter(placed.of_image.tolist()).items() if k >= 0})
            == counts
        )
        table.add("buckets of all sizes", ms(took), _plain(plain, took), "< 300 ms")


def measure_picks(collection: Collection, facts: Facts, table: Table) -> None:
    count = len(facts["post"])
    ranges = (
        Range(0, 2_999_999, count // 4),
        Range(3_000_000, 4_999_999, count // 8),
        Range(5_000_000, None, None),
    )
    posts = facts["post"].tolist()
    took = median_ms(lambda: pick(collection, PickRules(ranges=ranges, seed=1)))
    plain, drawn = timed(lambda: sorted(plain_rules.drawn_posts(posts, 1)))
    assert len(drawn) == len(pick(collection, PickRules(ranges=ranges, seed=1)).ids)
    table.add("pick by ranges of post numbers", ms(took), _plain(plain, took), "< 5 s")
    top = count // 72  # 50,000 of 3.6 million
    rules = PickRules(since=SINCE, by="score", top=top, split="rating:general")
    took = median_ms(lambda: pick(collection, rules))
    rows = list(zip(*(facts[name].tolist() for name in ("post", "rating", "score", "posted")), strict=True))
    plain, best = timed(lambda: plain_rules.balanced_posts(rows, SINCE, top))
    assert sorted(best) == pick(collection, rules).posts.tolist()
    table.add(f"pick {top:,} recent by score, half of them general", ms(took), _plain(plain, took), "< 5 s")


def _plain(reference: float, ours: float) -> str:
    return f"plain Python {reference / 1e3:.1f} s ({reference / ours:.0f}x)"


def measure_dumps(count: int, scratch: Path, table: Table) -> None:
    """Each kind of dump, read for a plan, picked from, and imported into a collection that has its images."""
    folder = scratch / "dump"
    with Collection.create(folder) as collection:
        fill(collection, Booru(count))
    for kind in dumps.KINDS:
        file = scratch / f"posts.{'db' if kind == 'sqlite' else kind}"
        dumps.write(kind, file, count)
        bare = _alone("bare", file, folder)
        for what in ("plan", "pick", "import"):
            told = _alone(what, file, folder)
            assert told["rows"] == count
            rate = count / told["seconds"]
            table.add(
                f"{kind}, {count:,} posts, {file.stat().st_size / 1e6:,.0f} MB: {what}",
                f"{rate:,.0f} posts/s, {told['mb']:.0f} MB at most",
                f"bare reading {count / bare['seconds']:,.0f} posts/s, {bare['mb']:.0f} MB",
                "< 1000 MB at 7M",
            )
        file.unlink()


def _alone(what: str, file: Path, folder: Path) -> dict[str, Any]:
    """Do one thing in a process of its own; a copy of the collection is written to."""
    with tempfile.TemporaryDirectory(dir=file.parent) as home:
        shutil.copy(folder / "frieze.db", home)
        command = [sys.executable, "-m", "bench.data", "--alone", what, "--file", str(file), "--db", home]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
        )
    return json.loads(done.stdout.splitlines()[-1])


def alone(what: str, file: Path, folder: Path) -> None:
    """The body of such a process: tells seconds, rows and the most memory."""
    took, rows = timed(lambda: _ACTIONS[what](file, folder))
    lines = Path("/proc/self/status").read_text().splitlines()
    high_kb = next(
        int(line.split()[1]) for line in lines if line.startswith("VmHWM")
    )  # since this program began
    print(json.dumps({"seconds": took / 1e3, "rows": rows, "mb": high_kb / 1e3}))


def _plan(file: Path, folder: Path) -> int:
    return count_annotations(plan_booru(file), folder).rows


def _import(file: Path, folder: Path) -> int:
    with Collection.open(folder) as collection:
        return carry_out(collection, plan_booru(file)).words.rows


def _pick(file: Path, _: Path) -> int:
    rows = (
        row.reason if isinstance(row, Dropped) else (row.facts or PostFacts(row.post), row.tags or ())
        for row in booru_source(file, words=False).rows()
    )
    return pick_of(Posts(rows), PickRules(by="fav", top=1000), "in the dump").funnel[0][1]


def _bare(file: Path, _: Path) -> int:
    """The rows as Python objects, and no more."""
    if file.suffix == ".jsonl":
        with file.open() as lines:
            return sum(1 for line in lines if json.loads(line))
    if file.suffix == ".db":
        return sum(1 for _ in sqlite3.connect(file).execute("SELECT * FROM posts"))
    parquet: Any = importlib.import_module("pyarrow.parquet")
    batches = parquet.ParquetFile(file).iter_batches(4096)
    return sum(len(batch.to_pylist()) for batch in batches)


_ACTIONS = {"plan": _plan, "import": _import, "pick": _pick, "bare": _bare}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--dump", type=int, default=100_000, help="posts of the dumps; 0 leaves them out")
    parser.add_argument("--db", type=Path, help="the collection of bench.index, if it is there; copied first")
    parser.add_argument("--alone", choices=_ACTIONS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(options.alone, options.file, options.db)
        return
    table = Table()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as home:
        scratch = Path(home)
        measure_collection(scratch, options.db, options.n, table)
        if options.dump:
            measure_dumps(options.dump, scratch, table)
    print()
    print(table.markdown())


def measure_collection(scratch: Path, db: Path | None, count: int, table: Table) -> None:
    """Everything that needs a collection of this size."""
    folder = scratch / "n"
    folder.mkdir()
    if db and Collection.exists(db):
        shutil.copy(db / "frieze.db", folder)
    else:
        with Collection.create(folder) as collection:
            fill(collection, Booru(count))
    with Collection.open(folder) as collection:
        facts = facts_of(collection.images.count())
        print(f"n = {len(facts['post']):,}")
        keep(collection, facts)
        measure_quality(collection, facts, table)
        measure_buckets(collection, table)
        measure_picks(collection, facts, table)


if __name__ == "__main__":
    main()
