"""Text of `.txt` files: tags or sentences, and that writing keeps what reading left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.scan.sidecars.caption_text import read_caption_text, write_caption_text


@pytest.mark.parametrize(
    "line",
    [
        "A crowd of 10,000 people, seen from above.",
        "1girl, a crowd of 10,000 people, smile",
        "She says no, no, no.",
        'She says "no, no, no."',
        "A woman, a man, and a dog.",
        "a woman in a red coat standing in the snow, holding an umbrella while looking at the camera",
        "photo of a sks dog",
        "Ist das ein Hund, oder eine Katze?",
        "Женщина в красном пальто, на улице.",
        "猫がソファの上に座っている。",
    ],
)
def test_sentences(line: str) -> None:
    said = read_caption_text(line)
    assert (said.form, said.tags, said.caption) == ("free", (), line)
    assert write_caption_text(line, (), line, free=True) == f"{line}\n"


@pytest.mark.parametrize(
    ("line", "tags", "caption"),
    [
        ("1girl, solo, A woman stands here, no, no.", ("1girl", "solo"), "A woman stands here, no, no."),
        ('artist:wlop, "Who is it?"', ("wlop",), '"Who is it?"'),
        ("1girl, a woman stands here.", ("1girl", "a woman stands here."), None),
    ],
)
def test_tags_before_sentences(line: str, tags: tuple[str, ...], caption: str | None) -> None:
    said = read_caption_text(line)
    assert (said.tags, said.caption) == (tags, caption)
    if caption:
        assert write_caption_text(line, ("x", *tags), caption, free=True) == f"x, {line}\n"


@pytest.mark.parametrize(
    ("line", "tags"),
    [
        ("a woman in a red coat, outdoors", ("a woman in a red coat", "outdoors")),
        ("Hatsune Miku, smile, K-On!", ("Hatsune Miku", "smile", "K-On!")),
        ("1girl, solo, yahari ore no seishun lovecome wa machigatteiru.", None),
        ("1girl,100,200", ("1girl", "100", "200")),
        ("d:, :d, ;), (artist:wlop:1.2)", ("d:", ":d", ";)", "(artist:wlop:1.2)")),
        ("1girl, solo ||| a woman stands in a field of flowers at dawn", None),
        ("sks dog", ("sks dog",)),
        ("no, no, yes", ("no", "yes")),
    ],
)
def test_tags(line: str, tags: tuple[str, ...] | None) -> None:
    said = read_caption_text(line)
    assert (said.form, said.caption) == ("tags", None)
    assert said.tags == (tags or tuple(line.split(", ")))


@pytest.mark.parametrize(
    ("text", "form", "further"),
    [
        ("1girl\nsolo\n", "lines", 0),
        ("\n1girl\r\n\r\nlong hair\r\n", "lines", 0),
        ("title:the very long title of an image\n1girl", "lines", 0),
        ("1girl, solo\nlong hair", "tags", 1),
        ("a woman in a red coat\na lady on a street\nstreet portrait", "free", 2),
        ("cat\nA dog runs away.", "tags", 1),
    ],
)
def test_several_lines(text: str, form: str, further: int) -> None:
    said = read_caption_text(text)
    assert (said.form, said.further) == (form, further)


@pytest.mark.parametrize(
    ("text", "tags", "classes"),
    [
        ("character:samus aran, series:metroid", ("samus aran", "metroid"), ["character", "copyright"]),
        ("creator: wlop, general:smile", ("wlop", "smile"), ["artist"]),
        ("rating:safe, species:fox, artist:", ("rating:safe", "species:fox", "artist:"), []),
        ("Character:a\nmeta:b", ("a", "b"), ["character", "meta"]),
    ],
)
def test_classes(text: str, tags: tuple[str, ...], classes: list[str]) -> None:
    said = read_caption_text(text)
    assert (said.tags, [cls for _, cls in said.classes]) == (tags, classes)


@pytest.mark.parametrize(
    ("before", "tags", "after"),
    [
        ("a, b\r\nc, d\r\ne", ("x", "a"), "x, a\r\nc, d\r\ne"),
        ("\n\na, b\n\nc, d\n", ("x",), "\n\nx\n\nc, d\n"),
        ("a, b\nc, d\n", (), None),
        ("a\nb\n", ("b", "c"), "b\nc\n"),
        ("a\nb\n", ("b", "a tag of more than four words"), "b, a tag of more than four words\n"),
        ("character:a, b", ("b", "a", "c"), "b, character:a, c\n"),
        ("", ("a",), "a\n"),
        ("a", (), "\n"),
    ],
)
def test_written(before: str, tags: tuple[str, ...], after: str | None) -> None:
    assert write_caption_text(before, tags, "", free=False) == after


_WORD = st.text("ab1,.: |\n\r\x85A", max_size=12)


@given(text=st.text("ab1,.: |\n\r\x85Ä。", max_size=40), tags=st.lists(_WORD.map(lambda word: "t" + word)))
def test_lines_left_out_stay(text: str, tags: list[str]) -> None:
    words = list(dict.fromkeys(" ".join(tag.replace(",", "").split()) for tag in tags))
    was, after = read_caption_text(text), write_caption_text(text, words, "", free=False)
    if after is not None and was.further:
        assert [line for line in after.splitlines() if line.strip()][1:] == [
            line for line in text.splitlines() if line.strip()
        ][1:]
    assert (after is None) == (bool(was.further) and not words)


@given(st.text("aB1,.!? ", max_size=60))
def test_what_is_trained_is_what_the_line_says(text: str) -> None:
    """Tags once each, with single spaces: nothing of a line is lost, be it read as tags or as sentences."""
    said = read_caption_text(text)
    trained = ", ".join(filter(None, (*said.tags, said.caption)))
    assert set(map(str.strip, trained.split(","))) | {""} == set(map(str.strip, said.line.split(","))) | {""}
    if said.form == "free":
        assert said.caption
        assert said.line.endswith(said.caption)
