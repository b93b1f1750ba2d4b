from __future__ import annotations

import json
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from tag_models.labels import Labels, read_labels

CASE = Path(__file__).with_name("cases") / "23-tag-csv"


def labels_of(tmp_path: Path, name: str, text: str | bytes) -> Labels:
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_labels(file)


def test_a_csv_with_bom_crlf_quotes_and_commas() -> None:
    labels = read_labels(CASE / "in" / "selected_tags.csv")
    expected = json.loads((CASE / "expected.json").read_text())
    assert list(labels.classes) == expected["category"]
    assert len(labels.names) == expected["rows"]
    assert labels.names[5] == "a,_b"
    assert labels.names[6] == 'say_"hi"'
    assert labels.of_class("rating") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "text", "names", "classes"),
    [
        ("a.csv", "category,tag\n4,b\n0,a\n", ("b", "a"), ("character", "general")),
        ("a.csv", "name\nx\ny\n", ("x", "y"), ("general", "general")),
        ("a.csv", "NAME,Category\nx,rating\ny,copyright\n", ("x", "y"), ("rating", "copyright")),
        (
            "a.csv",
            "name,category\na,1\nb,3\nc,5\nd,9\n",
            ("a", "b", "c", "d"),
            ("artist", "copyright", "meta", "rating"),
        ),
        ("tags.txt", "a b\n\nrating:safe\n", ("a b", "rating:safe"), ("general", "rating")),
        ("a.json", '["x", "y"]', ("x", "y"), ("general", "general")),
        ("a.json", '{"1": "y", "0": "x"}', ("x", "y"), ("general", "general")),
        ("a.json", '{"y": 1, "x": 0}', ("x", "y"), ("general", "general")),
        ("a.json", '{"labels": ["x"], "size": 3}', ("x",), ("general",)),
        ("a.json", '[{"name": "x", "category": 4}]', ("x",), ("character",)),
    ],
)
def test_every_form_of_label_file(
    tmp_path: Path, name: str, text: str, names: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    labels = labels_of(tmp_path, name, text)
    assert labels.names == names
    assert labels.classes == classes


def test_unknown_categories_are_told(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, "a.csv", "name,category\na,0\nb,77\nc,77\nd,mood\n")
    assert labels.classes == ("general",) * 4
    assert labels.unknown == ("77", "mood")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "tag_id,count\n1,2\n"),
        ("a.csv", ""),
        ("a.txt", "\n\n"),
        ("a.json", "{"),
        ("a.json", '{"0": "a", "2": "b"}'),
        ("a.json", '{"a": "b"}'),
        ("a.json", "[1, 2]"),
        ("a.json", "[" * 100_000),
        ("a.csv", b"name\n\xff\xfe\n"),
        ("a.csv", 'name\n"unended'),
    ],
)
def test_what_is_no_label_file_is_a_sentence(tmp_path: Path, name: str, text: str | bytes) -> None:
    if text == 'name\n"unended':
        assert labels_of(tmp_path, name, text).names == ("unended",)
        return
    with pytest.raises(UserError):
        labels_of(tmp_path, name, text)
