"""What an image looks like does not depend on the kind of its file (B16)."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.scan.copies.appearance import fingerprint
from curator.scan.headers.header import read_header
from tests.flat_pictures import KINDS, SIZE, saved


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if not kind.endswith(".tiff")]
)  # which is not indexed
def test_a_scan_measures_what_is_trained(tmp_path: Path, kind: str) -> None:
    header = read_header(str(saved(tmp_path, kind)))
    assert (header.width, header.height) == SIZE


@pytest.mark.parametrize("kind", KINDS)
def test_one_scene_has_one_number(tmp_path: Path, kind: str) -> None:
    plain, reason, is_known = fingerprint(str(saved(tmp_path, "RGB.png")))
    assert (reason, is_known) == ("", True)
    number, reason, _ = fingerprint(str(saved(tmp_path, kind)))
    assert reason == ""
    assert (plain ^ number).bit_count() <= 1
