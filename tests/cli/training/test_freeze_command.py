"""`frieze freeze`: the command that a warning gives opens exactly the images it counted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

Frieze = Callable[..., Any]


def test_what_a_warning_says_to_look_with_shows_its_pictures(
    pictures: Path, collection: Path, frieze: Frieze
) -> None:
    for number in range(5):  # far smaller than a bucket; two of them are rejected, one is in no subset
        Image.new("RGB", (90 + number, 90), (number * 40, 0, 0)).save(pictures / f"tiny{number}.png")
        (pictures / f"tiny{number}.txt").write_text("tiny, it's" if number < 4 else "alone")
    assert frieze("scan").code == 0
    assert frieze("mark", "reject", "name:tiny0 OR name:tiny1", "--yes").code == 0
    assert frieze("subset", "add", "it's tiny", '"it\'s" limit:100').code == 0
    assert frieze("subset", "add", "most", "-alone").code == 0
    done = frieze("freeze", "set")
    assert done.code == 0
    assert "warning: 2 images would be enlarged more than twice" in done.err
    assert "warning: subset most: 2 images already belong" in done.err
    found = re.findall(r"warning: (?:subset \S+: )?(\d+) images.*look with: frieze (.*)\)", done.err)
    assert len(found) >= 2
    for count, command in found:
        assert frieze(*shlex.split(command), "--count").json == int(count), command


def test_one_image_is_told_as_one(collection: Path, frieze: Frieze) -> None:
    assert frieze("subset", "add", "foxes", "fox").code == 0
    words = ("--resolution", 256, "--min", 64)
    assert (
        frieze("freeze", "one", *words, "--dry-run").out.splitlines()[-1].startswith("1 image, 1 sample an")
    )
    assert frieze("freeze", "one", *words).lines[0] == "1 image, 1 sample an epoch"
    assert "1 image and the digest are sound" in frieze("manifest", "verify", "one").out
