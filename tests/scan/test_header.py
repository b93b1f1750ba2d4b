"""Headers of real files: sizes as people see them, and a reason for each file that cannot be used (S043)."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin, features

from curator.scan.headers.header import Header, Unreadable, read_header

FORMATS = ["jpeg", "png", "webp", "bmp", "gif"] + (["avif"] if features.check("avif") else [])


def picture(size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    return Image.radial_gradient("L").resize(size).convert(mode)


def saved(path: Path, image: Image.Image, kind: str, **options: object) -> str:
    image.save(path, kind.upper(), **options)
    return str(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format(tmp_path: Path, kind: str) -> None:
    assert read_header(saved(tmp_path / "a", picture(), kind)) == Header(40, 30, kind)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_the_exif_turn_is_that_of_the_pixels(tmp_path: Path, kind: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    path = saved(tmp_path / "a", picture(), kind, exif=exif)
    with Image.open(path) as image:
        expected = ImageOps.exif_transpose(image).size
    header = read_header(path)
    assert (header.width, header.height) == expected


def test_exif_behind_the_pixels_of_a_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = io.BytesIO()
    picture().save(plain, "PNG")
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    path = tmp_path / "late.png"
    path.write_bytes(plain.getvalue()[:-12] + chunk + plain.getvalue()[-12:])
    assert read_header(str(path)) == Header(30, 40, "png")


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "RGBA", "1", "LA", "I;16"])
def test_modes(tmp_path: Path, mode: str) -> None:
    kind = "jpeg" if mode == "CMYK" else "png"
    image = Image.new("I;16", (40, 30)) if mode == "I;16" else picture(mode=mode)
    assert read_header(saved(tmp_path / "a", image, kind)) == Header(40, 30, kind)


def test_the_first_frame_of_an_animated_gif(tmp_path: Path) -> None:
    frames = [picture((16, 8)), picture((16, 8)).rotate(180)]
    path = saved(tmp_path / "a.gif", frames[0], "gif", save_all=True, append_images=frames[1:])
    assert read_header(path) == Header(16, 8, "gif")


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    assert read_header(saved(tmp_path / "really_jpeg.png", picture(), "jpeg")).format == "jpeg"


def test_bytes_behind_a_jpeg_are_no_harm(tmp_path: Path) -> None:
    path = Path(saved(tmp_path / "motion.jpg", picture(), "jpeg"))
    path.write_bytes(path.read_bytes() + b"\0video" * 30_000)
    assert read_header(str(path)) == Header(40, 30, "jpeg")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9])
def test_truncated(tmp_path: Path, kind: str, share: float) -> None:
    path = Path(saved(tmp_path / "a", picture((200, 150)), kind))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Unreadable) as caught:
        read_header(str(path))
    assert str(caught.value)


def test_decompression_bomb(tmp_path: Path) -> None:
    path = Path(saved(tmp_path / "a.png", picture(), "png"))
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 30_000, 30_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(Unreadable, match="million pixels"):
        read_header(str(path))


@pytest.mark.parametrize(
    "data", [b"<svg/>", b"%!PS-Adobe", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"BM"]
)
def test_what_is_no_image(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(Unreadable):
        read_header(str(path))


def test_a_file_that_is_gone() -> None:
    with pytest.raises(Unreadable, match="gone"):
        read_header("/nowhere/x.png")


@given(kind=st.sampled_from(["jpeg", "png", "webp", "gif", "bmp"]), data=st.data())
def test_damaged_bytes_never_crash(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    buffer = io.BytesIO()
    picture((12, 8)).save(buffer, kind.upper())
    whole = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(whole)
    with suppress(Unreadable):
        assert min(read_header(str(path)).width, read_header(str(path)).height) > 0


def with_metadata(path: Path, profile_bytes: int, text_bytes: int) -> str:
    """A sound PNG with a colour profile and a compressed text of so many bytes."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "x" * text_bytes, zip=True)
    return saved(path, picture(), "png", icc_profile=bytes(profile_bytes), pnginfo=texts)


@pytest.mark.parametrize(
    "module",
    ["curator.scan.headers.header", "curator.scan.copies.appearance", "curator.tui.drawing.pictures"],
)
def test_large_profiles_and_texts_are_no_reason_to_leave_a_picture_out(tmp_path: Path, module: str) -> None:
    """Whichever part of the program opens it first: Pillow's limits are of the process."""
    path = with_metadata(tmp_path / "a.png", 3_000_000, 3_000_000)
    look = f"import {module}; from PIL import Image; Image.open({path!r}).load()"
    subprocess.run([sys.executable, "-c", look], check=True)
    assert read_header(path) == Header(40, 30, "png")


def test_the_bound_of_profiles_is_told_in_words(tmp_path: Path) -> None:
    path = with_metadata(tmp_path / "a.png", (64 << 20) + 1, 1)
    with pytest.raises(Unreadable, match="colour profile or its texts have more than 64 MB"):
        read_header(path)
