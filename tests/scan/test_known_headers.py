"""Headers read without a decoder are those that Pillow gives, or left to it: for every kind, whole, cut and damaged."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from curator.scan.headers.header import Unreadable, header_of
from curator.scan.headers.known_headers import known_header

KINDS = {
    "PNG": ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"],
    "JPEG": ["L", "RGB", "CMYK"],
    "WEBP": ["RGB", "RGBA"],
    "GIF": ["L", "P", "1"],
    "BMP": ["RGB", "L", "P", "1"],
}
KNOWN = [(kind, mode) for kind, modes in KINDS.items() for mode in modes if kind != "BMP" or mode == "RGB"]


def picture(mode: str, size: tuple[int, int]) -> Image.Image:
    if mode == "I;16":
        return Image.new(mode, size)
    made = Image.radial_gradient("L").resize(size).convert(mode)
    if mode == "RGBA":
        made.putalpha(Image.radial_gradient("L").resize(size))
    return made


def saved(kind: str, mode: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> tuple[int, int, str] | None:
    try:
        header = header_of(io.BytesIO(data))
    except Unreadable:
        return None
    return header.width, header.height, header.format


@st.composite
def exif(draw: st.DrawFn) -> Image.Exif:
    tags = Image.Exif()
    for tag, values in (
        (0x0112, st.integers(0, 9)),
        (0x010F, st.text("ab", min_size=1)),
        (0x011A, st.just(72.0)),
    ):
        if draw(st.booleans()):
            tags[tag] = draw(values)
    return tags


@st.composite
def files(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(sorted(KINDS)))
    mode = draw(st.sampled_from(KINDS[kind]))
    options: dict[str, Any] = {}
    if kind in ("PNG", "JPEG", "WEBP") and draw(st.booleans()):
        options["exif"] = draw(exif())
    if kind in ("PNG", "JPEG", "WEBP") and draw(st.booleans()):
        options["icc_profile"] = draw(st.binary(min_size=1, max_size=300))
    if kind in ("JPEG", "WEBP") and draw(st.booleans()):
        options["xmp"] = draw(st.sampled_from([b"<x/>", b'<x tiff:Orientation="8"/>']))
    if kind == "PNG" and draw(st.booleans()):
        options["pnginfo"] = info = PngInfo()
        info.add_text("parameters", "1girl, solo", zip=draw(st.booleans()))
        if draw(st.booleans()):
            info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    options |= {"lossless": draw(st.booleans())} if kind == "WEBP" else {}
    options |= {"progressive": draw(st.booleans())} if kind == "JPEG" else {}
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    return saved(kind, mode, size, **options)


@given(data=files(), draw=st.data())
@settings(max_examples=400)
def test_what_is_known_is_what_pillow_says(data: bytes, draw: st.DataObject) -> None:
    """S043. Bytes changed anywhere, most near the front, or cut off."""
    whole = bytearray(data)
    for _ in range(draw.draw(st.integers(0, 4))):
        end = draw.draw(st.sampled_from([min(len(whole), 120), len(whole)])) - 1
        whole[draw.draw(st.integers(0, end))] = draw.draw(st.sampled_from([0, 1, 2, 128, 255]))
    left = draw.draw(st.sampled_from([len(whole), len(whole), draw.draw(st.integers(0, len(whole)))]))
    known = known_header(bytes(whole[:left]))
    assert known is None or known == by_pillow(bytes(whole[:left]))


@pytest.mark.parametrize(("kind", "mode"), KNOWN)
def test_usual_pictures_are_known(kind: str, mode: str) -> None:
    """Else the reader would be right and useless."""
    assert known_header(saved(kind, mode)) == (40, 30, kind.lower())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_turns_are_known(kind: str, turn: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = turn
    data = saved(kind, "RGB", exif=tags, icc_profile=b"profile")
    assert known_header(data) == ((30, 40) if turn > 4 else (40, 30)) + (kind.lower(),)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_turns_told_elsewhere_are_left_to_pillow(kind: str) -> None:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    more: dict[str, Any] = {"pnginfo": info} if kind == "PNG" else {"xmp": b'<x tiff:Orientation="6"/>'}
    data = saved(kind, "RGB", **more)
    assert known_header(data) is None
    assert by_pillow(data) == (30, 40, kind.lower())


@pytest.mark.parametrize(("kind", "mode"), KNOWN)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.9])
def test_cut_files_are_not_known(kind: str, mode: str, share: float) -> None:
    data = saved(kind, mode)
    assert known_header(data[: int(len(data) * share)]) is None


def test_files_of_another_kind() -> None:
    for data in (
        b"",
        b"\x89P",
        b"GIF89a",
        b"BM",
        b"RIFF\0\0\0\0WEBP",
        b"\xff\xd8\xff",
        b"<svg/>",
        b"\0" * 100,
    ):
        assert known_header(data) is None
