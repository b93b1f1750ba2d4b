"""Benchmark of the index at any size, each figure beside its reference in the same run.

    python -m bench.index --n 3600000 --db /tmp/frieze-bench

References (SQL tables, Python lists) are built of the first `--reference` posts, and Frieze is measured at that size
too, so that ratios compare equal things; the figures at `n` stand alone. Timings on a shared machine: trust ratios.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.collection import Booru, fill
from bench.measure import Table, evict, median_ms, ms, peak_mb, percentile, rss_mb, timed
from bench.references import SqlTables, filter_lists, python_lists
from bench.tagger import tag_some
from curator.filter.evaluate import select
from curator.filter.facets import exact_facets, sample_facets
from curator.index.changes.edits import AddTags, RenameTag
from curator.index.collection import Collection
from curator.index.sets.bitmaps import of_array

Query = tuple[list[str], list[str]]


def text_of(query: Query) -> str:
    wanted, unwanted = query
    return " ".join([*(f'tag:"{name}"' for name in wanted), *(f'-tag:"{name}"' for name in unwanted)])


def page(collection: Collection, text: str, first: int = 0) -> int:
    result = select(collection, text)
    collection.rows(result.page(first, 100))
    return len(result)


def common(collection: Collection) -> list[str]:
    """Tags, the most common first."""
    return [tag.name for tag in collection.all_tags()]


def queries(names: list[str], seed: int = 5) -> list[Query]:
    """Sixty filters of one to four tags, drawn as people would: the common ones more often; half with a NOT."""
    rng = np.random.default_rng(seed)
    found: list[Query] = []
    for _ in range(60):
        drawn = (len(names) ** rng.random(6)).astype(int) - 1
        picked = list(dict.fromkeys(names[int(k)] for k in drawn))
        wanted, unwanted = int(rng.integers(1, 5)), int(rng.integers(0, 2))
        found.append((picked[:wanted], picked[wanted : wanted + unwanted]))
    return found


def measure_import(folder: Path, booru: Booru, table: Table) -> None:
    with Collection.create(folder) as collection:
        took = fill(collection, booru)
        collection.checkpoint()
    rate = booru.count / took.seconds_importing
    size = (folder / "frieze.db").stat().st_size / 1e6
    table.add("import from lists of tag strings", f"{rate:,.0f} images/s", "", ">= 40,000 images/s")
    table.add("memory at most while importing; file", f"{peak_mb():.0f} MB; {size:.0f} MB", "", "< 1000 MB")


def measure_open(folder: Path, table: Table) -> None:
    def first_page() -> None:
        with Collection.open(folder) as collection:
            page(collection, "")

    evict(folder / "frieze.db")
    cold = timed(first_page)[0]
    table.add(
        "open to first page, cold file / warm",
        f"{ms(cold)} / {ms(median_ms(first_page))}",
        "",
        "< 100 ms cold",
    )


def measure_filters(folder: Path, table: Table) -> None:
    with Collection.open(folder) as collection:
        drawn = [text_of(query) for query in queries(common(collection))]
    for kind in ("cold", "read ahead as the app does", "cached"):
        if kind != "cached":
            evict(folder / "frieze.db")
        with Collection.open(folder) as collection:
            page(collection, "")
            if kind.startswith("read"):
                table.add(
                    "reading ahead of a cold file", ms(timed(lambda: collection.warm(lambda: False))[0])
                )
            times = [timed(lambda text=text: page(collection, text))[0] for text in drawn]
            figure = f"{ms(percentile(times, 0.5))} / {ms(percentile(times, 0.95))}"
            table.add(
                f"60 filters of 1-4 tags, NOT: first page, file {kind}, p50/p95", figure, "", "p95 < 16 ms"
            )
    with Collection.open(folder) as collection:
        for text in drawn:
            page(collection, text)
        again = [timed(lambda text=text: page(collection, text))[0] for text in drawn]
        counts = [timed(lambda text=text: len(select(collection, text)))[0] for text in drawn]
        figure = f"{ms(percentile(again, 0.5))} / {ms(percentile(again, 0.95))}"
        table.add("the same again p50/p95", figure, "", "p95 < 3 ms")
        table.add("exact count p95", ms(percentile(counts, 0.95)), "", "< 5 ms")
        names = common(collection)
        text = f'tag:"{names[0]}"'
        far = min(2_000_000, len(select(collection, text)) - 100)
        result = select(collection, text)
        jump = timed(lambda: collection.rows(result.page(far, 100)))[0]
        onward = median_ms(lambda: collection.rows(result.page(far - 5000, 100)))
        table.add(f"jump to row {far:,}, then on", f"{ms(jump)}, {ms(onward)}", "", "< 50 ms, < 2 ms")
        for label, text in (("width>=1024", "width>=1024"), ("sort:-bytes", "sort:-bytes")):
            first_touch = timed(lambda text=text: page(collection, text))[0]
            table.add(
                f"{label}: first page, again",
                f"{ms(first_touch)}, {ms(median_ms(lambda text=text: page(collection, text)))}",
            )
        sorted_all = select(collection, f'tag:"{names[0]}" sort:-bytes')
        table.add("jump in a sorted list", ms(timed(lambda: collection.rows(sorted_all.page(far, 100)))[0]))
        table.add(
            "path:TEXT over all images (holds no lock)",
            ms(timed(lambda: len(select(collection, "path:/35")))[0]),
        )
        table.add("memory after all that", f"{rss_mb():.0f} MB")


def measure_facets(folder: Path, table: Table) -> None:
    with Collection.open(folder) as collection:
        names = common(collection)
        for tags in (names[:1], names[:2], [names[60]], [names[300]], [names[60], names[80]]):
            images = select(collection, text_of((tags, []))).bitmap()
            sample = median_ms(lambda images=images: sample_facets(collection, images))
            first, _ = timed(lambda images=images: exact_facets(collection, images))
            again = median_ms(lambda images=images: exact_facets(collection, images), 3)
            figure = f"{ms(sample)}; {ms(first)}, {ms(again)}"
            table.add(f"facets of {len(images):,} images: sample; exact, again", figure, "", "< 10; < 200 ms")


def measure_lookup(folder: Path, table: Table) -> None:
    with Collection.open(folder) as collection:
        first = timed(lambda: collection.find_tags("hair"))[0]
        table.add(
            "find a tag by a part, first; again",
            f"{ms(first)}; {ms(median_ms(lambda: collection.find_tags('hair')))}",
        )


def measure_bulk(folder: Path, table: Table) -> None:
    rng = np.random.default_rng(1)
    with Collection.open(folder) as collection, Collection.open(folder) as other:
        count = collection.images.count()
        some = of_array(np.sort(rng.choice(count, min(500_000, count // 7), replace=False)) + 1)
        names = common(collection)
        page(other, f'tag:"{names[3]}"')
        add = timed(lambda: collection.apply(AddTags(("a new tag",)), some))[0]
        seen = timed(lambda: len(select(collection, "a_new_tag")))[0]
        follow = timed(lambda: len(select(other, "a_new_tag")))[0]
        undo = timed(collection.undo)[0]
        redo = timed(collection.redo)[0]
        label = f"add a tag to {len(some):,} images"
        table.add(f"{label}: visible; counted", f"{ms(add)}; {ms(seen)}", "", "< 50 ms")
        table.add("another process sees it", ms(follow), "", "within a second")
        table.add("undo; redo", f"{ms(undo)}; {ms(redo)}", "", "< 50 ms")
        table.add("folded into the rows", ms(timed(collection.fold)[0]), "", "< 10 s")
        table.add(
            "undo after the fold; folded",
            f"{ms(timed(collection.undo)[0])}; {ms(timed(collection.fold)[0])}",
            "",
            "< 50 ms; < 10 s",
        )
        merged = collection.tags.find(names[3])
        assert merged
        merge = timed(lambda: collection.apply(RenameTag(names[3], names[4])))[0]
        table.add(
            f"merge a tag of {merged.count:,} images: visible; undo",
            f"{ms(merge)}; {ms(timed(collection.undo)[0])}",
            "",
            "< 50 ms",
        )


def measure_undo_beneath(folder: Path, table: Table) -> None:
    """Undo of a person's edits while a tagger's newer commits stand."""
    rng = np.random.default_rng(2)
    with Collection.open(folder) as collection:
        count = collection.images.count()
        names = common(collection)[:3000]
        some = of_array(np.sort(rng.choice(count, min(500_000, count // 7), replace=False)) + 1)
        single = collection.apply(AddTags(("a single edit",)), [77]).id
        taken = [timed(lambda: tag_some(collection, rng, names, count))[0] for _ in range(200)]
        collection.apply(AddTags(("a large edit",)), some)
        commits = 500
        for _ in range(commits):
            tag_some(collection, rng, names, count)
        undo, done = timed(collection.undo)
        redo = timed(collection.redo)[0]
        of_one = timed(lambda: collection.undo(commit=single))[0]
        collection.fold()
        assert done
        table.add("a tagger's commit of 8 images, alone p50", ms(percentile(taken, 0.5)))
        label = f"undo of {done.images_changed:,} images beneath {commits} newer commits of a tagger; redo"
        table.add(f"{label} ({done.skipped:,} images stay)", f"{ms(undo)}; {ms(redo)}")
        table.add("undo of one image's edit beneath all these", ms(of_one))


def measure_edits_beside_taggers(folder: Path, table: Table) -> None:
    command = [sys.executable, "-m", "bench.tagger", "--db", str(folder), "--rate", "100", "--seconds", "12"]
    taggers = [
        subprocess.Popen([*command, "--seed", str(seed)], stdout=subprocess.PIPE, text=True)
        for seed in (1, 2)
    ]
    time.sleep(2.5)
    edits: list[float] = []
    pages: list[float] = []
    with Collection.open(folder) as collection:
        text = f'tag:"{common(collection)[1]}"'
        page(collection, text)
        for number in range(200):
            pages.append(timed(lambda: page(collection, text))[0])
            edits.append(
                timed(lambda number=number: collection.apply(AddTags((f"edit {number}",)), [number * 7 + 1]))[
                    0
                ]
            )
            time.sleep(0.03)
    rates = [float(tagger.communicate()[0].split()[-1]) for tagger in taggers]
    figure = f"{ms(percentile(edits, 0.5))} / {ms(percentile(edits, 0.95))}"
    table.add(f"single edit beside taggers of {sum(rates):.0f} images/s p50/p95", figure, "", "p95 < 10 ms")
    table.add("page meanwhile p50/p95", f"{ms(percentile(pages, 0.5))} / {ms(percentile(pages, 0.95))}")


def measure_against_others(folder: Path, count: int, table: Table) -> None:
    booru = Booru(count)
    with Collection.create(folder / "ours") as collection:
        fill(collection, booru)
    building = timed(lambda: SqlTables(folder / "tables.db", booru))
    tables = building[1]
    lists = python_lists(booru)
    sizes = [(folder / name).stat().st_size / 1e6 for name in ("ours/frieze.db", "tables.db")]
    table.add(
        f"file at {count:,} images",
        f"{sizes[0]:.0f} MB",
        f"SQL tables {sizes[1]:.0f} MB ({sizes[1] / sizes[0]:.1f}x)",
    )
    with Collection.open(folder / "ours") as collection:
        names = common(collection)
        for query in (
            (names[:2], []),
            (names[:3], names[3:4]),
            ([names[60]], [names[1]]),
            ([names[60], names[80]], []),
        ):
            text, shown = text_of(query), f"{len(query[0])} tags{', NOT' * bool(query[1])}"
            ours = median_ms(lambda text=text: len(select(collection, text)))
            sql = median_ms(lambda query=query: tables.count(*query))
            looked = median_ms(lambda query=query: len(filter_lists(lists, *query)), 3)
            assert len(select(collection, text)) == tables.count(*query) == len(filter_lists(lists, *query))
            table.add(
                f"exact count, {shown} ({len(select(collection, text)):,})",
                ms(ours),
                f"SQL {ms(sql)} ({sql / ours:.0f}x), lists {ms(looked)} ({looked / ours:.0f}x)",
            )
        far = len(select(collection, text_of((names[:1], [])))) - 200
        ours = median_ms(lambda: page(collection, text_of((names[:1], [])), far))
        sql = median_ms(lambda: tables.page(names[:1], [], far))
        table.add(f"page at row {far:,} of one tag", ms(ours), f"SQL {ms(sql)} ({sql / ours:.0f}x)")
        images = select(collection, text_of((names[:2], []))).bitmap()
        ours = median_ms(lambda: exact_facets(collection, images), 3)
        sql = median_ms(lambda: tables.facets(names[:2], []), 1)
        table.add(f"exact facets of {len(images):,} images", ms(ours), f"SQL {ms(sql)} ({sql / ours:.0f}x)")
        some = list(range(1, count + 1, 7))
        ours, sql = (
            timed(lambda: collection.apply(AddTags(("n",)), some))[0],
            timed(lambda: tables.add("n", some))[0],
        )
        folding = timed(collection.fold)[0]
        table.add(
            f"add a tag to {len(some):,} images (+ fold)",
            f"{ms(ours)} (+ {ms(folding)})",
            f"SQL {ms(sql)} ({sql / ours:.0f}x), no undo",
        )
        ours, sql = timed(collection.undo)[0], timed(lambda: tables.take_back("n"))[0]
        table.add("undo it", ms(ours), f"SQL delete {ms(sql)} ({sql / ours:.0f}x)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--reference", type=int, default=200_000)
    parser.add_argument("--db", type=Path, help="keep the collection here, and use it when it is there")
    options = parser.parse_args()
    table = Table()
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, n = {options.n:,}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.db or Path(scratch) / "n"
        if not Collection.exists(folder):
            measure_import(folder, Booru(options.n), table)
        measure_open(folder, table)
        measure_filters(folder, table)
        measure_facets(folder, table)
        measure_lookup(folder, table)
        edited = Path(scratch) / "edited"
        edited.mkdir()
        shutil.copy(folder / "frieze.db", edited)
        measure_bulk(edited, table)
        measure_undo_beneath(edited, table)
        measure_edits_beside_taggers(edited, table)
        others = Path(scratch) / "others"
        others.mkdir()
        measure_against_others(others, min(options.n, options.reference), table)
    print()
    print(table.markdown())


if __name__ == "__main__":
    main()
