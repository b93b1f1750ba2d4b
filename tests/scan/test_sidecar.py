"""What sidecar files say (S024): marks, line ends, encodings, brackets, JSON of several tools."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.scan.sidecars.sidecar import Sidecar, merged_annotations, read_sidecar


@pytest.fixture
def read():  # type: ignore[no-untyped-def]
    def reader(suffix: str, data: bytes | str) -> Sidecar:
        raw = data if isinstance(data, bytes) else data.encode()
        return Sidecar._make(read_sidecar(suffix, raw, len(raw), 0))

    return reader


@pytest.mark.parametrize(
    ("data", "tags", "warned"),
    [
        (b"1girl, solo", ("1girl", "solo"), False),
        (b"\xef\xbb\xbf1girl,solo\r\n", ("1girl", "solo"), False),
        ("1girl, é".encode("utf-16"), ("1girl", "é"), False),
        (b"\n\n  a ,, b ,a\n", ("a", "b"), False),
        (b"a, b\nc, d\n", ("a", "b"), True),
        (b"caf\xe9, x", ("café", "x"), True),
        (b"poster (object), (a:1.2), [b]", ("poster (object)", "(a:1.2)", "[b]"), False),
        (b"saber_(fate), {c|d}", ("saber_(fate)", "{c|d}"), False),
        (b"long   hair,\tsmile", ("long hair", "smile"), False),
        (b"", None, False),
        (b" \r\n ", None, False),
        (b"a\0b", ("a\ufffdb",), False),
    ],
)  # fmt: skip
def test_txt(read, data: bytes, tags: tuple[str, ...] | None, warned: bool) -> None:  # type: ignore[no-untyped-def]
    sidecar = read(".txt", data)
    assert sidecar.tags == tags
    assert bool(sidecar.warnings) == warned


def test_caption_lines_are_joined(read) -> None:  # type: ignore[no-untyped-def]
    sidecar = read(".caption", b"\xef\xbb\xbfA cat,\r\n  on a mat.\r\n")
    assert (sidecar.tags, sidecar.caption) == (None, "A cat, on a mat.")


@pytest.mark.parametrize(
    ("value", "tags", "caption"),
    [
        ({"tags": ["a", "b c", "a"]}, ("a", "b c"), None),
        ({"tags": "a, b c"}, ("a", "b c"), None),
        ({"tag_string": "long_hair 1girl"}, ("long hair", "1girl"), None),
        ({"tags": {"a": 0.9, "b": 0.4}, "caption": "x"}, ("a", "b"), "x"),
        ({"tags": [1, None, "x,y"], "caption": 7}, ("x", "y"), None),
        ({"tag_string_artist": "foo", "tag_string_general": "smile"}, ("foo", "smile"), None),
        ({"rating": "s"}, ("sensitive",), None),
        ({"tags": ["bad\ud800"]}, ("bad\ufffd",), None),
        ({}, None, None),
        ([], None, None),
        ("text", None, None),
    ],
)
def test_json(read, value: object, tags: tuple[str, ...] | None, caption: str | None) -> None:  # type: ignore[no-untyped-def]
    sidecar = read(".json", json.dumps(value))
    assert (sidecar.tags, sidecar.caption) == (tags, caption)


def test_json_classes(read) -> None:  # type: ignore[no-untyped-def]
    sidecar = read(".json", json.dumps({"tags_artist": ["foo"], "tags_general": ["smile"], "rating": "e"}))
    assert dict(sidecar.classes) == {"foo": "artist", "explicit": "rating"}


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"nonsense", b"\xff\xfe"])
def test_broken_json_is_a_warning(read, data: bytes) -> None:  # type: ignore[no-untyped-def]
    sidecar = read(".json", data)
    assert (sidecar.tags, sidecar.caption) == (None, None)


def test_txt_and_caption_come_before_json(read) -> None:  # type: ignore[no-untyped-def]
    data = read(".json", json.dumps({"tags_artist": ["foo"], "caption": "json"}))
    words = merged_annotations([data, read(".txt", "foo, b"), read(".caption", "free")])
    assert (words.tags, words.caption, words.classes) == (("foo", "b"), "free", (("foo", "artist"),))


@given(data=st.binary(max_size=60), suffix=st.sampled_from([".txt", ".caption", ".json"]))
def test_any_bytes_are_read(data: bytes, suffix: str) -> None:
    sidecar = Sidecar._make(read_sidecar(suffix, data, len(data), 0))
    for tag in sidecar.tags or ():
        assert tag == tag.strip()
        assert tag
        assert not set(tag) & set(",\n\r\0")
