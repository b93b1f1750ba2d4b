"""Metadata of other tools: dumps (S009, S002), kohya JSON (S033), imagefolder, gallery-dl; each row is counted."""

from __future__ import annotations

import importlib
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.collection import Collection
from curator.interop.apply import carry_out
from curator.interop.dumps.booru import plan_booru
from curator.interop.dumps.row_files import json_items
from curator.interop.layouts import plan_import
from curator.interop.matching.word_import import HAS_WORDS, NOT_HERE, SAYS_NOTHING, count_annotations
from curator.posts.dates import seconds_of
from curator.posts.post import BAD_TAGS, SEVERAL
from curator.scan.scan import scan

MD5 = "0123456789abcdef0123456789abcdef"
POSTS: list[dict[str, Any]] = [
    {"id": 11, "rating": "g", "score": 5, "fav_count": 20, "created_at": "2021-03-04T05:06:07.000+00:00",
     "tag_string_artist": "some_one", "tag_string_character": "hatsune_miku",
     "tag_string_general": "1girl long_hair ^_^",
     "is_deleted": False, "file_ext": "png", "md5": "aa" * 16},
    {"id": 12, "rating": "e", "score": -3, "fav_count": 0, "created_at": "2006-01-01", "tag_string_general": "solo",
     "is_deleted": False, "file_ext": "png", "md5": MD5},
    {"id": 13, "rating": "x", "score": 1, "fav_count": 1, "created_at": "soon", "tag_string_general": "odd",
     "is_deleted": False, "file_ext": "jpg", "md5": "bb" * 16},
    {"id": 14, "is_deleted": True, "file_ext": "png", "md5": "cc" * 16},
    {"id": 15, "is_deleted": False, "file_ext": "mp4", "md5": "dd" * 16},
    {"id": 16, "is_deleted": False, "file_ext": "png", "md5": None},
    {"id": 17, "is_deleted": False, "file_ext": "png", "md5": "ee" * 16},
]  # fmt: skip
FUNNEL = {"kept": 3, "deleted": 1, "no image (mp4)": 1, "its file is not public": 1, NOT_HERE: 1}


@pytest.fixture
def posts(draw: Any, collection: Collection) -> Collection:
    scan(collection, draw("posts", "11.png", f"{MD5}.png", "danbooru_13_x_13.jpg"))
    return collection


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sqlite(path: Path) -> Path:
    with sqlite3.connect(path) as db:
        columns = list(POSTS[0])
        db.execute("CREATE TABLE tags (id, name)")
        db.execute(f"CREATE TABLE posts ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        db.executemany(
            f"INSERT INTO posts VALUES ({marks})", [[post.get(c) for c in columns] for post in POSTS]
        )
    db.close()
    return path


def parquet(path: Path) -> Path:
    arrow: Any = pytest.importorskip("pyarrow")
    importlib.import_module("pyarrow.parquet").write_table(arrow.Table.from_pylist(POSTS), path)
    return path


def dump(kind: str, folder: Path) -> Path:
    if kind == "jsonl":
        return jsonl(folder / "posts.jsonl", POSTS)
    return sqlite(folder / "posts.db") if kind == "sqlite" else parquet(folder / "posts.parquet")


@pytest.mark.parametrize("kind", ["jsonl", "sqlite", "parquet"])
def test_a_dump_gives_words_classes_and_facts(posts: Collection, tmp_path: Path, kind: str) -> None:
    """S002, S009: each row has one first reason, and the reasons sum to the rows."""
    plan = plan_booru(dump(kind, tmp_path))
    said = count_annotations(plan, posts.folder)
    assert (said.rows, dict(said.funnel)) == (7, FUNNEL)
    assert dict(said.warnings) == {"an unknown rating": 1, "a date that cannot be read": 1}
    report = carry_out(posts, plan)
    assert dict(report.words.funnel) == FUNNEL
    (one,) = select(posts, "name:11.png").ids.tolist()
    tags = {tag.name: tag.cls for tag in posts.tags_of(one)}
    assert tags == {"some one": "artist", "hatsune miku": "character", "1girl": "general", "long hair": "general",
                    "^_^": "general"}  # fmt: skip
    facts = posts.metadata.facts(one)
    assert (facts.post, facts.rating, facts.score, facts.fav) == (11, "general", 5, 20)
    assert [len(select(posts, text)) for text in (
        "rating:general", "rating:explicit", "rating:none", "score<0", "fav>=1", "posted:2021", "posted<2010",
        "post:11..12", "sort:-fav limit:1 fav:20",
    )] == [1, 1, 1, 1, 2, 1, 1, 2, 1]  # fmt: skip


