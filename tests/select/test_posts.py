"""Picks of a dump's posts, before there is any image (S001, S002, S004, S005, S009)."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from curator.cli.main import dispatch
from curator.cli.shared.boundary import exit_code_of


def frieze(capfd: Any, *words: object) -> tuple[int, str, str]:
    capfd.readouterr()
    code = exit_code_of(lambda: dispatch([str(word) for word in words]))
    return (code, *capfd.readouterr())


def write(path: Path, count: int = 7500, seed: int | None = None) -> Path:
    """Posts 0 is none; some are deleted, some are films, some are not public."""
    rows = [
        {"id": i, "rating": "gsqe"[i % 4], "score": i % 97, "fav_count": i % 53, "created_at": f"{2010 + i % 14}-06-01",
         "is_deleted": i % 50 == 7, "file_ext": "mp4" if i % 50 == 8 else "png",
         "md5": None if i % 50 == 9 else f"{i:032x}", "tag_string_artist": f"artist_{i % 9}"}
        for i in range(1, count + 1)
    ]  # fmt: skip
    if seed is not None:
        random.Random(seed).shuffle(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


KOHAKU = ("--range", "0..2999:1000", "--range", "3000..4999:1000", "--range", "5000..:all", "--seed", 42)


def test_kohakus_choice_at_a_thousandth(tmp_path: Path, capfd: Any) -> None:
    """S001, S002: exact counts, one first reason each, the same posts in any order of rows."""
    one, other = write(tmp_path / "a.jsonl"), write(tmp_path / "b.jsonl", seed=5)
    code, out, _ = frieze(capfd, "pick", "--dump", one, *KOHAKU, "--json")
    assert code == 0
    said = json.loads(out)
    assert [sum(low <= n <= high for n in said["posts"]) for low, high in ((0, 2999), (3000, 4999))] == [
        1000,
        1000,
    ]
    assert len(set(said["posts"])) == said["images"]
    funnel = {each["reason"]: each["images"] for each in said["funnel"]}
    assert funnel.pop("in the dump") == 7500 == sum(funnel.values())
    assert (funnel["deleted"], funnel["no image (mp4)"], funnel["its file is not public"]) == (
        150,
        150,
        150,
    )
    assert funnel["kept"] == 1000 + 1000 + 2501 - 150
    drawn = json.loads(frieze(capfd, "pick", "--dump", one, *KOHAKU, "--draw-all", "--json")[1])
    left = {each["reason"]: each["images"] for each in drawn["funnel"]}
    assert left.pop("in the dump") == 7500 == sum(left.values())
    assert left["not drawn from 0..2999"] == 2999 - 1000
    assert left["not drawn from 3000..4999"] == 2000 - 1000
    gone = left["deleted"] + left["no image (mp4)"] + left["its file is not public"]
    assert left["kept"] == 1000 + 1000 + 2501 - gone
    again = json.loads(frieze(capfd, "pick", "--dump", other, *KOHAKU, "--json")[1])
    assert (again["posts"], again["digest"]) == (said["posts"], said["digest"])
    third = json.loads(frieze(capfd, "pick", "--dump", one, *KOHAKU[:-1], 43, "--json")[1])
    assert third["digest"] != said["digest"]


def test_recent_and_balanced(tmp_path: Path, capfd: Any) -> None:
    """S004"""
    words = ("--since", "2020-06-01", "--by", "score", "--top", 200, "--split", "rating:general", "--ids")
    _, out, _ = frieze(capfd, "pick", "--dump", write(tmp_path / "a.jsonl"), *words)
    numbers = [int(line) for line in out.split()]
    assert len(numbers) == 200
    assert sum(number % 4 == 0 for number in numbers) == 100
    assert all(2010 + number % 14 >= 2020 for number in numbers)


def test_filters_lists_and_what_a_dump_does_not_know(tmp_path: Path, capfd: Any) -> None:
    """S005"""
    dump = write(tmp_path / "a.jsonl", 400)
    _, out, _ = frieze(
        capfd, "pick", "(score>90 OR fav<2) -rating:explicit post:1..300", "--dump", dump, "--ids"
    )
    expected = [
        i for i in range(1, 301)
        if (i % 97 > 90 or i % 53 < 2) and i % 4 != 3 and i % 50 not in (7, 8, 9)
    ]  # fmt: skip
    assert [int(line) for line in out.split()] == expected
    (tmp_path / "list.txt").write_text("artist 3\n")
    _, out, _ = frieze(capfd, "pick", "--dump", dump, "--list", tmp_path / "list.txt", "--ids")
    assert {int(line) % 9 for line in out.split()} == {3}
    for words in (("1girl",), ("--cap", 3), ("sort:-fav",), ("--save", "x"), ("--mark", "keep")):
        assert frieze(capfd, "pick", *words, "--dump", dump)[0] == 2
    assert frieze(capfd, "pick", "--dump", tmp_path / "gone.jsonl")[0] == 2


@pytest.mark.parametrize("text", ["", "{broken\n", "[1]\n"])
def test_a_dump_with_nothing_in_it(tmp_path: Path, capfd: Any, text: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    code, out, _ = frieze(capfd, "pick", "--dump", tmp_path / "a.jsonl", "--top", 5, "--json")
    assert (code, json.loads(out)["posts"]) == (0, [])


def test_what_was_picked_of_a_dump_is_found_among_the_images(
    tmp_path: Path, capfd: Any, monkeypatch: Any
) -> None:
    """S001: numbers on stdout alone, the funnel beside them; images whose post is not known are none of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    for name in ("1", "2", "3", "named"):
        Image.new("RGB", (64, 64), (10 * len(name), ord(name[0]), 9)).save(tmp_path / f"pictures/{name}.png")
    write(tmp_path / "posts.jsonl", 6)
    assert frieze(capfd, "scan", "pictures", "--collection", ".")[0] == 0
    assert frieze(capfd, "import", "posts.jsonl", "--layout", "booru", "--yes")[0] == 0
    code, out, err = frieze(capfd, "pick", "--dump", "posts.jsonl", "--range", "2..:all", "--ids")
    assert (code, out.split()) == (0, ["2", "3", "4", "5", "6"])
    assert "1 in no range" in err
    (tmp_path / "chosen.txt").write_text(out)
    code, out, _ = frieze(capfd, "pick", "--posts", "chosen.txt", "--save", "chosen", "--json")
    told = json.loads(out)
    assert (code, told["posts"]) == (0, [2, 3])
    assert {each["reason"]: each["images"] for each in told["funnel"]}["not in the list of posts"] == 2
    assert told["notes"] == ["3 posts of the list are not here"]


@pytest.mark.parametrize(
    ("text", "what"), [("", "holds no number"), ("1\ntwo\n", "more than numbers"), (None, "cannot be read")]
)
def test_what_is_no_list_of_posts_is_a_sentence(
    tmp_path: Path, capfd: Any, text: str | None, what: str
) -> None:
    if text is not None:
        (tmp_path / "list.txt").write_text(text)
    code, _, err = frieze(
        capfd, "pick", "--posts", tmp_path / "list.txt", "--dump", write(tmp_path / "d.jsonl", 3)
    )
    assert code == 2
    assert what in err


def test_drawing_from_all_posts_needs_a_dump_and_a_range(tmp_path: Path, capfd: Any) -> None:
    code, _, err = frieze(capfd, "pick", "--draw-all", "--dump", write(tmp_path / "d.jsonl", 3))
    assert (code, "--range" in err) == (2, True)
    code, _, err = frieze(capfd, "pick", "--draw-all", "--range", "1..2:1")
    assert (code, "--dump" in err) == (2, True)
