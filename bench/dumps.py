"""A booru's dump of any size as JSON lines, SQLite or Parquet, written row by row."""

from __future__ import annotations

import importlib
import json
import sqlite3
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from bench.collection import Booru

KINDS = ("jsonl", "sqlite", "parquet")
_BATCH = 16384
_CLASSES = ("general", "artist", "copyright", "character", "meta")


def posts(count: int, seed: int = 3) -> Iterator[dict[str, Any]]:
    """Posts with all that a dump says of them: 29.5 tags by class, numbers, sizes; some deleted, some films."""
    booru = Booru(count)
    firsts = [booru.first[cls] for cls in _CLASSES]
    names = booru.names
    for made in booru.batches(_BATCH):
        rng = np.random.default_rng([seed, made.first])
        size = len(made.counts)
        ends = np.cumsum(made.counts).tolist()
        columns = (
            rng.choice(list("gsqe"), size, p=[0.25, 0.5, 0.15, 0.1]).tolist(),
            rng.lognormal(2.5, 1.2, size).astype(int).tolist(),
            rng.random(size).tolist(),
            made.widths.tolist(), made.heights.tolist(), made.file_bytes.tolist(), (made.mtimes_ns // 10**9).tolist(),
        )  # fmt: skip
        for place, (rating, fav, chance, width, height, file_bytes, posted) in enumerate(
            zip(*columns, strict=True)
        ):
            words: dict[str, list[str]] = {cls: [] for cls in _CLASSES}
            for tag in made.flat[(ends[place - 1] if place else 0) : ends[place]].tolist():
                cls = max(k for k, first in enumerate(firsts) if tag >= first)
                words[_CLASSES[cls]].append(names[tag])
            yield {
                "id": made.first + place + 1, "created_at": np.datetime64(posted, "s").item().isoformat() + "+00:00",
                "rating": rating, "score": fav // 2, "fav_count": fav, "is_deleted": chance < 0.02,
                "file_ext": "mp4" if chance > 0.99 else "jpg", "md5": f"{made.first + place + 1:032x}",
                "image_width": width, "image_height": height, "file_size": file_bytes,
                **{f"tag_string_{cls}": " ".join(found) for cls, found in words.items()},
            }  # fmt: skip


def write(kind: str, path: Path, count: int) -> None:
    """A dump of `count` posts."""
    rows = posts(count)
    if kind == "jsonl":
        with path.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    elif kind == "sqlite":
        _sqlite(path, rows)
    else:
        _parquet(path, rows)


def _sqlite(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows)
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE posts ({', '.join(first)})")
        marks = ", ".join("?" * len(first))
        db.executemany(
            f"INSERT INTO posts VALUES ({marks})", (tuple(row.values()) for row in chain((first,), rows))
        )
    db.close()


def _parquet(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    writer = None
    while some := list(islice(rows, _BATCH)):
        table = arrow.Table.from_pylist(some)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
