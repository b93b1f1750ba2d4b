"""A small booru for chains: a shard of images, and its dump as JSON lines or as HakuBooru's database."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZES = ((64, 64), (96, 64), (64, 96))
_TYPES = ("general", "artist", "character", "copyright", "meta")  # by HakuBooru's number
_DAYS = ("2008-03-01", "2013-03-01", "2016-03-01", "2019-03-01", "2021-03-01", "2022-11-01", "2023-05-01")


def posts(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Posts with tags of every class; every eleventh is deleted, every thirteenth a film."""
    return [
        {
            "id": n, "rating": "gsqe"[n % 4], "score": n * 7 % 101, "fav_count": n * 13 % 97,
            "created_at": f"{_DAYS[n % len(_DAYS)]}T00:00:00+00:00",
            "is_deleted": n % 11 == 0, "file_ext": "mp4" if n % 13 == 0 else "png", "md5": f"{n:032x}",
            "tag_string_general": " ".join(("1girl", "long_hair", ">_<", "smile", f"thing_{n % 5}")[n % 2 :]),
            "tag_string_artist": f"artist_{n % 3}", "tag_string_character": f"hero_{n % 4}",
            "tag_string_copyright": "a_show", "tag_string_meta": "highres",
        }
        for n in numbers
    ]  # fmt: skip


def write_shard(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """The images of all posts that have one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as shard:
        for row in rows:
            if row["file_ext"] == "png":
                data = _image(row["id"])
                about = tarfile.TarInfo(f"{row['id']}.png")
                about.size = len(data)
                shard.addfile(about, io.BytesIO(data))


def _image(number: int) -> bytes:
    width, height = SIZES[number % len(SIZES)]
    dots = np.random.default_rng(number).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(dots).resize((width, height), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """A post a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def write_hakubooru(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """`danbooru2023.db` as HakuBooru makes it: tags in a table of their own, ratings as numbers."""
    tags = {
        tag: kind
        for row in rows
        for kind, cls in enumerate(_TYPES)
        for tag in row[f"tag_string_{cls}"].split()
    }
    numbers = {tag: place for place, tag in enumerate(tags, 1)}
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE tag (id integer primary key, name text unique, type integer, popularity integer)"
        )
        db.executemany(
            "INSERT INTO tag VALUES (?,?,?,1)", [(numbers[tag], tag, kind) for tag, kind in tags.items()]
        )
        db.execute(
            "CREATE TABLE post (id integer primary key, created_at text, rating integer, score integer,"
            " fav_count integer, is_deleted integer, file_ext text, md5 text)"
        )
        db.executemany(
            "INSERT INTO post VALUES (?,?,?,?,?,?,?,?)",
            [
                (
                    row["id"], row["created_at"], "gsqe".index(row["rating"]), row["score"], row["fav_count"],
                    row["is_deleted"], row["file_ext"], row["md5"],
                )
                for row in rows
            ],
        )  # fmt: skip
        db.execute("CREATE TABLE posttagrelation (id integer primary key, post_id integer, tag_id integer)")
        pairs = [
            (row["id"], numbers[tag])
            for row in rows
            for cls in _TYPES
            for tag in row[f"tag_string_{cls}"].split()
        ]
        db.executemany("INSERT INTO posttagrelation(post_id, tag_id) VALUES (?,?)", pairs)
        db.execute("CREATE INDEX by_post ON posttagrelation(post_id)")
    db.close()
