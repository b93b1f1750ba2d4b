"""Cases that held from the start: file names with dots, appending after a newline, escaped brackets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


def test_pictures_with_dots_in_their_names_keep_their_own_sidecars(
    case: Callable[[str], Path], frieze
) -> None:
    """kohya-ss/sd-scripts#12"""
    case("46-dots-in-names")
    assert frieze("scan", "p", "--collection", ".").code == 0
    tags = {row["name"]: row["tags"] for row in frieze("ls", "--json", "--columns", "name,tags").json}
    assert len(set(map(json.dumps, tags.values()))) == len(tags) > 1


def test_a_tag_added_after_a_newline_is_parted_by_a_comma(case: Callable[[str], Path], frieze) -> None:
    """kawalain/stable-diffusion-webui-wd14-tagger#49"""
    folder = case("48-append-after-newline")
    frieze("scan", "p", "--collection", ".")
    assert frieze("tag", "add", "", "blue eyes", "--yes").code == 0
    assert frieze("tag", "write", "", "--yes").code == 0
    assert (folder / "p/a.txt").read_text() == "solo, 1girl, blue eyes\n"


def test_brackets_are_escaped_once(case: Callable[[str], Path], frieze) -> None:
    """Particle1904/DatasetHelpers#48"""
    case("49-escape-brackets")
    done = frieze(
        "captions", "--text", r"zoro (one piece), saber \(fate\), smile", "--rule", "escape_parentheses=true"
    )
    assert r"zoro \(one piece\), saber \(fate\), smile" in done.out