def test_a_dump_read_again_changes_nothing_and_keeps_edited_words(posts: Collection, tmp_path: Path) -> None:
    from curator.index.changes.edits import AddTags

    plan = plan_booru(dump("jsonl", tmp_path))
    carry_out(posts, plan)
    before = len(posts.history())
    carry_out(posts, plan)
    assert len(posts.history()) == before
    posts.apply(AddTags(("mine",)), select(posts, "name:11.png").ids.tolist())
    assert count_annotations(plan, posts.folder).funnel[HAS_WORDS] == 1
    assert count_annotations(plan, posts.folder, replace_annotations=True).funnel[HAS_WORDS] == 0
    assert carry_out(posts, plan).words.funnel[HAS_WORDS] == 1
    assert len(select(posts, "mine")) == 1
    carry_out(posts, plan, replace_annotations=True)
    assert len(select(posts, "mine")) == 0
    posts.undo()
    assert len(select(posts, "mine")) == 1


def test_broken_lines_are_counted_and_the_rest_goes_on(posts: Collection, tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_bytes(
        b'\xef\xbb\xbf{"id": 11, "tag_string": "a b"}\r\n[1]\n{"tag_string": "x"}\n{"id": 12, "tag_st'
    )
    report = carry_out(posts, plan_booru(file))
    assert dict(report.words.funnel) == {
        "kept": 1,
        "a line that is no JSON object": 2,
        "a post without a number": 1,
    }


def test_dumps_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all, really not one" * 40)
    (tmp_path / "a.parquet").write_bytes(b"PAR?")
    with sqlite3.connect(tmp_path / "b.db") as db:
        db.execute("CREATE TABLE x (y)")
    db.close()
    for name in ("a.db", "b.db", "gone.jsonl"):
        with pytest.raises(UserError):
            plan_booru(tmp_path / name)
    real = importlib.import_module

    def without(name: str) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(UserError) as error:
        plan_booru(tmp_path / "a.parquet")
    assert "frieze[parquet]" in error.value.hint


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR?")
    with pytest.raises(UserError, match="no Parquet file"):
        plan_booru(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01 00:00:05 UTC", 5),
        (7, 7),
        ("1970-02-31", None),
        ("", None),
        (None, None),
        (True, None),
        ("0000-00-00", None),
    ],
)
def test_dates(value: Any, seconds: int | None) -> None:
    """S014: what cannot be read is no date, and never the year 0."""
    assert seconds_of(value) == seconds


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_kohya_metadata(draw: Any, tmp_path: Path, collection: Collection, suffix: str) -> None:
    """S033: keys relative or absolute; files that are not there are counted."""
    folder = draw("set", "a.png", "sub.png")
    rows = {"a.png": {"caption": "a  cat\n", "tags": "cat, long_hair,cat", "image_size": [1, 1]},
            str(folder / "sub.png"): {"tags": "dog"}, "gone.png": {"tags": "x"}}  # fmt: skip
    file = tmp_path / f"meta.{suffix}"
    if suffix == "json":
        file.write_text(json.dumps(rows))
    else:
        jsonl(file, [{"image_path": key, **row} for key, row in rows.items()])
    plan = plan_import(file, "kohya-json", images=folder)
    assert dict(count_annotations(plan).funnel) == {"kept": 2, NOT_HERE: 1}
    report = carry_out(collection, plan)
    assert dict(report.words.funnel) == {"kept": 2, NOT_HERE: 1}
    (a,) = select(collection, "name:a.png").ids.tolist()
    assert [tag.name for tag in collection.tags_of(a)] == ["cat", "long_hair"]
    assert collection.rows([a])[0].caption == "a cat"


@pytest.mark.parametrize(
    "text", ['{"a": {"tags": "x"}', '{"a": {"tags": "x"}, "b"', "", "nonsense", '{"a" 1}']
)
def test_json_cut_short_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(UserError):
        list(json_items(tmp_path / "m.json"))


def test_big_json_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curator.interop.dumps.row_files._CHUNK", 7)
    value = {f"k{i}é": {"n": [i, i * 10**9, None, 'a"b\\']} for i in range(50)}
    (tmp_path / "m.json").write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")
    assert dict(json_items(tmp_path / "m.json")) == value
    (tmp_path / "l.json").write_text(json.dumps([1, 23, {"a": 4}]))
    assert [item for _, item in json_items(tmp_path / "l.json")] == [1, 23, {"a": 4}]


