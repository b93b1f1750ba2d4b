"""What others do: the same posts in normalised SQL tables, and in Python lists of tags; for figures side by side."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.collection import Booru


class SqlTables:
    """`image_tag` by image and by tag, as most programs would lay it out; WAL, the same pragmas."""

    def __init__(self, path: Path, booru: Booru) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        run = self.connection.execute
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536", "temp_store=MEMORY"):
            run(f"PRAGMA {pragma}")
        run("CREATE TABLE image(id INTEGER PRIMARY KEY, path TEXT, width INT, height INT, bytes INT)")
        run("CREATE TABLE tag(id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        run("CREATE TABLE image_tag(image INT, tag INT, PRIMARY KEY(image, tag)) WITHOUT ROWID")
        run("BEGIN")
        self.connection.executemany("INSERT INTO tag VALUES(?,?)", enumerate(booru.names))
        for made in booru.batches():
            ids = np.arange(made.first, made.first + len(made.counts)) + 1
            rows = (made.widths.tolist(), made.heights.tolist(), made.file_bytes.tolist())
            paths = [f"{number // 1000:05d}/{number}.webp" for number in ids.tolist()]
            self.connection.executemany(
                "INSERT INTO image VALUES(?,?,?,?,?)", zip(ids.tolist(), paths, *rows, strict=True)
            )
            pairs = zip(np.repeat(ids, made.counts).tolist(), made.flat.tolist(), strict=True)
            self.connection.executemany("INSERT INTO image_tag VALUES(?,?)", pairs)
        run("COMMIT")
        run("CREATE INDEX image_tag_tag ON image_tag(tag, image)")
        run("CREATE INDEX image_bytes ON image(bytes)")
        run("ANALYZE")
        self._ids = {name: number for number, name in enumerate(booru.names)}

    def count(self, wanted: Sequence[str], unwanted: Sequence[str]) -> int:
        """How many images have all of some tags and none of others."""
        return self.connection.execute(
            f"SELECT count(*) FROM image i WHERE {self._where(wanted, unwanted)}"
        ).fetchone()[0]

    def page(self, wanted: Sequence[str], unwanted: Sequence[str], first: int = 0) -> list[tuple]:
        """A hundred rows."""
        query = f"SELECT * FROM image i WHERE {self._where(wanted, unwanted)} ORDER BY id LIMIT 100 OFFSET {first}"
        return self.connection.execute(query).fetchall()

    def facets(self, wanted: Sequence[str], unwanted: Sequence[str]) -> list[tuple]:
        """The fifty most common tags beside these."""
        query = f"""SELECT tag, count(*) AS n FROM image_tag WHERE image IN
            (SELECT id FROM image i WHERE {self._where(wanted, unwanted)}) GROUP BY tag ORDER BY n DESC LIMIT 50"""
        return self.connection.execute(query).fetchall()

    def add(self, name: str, images: Sequence[int]) -> None:
        """Give images a new tag."""
        number = self._ids.setdefault(name, len(self._ids))
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("INSERT OR IGNORE INTO tag VALUES(?,?)", (number, name))
        pairs = ((image, number) for image in images)
        self.connection.executemany("INSERT OR IGNORE INTO image_tag VALUES(?,?)", pairs)
        self.connection.execute("COMMIT")

    def take_back(self, name: str) -> None:
        """Take a tag from all images."""
        self.connection.execute("DELETE FROM image_tag WHERE tag=?", (self._ids[name],))

    def _where(self, wanted: Sequence[str], unwanted: Sequence[str]) -> str:
        having = [f"id IN (SELECT image FROM image_tag WHERE tag={self._ids[name]})" for name in wanted]
        lacking = [
            f"id NOT IN (SELECT image FROM image_tag WHERE tag={self._ids[name]})" for name in unwanted
        ]
        return " AND ".join([*having, *lacking])


def python_lists(booru: Booru) -> list[list[str]]:
    """Every image's tags as a list of strings that share their text."""
    names = np.array(booru.names, dtype=object)
    lists: list[list[str]] = []
    for made in booru.batches():
        words = names[made.flat].tolist()
        ends = np.cumsum(made.counts).tolist()
        lists += [words[first:beyond] for first, beyond in zip([0, *ends], ends, strict=False)]
    return lists


def filter_lists(lists: list[list[str]], wanted: Sequence[str], unwanted: Sequence[str]) -> list[int]:
    """The rows with all of some tags and none of others, looked through one by one."""
    return [
        row
        for row, tags in enumerate(lists)
        if all(name in tags for name in wanted) and not any(name in tags for name in unwanted)
    ]
