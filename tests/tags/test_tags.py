"""Typed tags (S015), completion (B15), bulk edits with a count, sidecars written back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curator.contract.errors import UserError
from curator.index.collection import Collection
from curator.index.tags.tag_names import FACES, check_name, folded
from curator.scan.scan import scan
from curator.tags.classes import CLASSES
from curator.tags.text import clean_tag, clean_tags


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("long_hair", "long hair"),
        ("  long   hair ", "long hair"),
        ("saber_(fate)", "saber (fate)"),
        (":_3", ":_3"),
        ("a_b", "a_b"),
        (";_;", ";_;"),
        ("poster (object)", "poster (object)"),
        ("_x__y_", "x y"),
        ("(O)_(o)", "(O)_(o)"),
        ("cafe\u0301_au_lait", "caf\u00e9 au lait"),
        ("tab\tbed", "tab bed"),
    ],
)
def test_typed_tags(typed: str, tag: str) -> None:
    assert clean_tag(typed) == tag


KNOWN_FACES = [
    "0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3", "6_9", ">_o", "@_@", "^_^",
    "o_o", "u_u", "x_x", "|_|", "||_||",
]  # fmt: skip


@pytest.mark.parametrize("face", KNOWN_FACES)
def test_faces_keep_their_underscores(face: str) -> None:
    assert clean_tag(face) == face
    assert face in FACES


def test_no_other_tag_is_a_face() -> None:
    assert len(FACES) == len(set(KNOWN_FACES)) == 19


@pytest.mark.parametrize(
    "typed", ["", "  ", "____", "a,b", "a\nb", "a\x1b[m", "x" * 501, "\udcff", "a\u2028b"]
)
def test_refused(typed: str) -> None:
    with pytest.raises(UserError):
        clean_tag(typed)


@given(st.text(max_size=30))
def test_what_is_accepted_is_a_tag_and_stays_as_it_is(typed: str) -> None:
    try:
        tag = clean_tag(typed)
    except UserError:
        return
    check_name(tag)
    assert clean_tag(tag) == tag
    assert folded(tag) == folded(typed)


def test_several_typed() -> None:
    assert clean_tags("a, b_c_d ,, a, B C d") == ("a", "b c d")


def test_each_class_once() -> None:
    assert len(set(CLASSES)) == len(CLASSES)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path)
    for k, tags in enumerate(["1girl, long_hair", "1girl, Long hair, solo", None]):
        Image.new("RGB", (8, 8), (k, 0, 0)).save(tmp_path / f"{k}.png")
        if tags is not None:
            (tmp_path / f"{k}.txt").write_text(tags)
    scan(made, tmp_path)
    return made
