"""Tables of scores (S007): read from what scorers write, matched by path, content or name, every row accounted for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.collection import Collection
from curator.interop.apply import carry_out
from curator.interop.layouts import plan_import
from curator.interop.matching.word_import import NOT_HERE, count_annotations
from curator.scan.scan import scan

MD5 = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def scored(draw: Any, collection: Collection) -> Collection:
    scan(collection, draw("set", "a.png", "b.png", f"{MD5}.png", "77.png"))
    return collection


def score(collection: Collection, name: str) -> dict[str, float]:
    found = select(collection, f"score({name})!=none").ids.tolist()
    return {row.name: collection.scores.of_image(row.id)[name] for row in collection.rows(found)}


def test_a_table_gives_a_score_for_every_column_of_numbers(scored: Collection, tmp_path: Path) -> None:
    """S007: each row has one first reason, and what is no number is told."""
    file = tmp_path / "s.csv"
    file.write_text(
        "\ufeffpath,Aesthetic Score,waifu,label\nset/a.png,0.5,1,good\nset/b.png,,0.25,\nset/gone.png,1,1,\n"
        "set/a.png,nan,,\n,2,,\n",
        "utf-8",
    )
    plan = plan_import(file, "scores")
    funnel = {"kept": 2, NOT_HERE: 1, "a row without a number": 1, "a row that names no image": 1}
    said = count_annotations(plan, scored.folder)
    assert (said.rows, dict(said.funnel)) == (5, funnel)
    assert dict(said.scores) == {"aesthetic_score": 1, "waifu": 2}
    assert not scored.scores.names()
    report = carry_out(scored, plan)
    assert (dict(report.words.funnel), dict(report.words.scores)) == (funnel, dict(said.scores))
    assert dict(report.words.warnings) == {"no number in 'label'": 1}
    assert score(scored, "aesthetic_score") == {"a.png": 0.5}
    assert score(scored, "waifu") == {"a.png": 1.0, "b.png": 0.25}
    assert not scored.history()


def test_pictures_by_content_md5_and_number(scored: Collection, tmp_path: Path) -> None:
    sha = hashlib.sha256((tmp_path / "set/a.png").read_bytes()).hexdigest()
    rows = [
        {"sha256": sha.upper(), "s": 1}, {"md5": MD5, "s": 2}, {"post": 77, "s": 3}, {"sha256": "00", "s": 4},
        {"post": 78, "s": 5}, {"md5": "x", "s": 6}, [1], {"file_name": "set/b.png", "s": True},
    ]  # fmt: skip
    file = tmp_path / "s.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"sha2')
    report = carry_out(scored, plan_import(file, "scores"))
    assert dict(report.words.funnel) == {
        "kept": 3, NOT_HERE: 3, "a line that is no JSON object": 2, "a row without a number": 1,
    }  # fmt: skip
    assert score(scored, "s") == {"a.png": 1, f"{MD5}.png": 2, "77.png": 3}


def test_one_number_a_picture_is_named_by_the_file(scored: Collection, tmp_path: Path) -> None:
    file = tmp_path / "Cafe.json"
    file.write_text('{"a.png": 0.25, "b.png": {"x": 1e400, "y": -2}, "set/a.png": 3')
    report = carry_out(scored, plan_import(file, "scores", images=tmp_path / "set"))
    assert score(scored, "cafe") == {"a.png": 0.25}
    assert score(scored, "y") == {"b.png": -2}
    assert report.words.rows == 4  # the last is where the file is cut short


@pytest.mark.parametrize(("name", "text"), [("a.csv", "x,y\n1,2\n"), ("a.txt", "path,x\n"), ("a.json", "5")])
def test_what_is_no_table_of_scores(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError):
        plan_import(tmp_path / name, "scores")


def test_a_path_cut_within_a_sign_names_no_picture(scored: Collection, tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    table.write_text('{"path": "x\\ud83d.png", "aes": 6}\n{"path": "set/a.png", "aes": 5}\n')
    report = carry_out(scored, plan_import(table, "scores"))
    assert report.words.funnel[NOT_HERE] >= 1


def test_words_and_facts_stay_as_they_are(scored: Collection, tmp_path: Path) -> None:
    from curator.index.changes.edits import AddTags

    scored.apply(AddTags(("mine",)))
    (tmp_path / "s.csv").write_text("path,s\nset/a.png,1\n")
    carry_out(scored, plan_import(tmp_path / "s.csv", "scores"), replace_annotations=True)
    assert len(select(scored, "mine")) == 4
