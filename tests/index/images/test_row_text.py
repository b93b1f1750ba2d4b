"""What text of paths, names and captions SQLite finds is what Python finds in them, byte by byte."""

from __future__ import annotations

import os
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from curator.filter.evaluate import select
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from tests.images import NewImage, add_images

ROOTS = ("/Data/A b", "/data/100%_\\x", "/", "/K\u212a\udcff")
PATHS = (
    "a/1.png", "A/b%c_d.PNG", "x\\y/%.webp", "kelvin \u212a/\u00fc.png", "\udcffk/\udc80.png", "a b/data/a", "_/__.x",
    "data",
)  # fmt: skip
SMALL = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    facts = FileFacts(bytes(32), 10, 1, 30, 40, "png")
    with Collection.create(Path(tmp_path_factory.mktemp("c"))) as made:
        for root in ROOTS:
            with made.writing():
                number = made.images.root(root)
            captions = (f"Caption {at} of 100%_\\ \u212a" if at % 2 else "" for at in range(len(PATHS)))
            add_images(
                made,
                [
                    NewImage(number, path, facts, (), caption)
                    for path, caption in zip(PATHS, captions, strict=True)
                ],
            )
        yield made


def plainly(collection: Collection, field: str, text: str) -> list[int]:
    """The same from Python's own strings, ASCII letters without regard to case."""
    wanted = text.encode().translate(SMALL)
    found: list[int] = []
    for row in collection.rows(list(range(1, len(ROOTS) * len(PATHS) + 1))):
        full = row.root.rstrip("/") + "/" + row.path
        said = {"path": full, "name": row.path.rpartition("/")[2], "caption": row.caption}[field]
        if wanted in os.fsencode(said).translate(SMALL):
            found.append(row.id)
    return found


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["path", "name", "caption"]),
    st.text(st.sampled_from("aAbdkKxy1/%_\\.- \0"), min_size=1, max_size=5),
    st.booleans(),
)
@example("path", "ta/a b/a", True)
@example("path", "B/A", False)
@example("path", "//", True)
@example("name", "data", True)
def test_what_holds_a_text(collection: Collection, field: str, text: str, walked: bool) -> None:
    everyone = BitMap(range(1, len(ROOTS) * len(PATHS) + 1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("curator.index.images.row_text._FEW", 0 if walked else 1000)
        with collection.row_text() as rows:
            found = rows.holding(field, text, everyone)
            some = rows.holding(field, text, BitMap([1, 2, 9]))
    assert found.to_array().tolist() == plainly(collection, field, text)
    assert some == found & BitMap([1, 2, 9])


def test_a_very_long_text_is_in_none(collection: Collection) -> None:
    assert select(collection, f"path:{'x' * 60_000}").ids.tolist() == []
