"""A terminal's screen, so far as the app uses it: cells, pictures over and in them, answers to questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image, ImageDraw
from rich.cells import cell_len

from tests.terminal.decoding import PLACEHOLDER, KittyImages, fitted, iterm2_image, sixel_image

_TOKEN = re.compile(
    r"\x1b_(?P<apc>[^\x1b]*)\x1b\\"
    r"|\x1bP(?P<dcs>(?:[^\x1b]|\x1b[^\\])*)\x1b\\"
    r"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b\[(?P<csi>[0-9;:?<=>]*[ !\"$']?[@-~])"
    r"|\x1b(?P<esc>[()][A-Z0-9]|[^_P\]\[()])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f])"
    r"|(?P<text>[^\x00-\x1f]+)"
)
Colour = tuple[int, ...]  # red, green, blue, or one of the 256


class Cell(NamedTuple):
    text: str = " "
    front: Colour = (200, 200, 200)
    back: Colour = (0, 0, 0)


class Brand(NamedTuple):
    """How a terminal answers: its name, its DA1 attributes, and whether it has kitty's graphics."""

    version: str = ""
    attributes: str = "62;22"
    has_kitty: bool = False
    is_mute: bool = False
    ground: str = ""  # as it tells its colour


KITTY = Brand("kitty(0.40.0)", "62;", has_kitty=True)
ITERM2 = Brand("iTerm2 3.5.10", "62;4")
FOOT = Brand("foot(1.16.2)", "62;4;22")
OTHER = Brand()


