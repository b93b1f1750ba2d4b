"""Dumps in the forms that tools write: tags in a table of their own (S009), JSON lists and pages, tags by class."""

from __future__ import annotations

import importlib
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from curator.interop.dumps.booru import booru_source, plan_booru, posts
from curator.interop.plan import Record

POSTS = [(n, "2019-04-01", n % 4, n, f"{n:032x}") for n in (3, 1, 2, 50, 7)]
NAMES = ["1girl", "long_hair", "some_one", "hero", "a show", "hi_res"]
HAKU = [0, 0, 1, 2, 3, 4]  # general, artist, character, copyright, meta
DANBOORU = [0, 0, 1, 4, 3, 5]
TAGS_OF = {1: (1, 3, 6), 3: (2, 4, 5), 50: (1,), 99: (1,)}
WANTED = {
    3: (("long hair", "hero", "a show"), {"hero": "character", "a show": "copyright"}),
    1: (("1girl", "some one", "hi res"), {"some one": "artist", "hi res": "meta"}),
    50: (("1girl",), {}),
}


def database(path: Path, kind: str = "type", *, indexed: bool = True, names: Iterable[str] = ()) -> Path:
    """As HakuBooru makes it; `names` are those of the three tables and of the post's number."""
    post, tag, relation, number = list(names) or ["post", "tag", "posttagrelation", "id"]
    kinds = HAKU if kind == "type" else DANBOORU
    with sqlite3.connect(path) as db:
        db.execute(
            f"CREATE TABLE {tag} (id integer primary key, name text unique, {kind} integer, popularity integer)"
        )
        db.executemany(
            f"INSERT INTO {tag} VALUES (?,?,?,1)",
            [(place, *pair) for place, pair in enumerate(zip(NAMES, kinds, strict=True), 1)],
        )
        db.execute(
            f"CREATE TABLE {post} ({number} integer, created_at text, rating integer, score integer, md5 text)"
        )
        db.executemany(f"INSERT INTO {post} VALUES (?,?,?,?,?)", POSTS)
        db.execute(f"CREATE TABLE {relation} (id integer primary key, post_id integer, tag_id integer)")
        pairs = [(post, tag) for post, tags in TAGS_OF.items() for tag in (*tags, 77)]
        db.executemany(f"INSERT INTO {relation}(post_id, tag_id) VALUES (?,?)", pairs)
        if indexed:
            db.execute(f"CREATE INDEX by_post ON {relation}(post_id)")
    db.close()
    return path


def records(file: Path, *, words: bool = True) -> dict[int, Record]:
    rows = [row for row in booru_source(file, words=words).rows() if isinstance(row, Record)]
    return {row.post: row for row in rows}


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize(
    ("kind", "names"),
    [("type", ()), ("category", ()), ("category", ("images", "tags", "image_tags", "post_id"))],
)
def test_tags_of_a_table_of_their_own(
    tmp_path: Path, kind: str, names: tuple[str, ...], indexed: bool
) -> None:
    """S009: posts in any order, a post without tags, tags of posts and names of tags that are not there."""
    found = records(database(tmp_path / "a.db", kind, indexed=indexed, names=names))
    assert set(found) == {each[0] for each in POSTS}
    for number, row in found.items():
        tags, classes = WANTED.get(number, (None, {}))
        assert (row.tags, dict(row.classes)) == (tags, classes)
        assert row.facts
        assert row.facts.rating == ("general", "sensitive", "questionable", "explicit")[number % 4]


def test_a_pick_reads_no_tags(tmp_path: Path) -> None:
    assert all(row.tags is None for row in records(database(tmp_path / "a.db"), words=False).values())


def test_words_of_a_table_are_not_asked_for_where_posts_have_them(tmp_path: Path) -> None:
    file = database(tmp_path / "a.db")
    with sqlite3.connect(file) as db:
        db.execute("ALTER TABLE post ADD COLUMN tag_string text")
        db.execute("UPDATE post SET tag_string='said_here'")
    db.close()
    assert {row.tags for row in records(file).values()} == {("said here",)}


BY_CLASS = {"general": ["long_hair"], "artist": ["some_one"], "species": ["red_fox"], "meta": []}


@pytest.mark.parametrize("tags", [BY_CLASS, ["long_hair", "some_one", "red_fox"]])
@pytest.mark.parametrize("kind", ["jsonl", "json", "db", "parquet"])
def test_lists_and_objects_in_each_kind_of_dump(tmp_path: Path, kind: str, tags: Any) -> None:
    file = tmp_path / f"posts.{kind}"
    row = {"id": 5, "rating": "g", "tags": tags}
    if kind in ("jsonl", "json"):
        file.write_text(json.dumps(row if kind == "jsonl" else [row]))
    elif kind == "db":
        with sqlite3.connect(file) as db:
            db.execute("CREATE TABLE posts (id integer, rating text, tags text)")
            db.execute("INSERT INTO posts VALUES (5, 'g', ?)", (json.dumps(tags),))
        db.close()
    else:
        arrow: Any = pytest.importorskip("pyarrow")
        importlib.import_module("pyarrow.parquet").write_table(arrow.Table.from_pylist([row]), file)
    record = records(file)[5]
    assert set(record.tags or ()) == {"long hair", "some one", "red fox"}
    assert dict(record.classes) == ({"some one": "artist"} if isinstance(tags, dict) else {})


POST = {"id": 11, "tag_string": "a"}
OTHER = {"id": 12, "tag_string": "b"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([POST, OTHER]),
        json.dumps([POST, OTHER], indent=1),
        "\n\n " + json.dumps([POST, OTHER], indent=1),
        f"{json.dumps(POST)}\n{json.dumps(OTHER)}\n",
        json.dumps({"posts": [POST, OTHER]}),
        json.dumps({"posts": [POST, OTHER]}, indent=1),
        json.dumps({"11": {"tag_string": "a"}, "12": {"tag_string": "b"}}),
        json.dumps({"11": {"tag_string": "a"}, "12": {"tag_string": "b"}}, indent=1),
        json.dumps([[2, {"id": 1}], [3, "http", POST], [3, "http", OTHER]], indent=1),
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_in_one_piece_or_in_lines(tmp_path: Path, text: str, mark: bytes) -> None:
    (tmp_path / "posts.json").write_bytes(mark + text.encode())
    found = records(tmp_path / "posts.json")
    assert {number: row.tags for number, row in found.items()} == {11: ("a",), 12: ("b",)}


def test_a_list_cut_short_gives_what_is_whole(tmp_path: Path) -> None:
    (tmp_path / "posts.json").write_text('[\n{"id": 11},\n{"id": 1')
    assert [post and post["id"] for post in posts(tmp_path / "posts.json")] == [11, None]


def test_a_post_known_by_its_md5_alone(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text(json.dumps({"md5": "AA" * 16, "tag_string": "a"}))
    (row,) = booru_source(tmp_path / "posts.jsonl").rows()
    assert isinstance(row, Record)
    assert row.md5 == "aa" * 16
    assert plan_booru(tmp_path / "posts.jsonl").sources