def test_imagefolder(draw: Any, tmp_path: Path, collection: Collection) -> None:
    folder = draw("set", "a.png", "b.png")
    draw("set/more", "c.png")
    (folder / "metadata.csv").write_text(
        'file_name,text,tags\na.png,"one, two","x, y"\nb.png,three,\ngone.png,x,\n'
    )
    jsonl(folder / "more/metadata.jsonl", [{"file_name": "c.png", "text": "four"}])
    report = carry_out(collection, plan_import(folder))
    assert dict(report.words.funnel) == {"kept": 3, NOT_HERE: 1}
    captions = {row.name: row.caption for row in collection.rows(select(collection).ids.tolist())}
    assert captions == {"a.png": "one, two", "b.png": "three", "c.png": "four"}
    assert len(select(collection, "x y")) == 1


def test_gallery_dl(draw: Any, tmp_path: Path, collection: Collection) -> None:
    folder = draw("set", "a.png", "b.png", "c.png")
    (folder / "a.png.json").write_text(
        json.dumps({"id": 5, "rating": "q", "tags": "long_hair solo", "score": 3})
    )
    (folder / "b.png.json").write_text(json.dumps({"tags": ["x_y_z", "w"], "date": "2020-01-01 00:00:00"}))
    (folder / "c.png.json").write_text("{broken")
    report = carry_out(collection, plan_import(folder, "gallery-dl"))
    assert dict(report.words.funnel) == {"kept": 2, "a file that is no JSON object": 1}
    assert len(select(collection, "rating:questionable score:3 post:5 tag:long_hair solo")) == 1
    assert len(select(collection, '"x y z" w posted:2020')) == 1


def test_what_may_be_several_things_must_be_said(tmp_path: Path, draw: Any) -> None:
    draw("plain", "a.png")
    with pytest.raises(UserError, match="several things"):
        plan_import(tmp_path / "plain")
    with pytest.raises(UserError, match="nothing at"):
        plan_import(tmp_path / "gone")
    with pytest.raises(UserError) as error:
        plan_import(tmp_path / "plain", "kohya-folder")
    assert "kohya-folders" in error.value.hint
    with pytest.raises(UserError, match="--reg"):
        plan_import(tmp_path / "plain", "everydream", reg=tmp_path)


def test_a_chain_of_metadata_over_folders(draw: Any, tmp_path: Path, collection: Collection) -> None:
    """S033: captions, then tags, then a second folder; each adds to what is there, and a flag alone overwrites."""
    one, two = draw("one", "a.png", "b.png"), draw("two", "c.png")

    def give(name: str, folder: Path, rows: dict[str, Any], **options: bool) -> dict[str, int]:
        (tmp_path / name).write_text(json.dumps(rows))
        plan = plan_import(tmp_path / name, "kohya-json", images=folder)
        return dict(carry_out(collection, plan, **options).words.funnel)

    assert give("captions.json", one, {"a.png": {"caption": "a cat"}, "b": {"caption": "a dog"}}) == {
        "kept": 2
    }
    assert give("tags.json", one, {"a.png": {"tags": "x, y"}, str(one / "b.png"): {"tags": "z"}}) == {
        "kept": 2
    }
    assert give("more.json", two, {"c.png": {"caption": "a bird", "tags": "w"}}) == {"kept": 1}
    assert give("again.json", one, {"a.png": {"caption": "other", "tags": "other"}}) == {HAS_WORDS: 1}

    def told() -> dict[str, tuple[str, list[str]]]:
        rows = collection.rows(select(collection).ids.tolist())
        return {row.name: (row.caption, [tag.name for tag in collection.tags_of(row.id)]) for row in rows}

    assert told() == {"a.png": ("a cat", ["x", "y"]), "b.png": ("a dog", ["z"]), "c.png": ("a bird", ["w"])}
    assert give("again.json", one, {"a.png": {"tags": "other"}}, replace_annotations=True) == {"kept": 1}
    assert told()["a.png"] == ("a cat", ["other"])


def test_metadata_cut_short_gives_what_is_whole(draw: Any, tmp_path: Path, collection: Collection) -> None:
    folder = draw("set", "a.png", "b.png")
    (tmp_path / "m.json").write_text('{"a.png": {"tags": "x"}, "b.png": {"ta')
    plan = plan_import(tmp_path / "m.json", "kohya-json", images=folder)
    for report in (count_annotations(plan), carry_out(collection, plan).words):
        assert dict(report.funnel) == {"kept": 1, "an entry where the file is cut short": 1}
    assert len(select(collection, "x")) == 1
    (tmp_path / "m.json").write_text("nonsense")
    with pytest.raises(UserError, match="no JSON"):
        count_annotations(plan)


