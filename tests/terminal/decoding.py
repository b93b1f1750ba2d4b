"""Pictures parsed back out of what a program writes for a terminal: kitty's, iTerm2's and sixel."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from curator.tui.terminal.kitty import DIACRITICS

PLACEHOLDER = "\U0010eeee"


class KittyImage(NamedTuple):
    image: Image.Image
    columns: int
    lines: int


class KittyImages:
    """What a terminal keeps: images by number; what it was asked and how it was answered."""

    def __init__(self) -> None:
        self.kept: dict[int, KittyImage] = {}
        self.sent = 0  # images that came
        self._keys: dict[str, str] = {}
        self._data = ""

    def take(self, escape: str) -> str:
        """Obey an escape, without its frame; gives the answer."""
        words, _, data = escape.partition(";")
        keys = dict(word.split("=", 1) for word in words.split(","))
        if keys.get("a") == "q":
            return f"\x1b_Gi={keys['i']};OK\x1b\\"
        if keys.get("a") == "d":
            assert keys["d"] == "I"
            self.kept.pop(int(keys["i"]), None)
            return ""
        assert len(data) <= 4096
        assert not self._keys or set(keys) <= {"m", "q"}, f"{keys} within {self._keys}"
        self._keys = self._keys or keys
        self._data += data
        if keys.get("m") != "1":
            self._keep(self._keys, b64decode(self._data))
            self._keys, self._data = {}, ""
        return ""

    def _keep(self, keys: dict[str, str], data: bytes) -> None:
        assert (keys["a"], keys["U"], keys["q"]) == ("T", "1", "2")
        if keys["f"] == "100":
            image = Image.open(BytesIO(data)).convert("RGB")
        else:
            assert (keys["f"], keys["o"]) == ("24", "z")
            image = Image.frombytes("RGB", (int(keys["s"]), int(keys["v"])), zlib.decompress(data))
        self.sent += 1
        self.kept[int(keys["i"])] = KittyImage(image, int(keys["c"]), int(keys["r"]))

    def cell(self, text: str, low: int, left: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        """Number, column and line that a cell of text and colour shows; `left` are those of the cell before it."""
        marks = [DIACRITICS.index(each) for each in text[1:]]
        if not marks:
            return (left[0], left[1] + 1, left[2]) if left and left[0] & 255 == low else None
        line, column, high = marks
        return high << 24 | low, column, line


def fitted(image: Image.Image, width: int, height: int, *, centred: bool) -> Image.Image:
    """As a terminal fits an image into cells, its shape kept."""
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    room = Image.new("RGB", (width, height))
    at = ((width - size[0]) // 2, (height - size[1]) // 2) if centred else (0, 0)
    room.paste(image.resize(size, Image.Resampling.NEAREST), at)
    return room


def iterm2_image(escape: str, cell: tuple[int, int]) -> Image.Image:
    """The image of an OSC, without its frame, in the pixels it is given."""
    words, _, data = escape.removeprefix("1337;File=").partition(":")
    keys = dict(word.split("=", 1) for word in words.split(";"))
    file = b64decode(data)
    assert (keys["inline"], keys["doNotMoveCursor"], int(keys["size"])) == ("1", "1", len(file))
    image = Image.open(BytesIO(file))
    assert image.format == "JPEG"
    size = int(keys["width"]) * cell[0], int(keys["height"]) * cell[1]
    return fitted(image.convert("RGB"), *size, centred=False)


_SIXEL = re.compile(r'"(\d+);(\d+);(\d+);(\d+)|#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])')


def sixel_image(escape: str) -> Image.Image:
    """The image of a DCS, without its frame."""
    start, _, body = escape.partition("q")
    assert start == "0;1"
    palette: dict[int, tuple[int, ...]] = {}
    pixels, x, top, colour, read = np.zeros((0, 0, 3), np.uint8), 0, 0, 0, 0
    for found in _SIXEL.finditer(body):
        assert found.start() == read, body[read : read + 20]
        read = found.end()
        if found[1]:
            pixels = np.zeros((int(found[4]), int(found[3]), 3), np.uint8)
        elif found[5]:
            colour = int(found[5])
            if found[6]:
                palette[colour] = tuple(round(int(found[at]) * 2.55) for at in (6, 7, 8))
        elif found[12]:
            x, top = 0, top + (6 if found[12] == "-" else 0)
        else:
            count, bits = int(found[9] or 1), ord(found[10] or found[11]) - 63
            for row in range(6):
                if bits >> row & 1:
                    pixels[top + row, x : x + count] = palette[colour]
            x += count
    assert read == len(body)
    return Image.fromarray(pixels)