class Screen:
    """Cells of so many pixels; what is written comes in through `feed`, which gives what the terminal answers."""

    def __init__(self, columns: int, lines: int, brand: Brand, cell: tuple[int, int] = (10, 20)) -> None:
        self.brand, self.cell = brand, cell
        self.images = KittyImages()
        self.is_alternate = False
        self.stray: list[str] = []  # escapes nobody should send
        self._rest = ""
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self._clear()
        self._x = self._y = 0
        self._saved = (0, 0)
        self._front, self._back = Cell().front, Cell().back

    def _clear(self) -> None:
        self.cells = [[Cell()] * self.columns for _ in range(self.lines)]
        self._pixels: dict[tuple[int, int], Image.Image] = {}  # painted over a cell

    @property
    def text(self) -> str:
        return "\n".join("".join(cell.text for cell in row).rstrip() for row in self.cells)

    def feed(self, data: str) -> str:
        data = self._rest + data
        answers, read = "", 0
        while found := _TOKEN.match(data, read):
            read = found.end()
            answers += self._take(found)
        self._rest = data[read:]
        return answers

    def _take(self, found: re.Match[str]) -> str:
        if found["text"]:
            self._print(found["text"])
        elif found["control"]:
            self._control(found["control"])
        elif found["csi"]:
            return self._csi(found["csi"])
        elif found["apc"] is not None and found["apc"].startswith("G"):
            answer = self.images.take(found["apc"][1:])
            return answer if self.brand.has_kitty and not self.brand.is_mute else ""
        elif found["osc"] == "11;?" and self.brand.ground:
            return f"\x1b]11;{self.brand.ground}\x07"
        elif found["osc"] is not None and found["osc"].startswith("1337"):
            self._paint(iterm2_image(found["osc"], self.cell))
        elif found["dcs"] is not None and re.match(r"[\d;]*q", found["dcs"]):
            self._paint(sixel_image(found["dcs"]))
        elif found["esc"]:
            self._esc(found["esc"])
        return ""

    def _print(self, text: str) -> None:
        for letter in text:
            wide = cell_len(letter)
            if wide == 0:
                self._join(letter)
                continue
            if self._x < self.columns and self._y < self.lines:
                self._put(self._x, Cell(letter, self._front, self._back))
                if wide == 2 and self._x + 1 < self.columns:
                    self._put(self._x + 1, Cell("", self._front, self._back))
            self._x += wide

    def _put(self, x: int, cell: Cell) -> None:
        self.cells[self._y][x] = cell
        self._pixels.pop((x, self._y), None)  # text erases what was painted there

    def _join(self, mark: str) -> None:
        if 0 < self._x <= self.columns and self._y < self.lines:
            row = self.cells[self._y]
            row[self._x - 1] = row[self._x - 1]._replace(text=row[self._x - 1].text + mark)

    def _control(self, letter: str) -> None:
        if letter == "\r":
            self._x = 0
        elif letter == "\n":
            self._y = min(self._y + 1, self.lines - 1)
        elif letter == "\b":
            self._x = max(0, self._x - 1)

    def _esc(self, letter: str) -> None:
        if letter == "7":
            self._saved = (self._x, self._y)
        elif letter == "8":
            self._x, self._y = self._saved

    def _csi(self, code: str) -> str:
        if code in ("c", ">q", "16t"):
            return self._answer(code)
        numbers = [int(each) for each in re.findall(r"\d+", code)] or [0]
        if code[-1] == "H":
            self._y, self._x = (max(1, each) - 1 for each in ([*numbers, 1])[:2])
        elif code[-1] == "m":
            self._colours(code[:-1])
        elif code[-1] in "ABCDGd":
            self._move(code[-1], max(1, numbers[0]))
        elif code[-1] in "XK":
            self._erase(self._x, max(1, numbers[0]) if code[-1] == "X" else self.columns)
        elif code in ("?1049h", "?1049l"):
            self.is_alternate = code[-1] == "h"
            self._clear()
        elif code == "2J":
            self._clear()
        return ""

    def _answer(self, question: str) -> str:
        if self.brand.is_mute:
            return ""
        if question == "c":
            return f"\x1b[?{self.brand.attributes}c"
        if question == "16t":
            return f"\x1b[6;{self.cell[1]};{self.cell[0]}t"
        return f"\x1bP>|{self.brand.version}\x1b\\" if self.brand.version else ""

    def _move(self, way: str, count: int) -> None:
        if way in "ABd":
            self._y = count - 1 if way == "d" else self._y + (count if way == "B" else -count)
        else:
            self._x = count - 1 if way == "G" else self._x + (count if way == "C" else -count)

    def _erase(self, x: int, count: int) -> None:
        for at in range(x, min(x + count, self.columns)):
            self._put(at, Cell(back=self._back))

    def _colours(self, code: str) -> None:
        words = [int(each or 0) for each in code.split(";")]
        while words:
            word = words.pop(0)
            if word == 0:
                self._front, self._back = Cell().front, Cell().back
            elif word in (38, 48):
                colour: Colour
                if words.pop(0) == 5:
                    colour = (words.pop(0),)
                else:
                    colour, words = tuple(words[:3]), words[3:]
                self._front, self._back = (colour, self._back) if word == 38 else (self._front, colour)

    def _paint(self, image: Image.Image) -> None:
        wide, high = self.cell
        for y in range(0, image.height, high):
            for x in range(0, image.width, wide):
                piece = Image.new("RGB", self.cell)
                piece.paste(image.crop((x, y, min(x + wide, image.width), min(y + high, image.height))))
                self._pixels[self._x + x // wide, self._y + y // high] = piece

    # what is seen

    def pictures(self) -> dict[tuple[int, int], Image.Image]:
        """The pixels of each cell, by column and line, that shows a piece of a picture."""
        return dict(self._shown())

    def _shown(self) -> Iterator[tuple[tuple[int, int], Image.Image]]:
        wide, high = self.cell
        fit: dict[int, Image.Image] = {}
        for y, row in enumerate(self.cells):
            left = None
            for x, cell in enumerate(row):
                left = (
                    self.images.cell(cell.text, cell.front[0], left) if cell.text[:1] == PLACEHOLDER else None
                )
                if left and left[0] in self.images.kept:
                    kept = self.images.kept[left[0]]
                    if left[0] not in fit:
                        size = kept.columns * wide, kept.lines * high
                        fit[left[0]] = fitted(kept.image, *size, centred=True)
                    at = left[1] * wide, left[2] * high
                    yield (x, y), fit[left[0]].crop((*at, at[0] + wide, at[1] + high))
        yield from self._pixels.items()

    def picture(self) -> Image.Image | None:
        """All cells that show pictures, in one image as large as they need; none if none does."""
        found = self.pictures()
        if not found:
            return None
        wide, high = self.cell
        left, top = min(x for x, _ in found), min(y for _, y in found)
        right, bottom = max(x for x, _ in found) + 1, max(y for _, y in found) + 1
        whole = Image.new("RGB", ((right - left) * wide, (bottom - top) * high))
        for (x, y), piece in found.items():
            whole.paste(piece, ((x - left) * wide, (y - top) * high))
        return whole

    def photo(self) -> Image.Image:
        """The whole screen as an image, for a person to look at."""
        wide, high = self.cell
        whole = Image.new("RGB", (self.columns * wide, self.lines * high))
        draw = ImageDraw.Draw(whole)
        for y, row in enumerate(self.cells):
            for x, cell in enumerate(row):
                box = (x * wide, y * high, (x + 1) * wide - 1, (y + 1) * high - 1)
                draw.rectangle(box, rgb(cell.back))
                _draw_letter(draw, cell, box)
        for (x, y), piece in self.pictures().items():
            whole.paste(piece, (x * wide, y * high))
        return whole


_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"


def _draw_letter(draw: ImageDraw.ImageDraw, cell: Cell, box: tuple[int, int, int, int]) -> None:
    letter = cell.text[:1]
    bits, rows = -1, 2
    if letter in _QUADRANTS and letter != " " and letter:
        bits = _QUADRANTS.index(letter)
    elif "\U0001fb00" <= letter <= "\U0001fb3b":
        bits, rows = ord(letter) - 0x1FB00 + 1, 3
        bits += bits >= 21
        bits += bits >= 42
    if bits < 0:
        if letter.strip() and letter != PLACEHOLDER:
            draw.text((box[0], box[1] + 2), letter, rgb(cell.front))
        return
    wide, high = box[2] - box[0] + 1, box[3] - box[1] + 1
    for at in range(rows * 2):
        if bits >> at & 1:
            x, y = box[0] + at % 2 * wide // 2, box[1] + at // 2 * high // rows
            end = box[1] + (at // 2 + 1) * high // rows - 1
            draw.rectangle((x, y, x + wide // 2 - 1, end), rgb(cell.front))


def rgb(colour: Colour) -> tuple[int, int, int]:
    """Red, green and blue, also of one of the 256."""
    if len(colour) == 3:
        return colour[0], colour[1], colour[2]
    number = colour[0]
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3  # type: ignore[return-value]
    levels = (0, 95, 135, 175, 215, 255)
    number -= 16
    return levels[number // 36], levels[number // 6 % 6], levels[number % 6]