def test_a_picture_outside_of_the_folder_is_not_there(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    draw("other", "b.png")
    folder = draw("set", "a.png")
    jsonl(folder / "metadata.jsonl", [{"file_name": "../other/b.png", "text": "x"}])
    plan = plan_import(folder)
    for report in (count_annotations(plan), carry_out(collection, plan).words):
        assert dict(report.funnel) == {NOT_HERE: 1}


def test_imagefolder_in_parquet(draw: Any, tmp_path: Path, collection: Collection) -> None:
    arrow: Any = pytest.importorskip("pyarrow")
    folder = draw("set", "a.png", "b.png")
    rows = [
        {"file_name": "a.png", "text": "one", "tags": ["x", "y, z"]},
        {"file_name": "b.png", "text": None, "tags": None},
    ]
    importlib.import_module("pyarrow.parquet").write_table(
        arrow.Table.from_pylist(rows), folder / "metadata.parquet"
    )
    funnel = dict(carry_out(collection, plan_import(folder)).words.funnel)
    assert funnel == {"kept": 1, SAYS_NOTHING: 1}
    assert len(select(collection, "caption:one x y z")) == 1


def test_numbers_that_are_none_are_counted(posts: Collection, tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "posts.jsonl", [{"id": 11, "score": "many", "fav_count": 3}, {"id": 12, "score": ""}]
    )
    report = carry_out(posts, plan_booru(file))
    assert dict(report.words.warnings) == {"a score or favourites that are no number": 1}
    assert len(select(posts, "score:none fav:3")) == 1


@pytest.mark.parametrize("replace_annotations", [False, True])
def test_how_many_rows_are_taken_at_once_changes_nothing(
    draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace_annotations: bool
) -> None:
    """Rows of one image that follow each other are as if they came alone; one undo takes a batch back."""
    pictures = draw("posts", "11.png", "12.png", "13.png")
    said = ("a b", "b a c", "", "d", "a b")
    rows = [
        {"id": 11 + number % 3, "tag_string": said[number % 5], "score": 9 - number, "fav_count": number or None,
         "tag_string_artist": "b" if number % 2 else "a a", "rating": "gsqe"[number % 4]}
        for number in range(12)
    ]  # fmt: skip
    plan = plan_booru(jsonl(tmp_path / "posts.jsonl", rows))
    outcomes: list[Any] = []
    for size in (1, 5, 100):
        monkeypatch.setattr("curator.interop.matching.word_import.BATCH", size)
        with Collection.create(tmp_path / f"home {size}") as made:
            scan(made, pictures)
            bare = select(made, "untagged").bitmap()
            report = carry_out(made, plan, replace_annotations=replace_annotations).words
            ids = made.images.alive().to_array().tolist()
            facts = [made.metadata.facts(image) for image in ids]
            tags = {tag.name: (tag.cls, tag.count) for tag in made.all_tags()}
            outcomes.append((report, made.tag_names(ids), facts, tags))
            assert made.check() == []
            while made.undo("import"):
                pass
            assert select(made, "untagged").bitmap() == bare
            assert made.check() == []
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert (outcomes[0][0].funnel[HAS_WORDS] > 0) is not replace_annotations
    assert outcomes[0][2][0].score == 0  # the last row of an image counts


def test_kohya_metadata_of_lists(draw: Any, tmp_path: Path, collection: Collection) -> None:
    """Tags and captions may be lists; what is neither text nor list is counted."""
    folder = draw("set", "a.png", "b.png")
    rows = {"a.png": {"tags": ["x", "y, z"], "caption": ["one", "two"]}, "b.png": {"tags": 7}}
    (tmp_path / "m.json").write_text(json.dumps(rows))
    report = carry_out(collection, plan_import(tmp_path / "m.json", "kohya-json", images=folder)).words
    assert dict(report.funnel) == {"kept": 1, SAYS_NOTHING: 1}
    assert dict(report.fields) == {"tags": 1, "caption": 1}
    assert dict(report.warnings) == {SEVERAL: 1, BAD_TAGS: 1}
    (one,) = select(collection, "x y z").ids.tolist()
    assert collection.rows([one])[0].caption == "one\ntwo"


def test_a_caption_that_is_not_taken_is_not_kept(draw: Any, tmp_path: Path, collection: Collection) -> None:
    """A row of a caption alone, for an image that has another one, gives nothing."""
    folder = draw("set", "a.png", text="x")
    (folder / "a.caption").write_text("mine")
    jsonl(folder / "metadata.jsonl", [{"file_name": "a.png", "text": "theirs"}])
    plan = plan_import(folder)
    assert (
        dict(count_annotations(plan).funnel)
        == dict(carry_out(collection, plan).words.funnel)
        == {HAS_WORDS: 1}
    )
