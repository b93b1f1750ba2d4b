"""Bucket limits that contradict (K11), and messages that deny or mislead (K20)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Case = Callable[[str], Path]
Frieze = Callable[..., Any]


@pytest.mark.parametrize(
    "command",
    [
        ("buckets", "--resolution", "768x1152", "--max", "1024", "--size", "1000x1500"),
        ("import", "s.toml", "--plan"),
        ("import", "s.toml"),
    ],
)
def test_a_resolution_above_the_longest_side_is_refused(
    case: Case, frieze: Frieze, command: tuple[str, ...]
) -> None:
    """bmaltais/kohya_ss#581"""
    folder = case("23-max-below-resolution")
    done = frieze(*command)
    assert (done.code, done.out) == (2, "")
    assert "768x1152 is above the longest side of a bucket, 1024" in done.err
    assert not (folder / "frieze.db").exists()


def test_limits_count_only_beside_buckets(case: Case, frieze: Frieze) -> None:
    """As in kohya, where a data set without buckets has one size."""
    folder = case("23-max-below-resolution")
    text = (folder / "s.toml").read_text()
    (folder / "s.toml").write_text(text.replace("enable_bucket = true", "enable_bucket = false"))
    done = frieze("import", "s.toml", "--plan")
    assert done.code == 0
    assert "has no buckets in kohya" in done.out


def test_what_is_doubtful_is_noted_by_the_plan(case: Case, frieze: Frieze) -> None:
    folder = case("23-max-below-resolution")
    text = (folder / "s.toml").read_text()
    (folder / "s.toml").write_text(text.replace("[768, 1152]", "1024\nmin_bucket_reso = 250"))
    done = frieze("import", "s.toml", "--plan")
    assert done.code == 0
    assert "note: datasets[0]: step 64 does not divide the shortest side 250: sides begin at 192" in done.out
    assert "note: datasets[0]: above 768x768 a longest side (max) of 1280 or more is advised" in done.out


def test_a_tag_with_a_colon_is_not_denied(case: Case, frieze: Frieze) -> None:
    """Bionus/imgbrd-grabber#573, mikf/gallery-dl#8623"""
    case("41-namespaces")
    frieze("scan", "p", "--collection", ".")
    assert frieze("ls", "character:samus_aran", "--columns", "name").out == "a.png\n"
    assert frieze("tag", "add", "", "gallery:blue room", "--yes").code == 0
    done = frieze("ls", "gallery:blue_room", "--columns", "name")
    assert (done.code, '"gallery:blue_room"' in done.err) == (2, True)
    assert "no image has the tag" not in done.err
    assert frieze("ls", "tag:gallery:blue_room", "--columns", "name").out == "a.png\n"


@pytest.mark.parametrize("tag", [":3", ">:(", '"d:"', '";)"', "tag:d:", 'tag:";)"'])
def test_faces_are_found(case: Case, frieze: Frieze, tag: str) -> None:
    """Danbooru's emoticon tags."""
    case("44-emoticon-filter")
    frieze("scan", "p", "--collection", ".")
    assert frieze("ls", "--columns", "name", tag).out == "a.png\n"


@pytest.mark.parametrize(("typed", "way"), [("d:", '"d:"'), (";)", '";)"')])
def test_a_face_that_looks_like_grammar_is_shown_the_way(
    case: Case, frieze: Frieze, typed: str, way: str
) -> None:
    case("44-emoticon-filter")
    frieze("scan", "p", "--collection", ".")
    done = frieze("ls", typed)
    assert done.code == 2
    assert f"{way}, in a shell '{way}'" in done.err
    assert "did you mean" not in done.err
