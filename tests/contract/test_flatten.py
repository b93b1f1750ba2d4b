"""The one rule of how pixels become RGB (S043): upright, on white, 8 bits a channel."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curator.contract.flatten import flattened, opacity, upright
from tests.flat_pictures import KINDS, saved, scene


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_looks_the_same(tmp_path: Path, kind: str) -> None:
    with Image.open(saved(tmp_path, kind)) as opened:
        flat = flattened(opened)
    assert flat.mode == "RGB"
    wanted = np.asarray(scene().convert("RGB")).astype(int)
    assert np.abs(np.asarray(flat).astype(int) - wanted).max() <= 1
    assert flattened(flat).tobytes() == flat.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_turn_is_that_of_pillow(orientation: int) -> None:
    from PIL import ImageOps

    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    scene().save(buffer, "PNG", exif=exif)
    with Image.open(buffer) as opened:
        turned = upright(opened)
        assert turned.tobytes() == ImageOps.exif_transpose(opened).tobytes()
        assert upright(turned) is turned


@pytest.mark.parametrize(
    "kind", ["RGBA.png", "LA.png", "L-key.png", "RGB-key.png", "I16-key.png", "P-clear.png"]
)
def test_what_is_seen_of_a_picture(tmp_path: Path, kind: str) -> None:
    wanted = scene().point([0 if value == 255 else 255 for value in range(256)])
    with Image.open(saved(tmp_path, kind)) as opened:
        assert opacity(opened).tobytes() == wanted.tobytes()


def test_a_half_clear_pixel_is_mixed_with_white() -> None:
    assert flattened(Image.new("RGBA", (1, 1), (0, 0, 0, 128))).getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize(
    ("deep", "grey"), [(0, 0), (128, 128), (32896, 128), (65535, 255), (-5, 0), (70000, 255)]
)
def test_deep_grey_is_scaled(deep: int, grey: int) -> None:
    """Values that all fit 8 bits are 8 bits."""
    assert flattened(Image.new("I", (1, 1), deep)).getpixel((0, 0)) == (grey, grey, grey)


def test_the_clear_colour_of_16_bits_is_found_among_8() -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    key, other = (0x1234, 0x5678, 0x9ABC), (0x1111, 0x2222, 0x3333)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    png += chunk(b"tRNS", struct.pack(">3H", *key))
    png += chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">6H", *key, *other))) + chunk(b"IEND", b"")
    flat = flattened(Image.open(io.BytesIO(png)))
    assert [flat.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0x11, 0x22, 0x33)]
