"""`frieze buckets`: sizes given in every form, and rules that contradict themselves."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Frieze = Callable[..., Any]
RULE = ("--resolution", "512", "--min", "256", "--max", "1024", "--step", "64", "--json")


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a collection around it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sizes_in_every_form_are_placed_alike(
    outside: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outside / "sizes.txt").write_bytes(b"\xef\xbb\xbf1000x1500\r\n\r\n 640X480\n512\n")
    expected = {
        "size": [[1000, 1500], [640, 480], [512, 512]],
        "bucket": [[384, 640], [576, 448], [512, 512]],
    }
    forms = (
        ("--sizes-from", "sizes.txt"),
        ("--sizes-from=sizes.txt",),
        ("--size", "1000x1500", "--size", "640x480", "--size", "512"),
        ("--size", "1000x1500", "640x480", "512"),
        ("--sizes-from", "-"),
    )
    found: list[Any] = []
    for form in forms:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1000x1500\n640x480\n512\n")))
        done = frieze("buckets", *RULE, *form)
        assert done.code == 0, done.err
        found.append(done.json)
        assert [each["size"] for each in done.json["sizes"]] == expected["size"]
        assert [each["bucket"] for each in done.json["sizes"]] == expected["bucket"]
    assert all(each == found[0] for each in found)
    assert len(found[0]["buckets"]) == 17
    assert found[0]["sizes"][0] == {
        "size": [1000, 1500],
        "bucket": [384, 640],
        "resized": [427, 640],
        "crop": [21, 0, 405, 640],
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"512x512\nwide\n", "line 2 of sizes.txt: 'wide' is no size"),
        (b"", "sizes.txt holds no sizes"),
        (b"512x512\n0x5\n", "line 2"),
        (b"\xff\xfe", "line 1"),
        (b"9" * 5000, "line 1"),
        (b"9" * 90 + b"x1", "line 1"),
    ],
)
def test_a_file_that_holds_no_sizes_is_told(outside: Path, frieze: Frieze, content: bytes, told: str) -> None:
    (outside / "sizes.txt").write_bytes(content)
    done = frieze("buckets", "--sizes-from", "sizes.txt")
    assert (done.code, done.out) == (2, "")
    assert told in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--sizes-from", "gone.txt"), "cannot be read"),
        (("--sizes-from", "."), "cannot be read"),
        (("cat", "--sizes-from", "-"), "beside a filter"),
        (("--size", "5x5", "--sizes-from", "-"), "in two ways"),
        (("--size", "5x5", "cat"), "both sizes and images"),
        (("cat", "dog"), "in quotes"),
        (("--size", f"{10**400}x1"), "is no size"),
        (("--resolution", "768x1152", "--max", "1024"), "is above the longest side"),
        (("--min", "256", "--max", "32"), "shortest side of a bucket is 256, the longest 32"),
        (("--min", "600"), "is below the shortest side"),
        (("--resolution", "1000000000", "--max", "1000000000"), "sides have at most 16384 pixels"),
        (("--max", "999999999999"), "sides have at most 16384 pixels"),
        (("--resolution", "512", "--step", "60"), "no multiple of 8"),
    ],
)
def test_what_cannot_be_is_refused(
    collection: Path, frieze: Frieze, words: tuple[str, ...], told: str
) -> None:
    before = frieze("buckets", "--json").json
    done = frieze("buckets", *words, "--set")
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert frieze("buckets", "--json").json == before


def test_what_is_doubtful_is_told_and_done(collection: Path, frieze: Frieze) -> None:
    done = frieze("buckets", "--resolution", 1024, "--json")
    assert done.code == 0
    assert "1280 or more is advised" in done.err
    frozen = frieze("freeze", "doubtful", "--resolution", 1024)
    assert frozen.code == 0
    assert "warning: above 768x768 a longest side (max) of 1280 or more is advised" in frozen.err
    assert "advised" not in frieze("freeze", "well", "--resolution", 1024, "--max", 2048).err
    refused = frieze("freeze", "never", "--resolution", "768x4096")
    assert refused.code == 2
    assert "above the longest side" in refused.err
