"""Each protocol parsed back into pixels: what a terminal shows is the image; and its bytes stay within bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from rich.console import Console

from curator.contract.buckets import BucketRule, place
from curator.tui.drawing.picture_request import Canvas, Picture, PictureRequest
from curator.tui.drawing.pictures import HalfBlocks, draw_picture
from curator.tui.terminal import kitty
from curator.tui.terminal.iterm2 import Iterm2Canvas
from curator.tui.terminal.kitty import KittyCanvas
from curator.tui.terminal.mosaic import Mosaic
from curator.tui.terminal.palette import nearest
from curator.tui.terminal.sixel import SixelCanvas, encoded
from curator.tui.terminal.tmux import through
from tests.terminal.screen import FOOT, ITERM2, KITTY, OTHER, Brand, Screen

CELL = (10, 20)


def photo(width: int = 600, height: int = 400) -> Image.Image:
    """Soft colours, edges, and some noise, as photos have."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 100 * np.sin(x / 50), 127 + 100 * np.cos(y / 40), 127 + 100 * np.sin((x + y) / 70)]
    noise = np.random.default_rng(1).normal(0, 3, (height, width, 3))
    image = Image.fromarray(np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8))
    ImageDraw.Draw(image).ellipse((200, 100, 400, 300), fill=(240, 30, 40))
    return image


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("protocols") / "photo.png"
    photo().save(path)
    return path


def written(picture: Picture, *, is_tmux: bool = False) -> str:
    """All that is written to show a picture at the upper left."""
    if picture.painting:
        return "\x1b[1;1H" + picture.painting.escape
    strips, text = picture.strips, ""
    if picture.upload:
        text = kitty.sent(picture.upload, 77, 200, is_tmux=is_tmux)
        strips = kitty.cells(picture.upload, 77, 200)
    console = Console(color_system="truecolor")
    return text + "".join(f"\x1b[{y};1H{strip.render(console)}" for y, strip in enumerate(strips, 1))


def shown(picture: Picture, brand: Brand, cell: tuple[int, int] = CELL) -> Image.Image:
    """What a terminal shows of it."""
    screen = Screen(80, 40, brand, cell)
    screen.feed(written(picture))
    if picture.strips:
        columns, lines = picture.strips[0].cell_length, len(picture.strips)
        return screen.photo().crop((0, 0, columns * cell[0], lines * cell[1]))
    seen = screen.picture()
    assert seen
    return seen


def difference(seen: Image.Image, image: Image.Image) -> float:
    """Mean difference of colours, of 255, where both have pixels."""
    scale = min(seen.width / image.width, seen.height / image.height)
    size = round(image.width * scale), round(image.height * scale)
    at = (seen.width - size[0]) // 2, (seen.height - size[1]) // 2
    part = seen.crop((*at, at[0] + size[0], at[1] + size[1]))
    wanted = image.resize(size, Image.Resampling.BILINEAR)
    return float(np.abs(np.asarray(part, np.float32) - np.asarray(wanted, np.float32)).mean())


PROTOCOLS = [(KittyCanvas(CELL), KITTY), (Iterm2Canvas(CELL), ITERM2), (SixelCanvas(CELL), FOOT)]


@pytest.mark.parametrize(("canvas", "brand"), PROTOCOLS)
def test_the_terminal_shows_the_image(canvas: Canvas, brand: Brand, file: Path) -> None:
    picture = draw_picture(PictureRequest(file, 40, 30, canvas=canvas))
    seen = shown(picture, brand)
    assert seen.size == (400, 280)  # 40 cells by 14: 400 by 267 pixels are in 13.3 lines
    far = 11 if brand is FOOT else 6  # 256 colours, JPEG, half the pixels
    assert difference(seen.crop((0, 0, 400, 267)) if picture.painting else seen, photo()) < far


def test_sixel_is_exact_where_the_colours_are_few() -> None:
    image = Image.new("RGB", (123, 77), (255, 0, 0))
    image.paste((0, 255, 0), (10, 5, 120, 70))
    image.paste((0, 0, 255), (64, 30, 66, 77))
    screen = Screen(80, 40, FOOT)
    screen.feed(encoded(image))
    assert np.array_equal(np.asarray(screen.picture())[:77, :123], np.asarray(image))


@pytest.mark.parametrize(("canvas", "brand"), PROTOCOLS)
@pytest.mark.parametrize("size", [(9000, 90), (90, 9000), (1, 1), (37, 23)])
def test_any_shape_fits_its_cells(
    canvas: Canvas, brand: Brand, size: tuple[int, int], tmp_path: Path
) -> None:
    Image.new("RGB", size, (0, 200, 0)).save(tmp_path / "p.png")
    seen = shown(draw_picture(PictureRequest(tmp_path / "p.png", 30, 12, canvas=canvas)), brand)
    assert seen.width <= 300
    assert seen.height <= 240
    assert np.asarray(seen)[:, :, 1].max() > 190


def test_kitty_takes_what_is_smaller(file: Path) -> None:
    """PNG of a photo; of two colours in a pattern that no filter of PNG likes, the bare pixels deflated."""
    canvas = KittyCanvas(CELL)
    small = photo().resize((200, 133))
    assert canvas.drawn(small).upload.keys == "f=100"
    flat = Image.new("RGB", (200, 100), (1, 2, 3))
    upload = canvas.drawn(flat).upload
    assert upload.keys in ("f=100", "f=24,o=z,s=200,v=100")
    raw = Picture(upload=kitty.Upload(20, 5, "f=24,o=z,s=100,v=50", kitty_raw(photo(100, 50)), 0))
    assert difference(shown(raw, KITTY), photo(100, 50)) < 2
    assert len(upload.data) < 600


def kitty_raw(image: Image.Image) -> str:
    import zlib
    from base64 import b64encode

    return b64encode(zlib.compress(image.tobytes())).decode()


def test_kitty_through_tmux_is_the_same_with_escapes_doubled(file: Path) -> None:
    upload = draw_picture(PictureRequest(file, 10, 10, canvas=KittyCanvas(CELL))).upload
    plain, wrapped = (kitty.sent(upload, 5, 20, is_tmux=each) for each in (False, True))
    pieces = [f"{each}\x1b\\" for each in plain.split("\x1b\\")[:-1]]
    assert wrapped == "".join(map(through, pieces))
    assert through("\x1b_Gx\x1b\\") == "\x1bPtmux;\x1b\x1b_Gx\x1b\x1b\\\x1b\\"


def test_a_picture_of_kitty_is_gone_where_text_is_written_and_when_it_is_deleted(file: Path) -> None:
    picture = draw_picture(PictureRequest(file, 20, 10, canvas=KittyCanvas(CELL)))
    screen = Screen(80, 24, KITTY)
    screen.feed(written(picture))
    cells = len(screen.pictures())
    screen.feed("\x1b[1;20Hx")
    assert len(screen.pictures()) == cells - 1
    screen.feed(kitty.deleted(77, 200, is_tmux=False))
    assert screen.pictures() == {}


@pytest.mark.parametrize("is_fine", [False, True])
def test_blocks_are_nearer_to_the_image_than_half_blocks(file: Path, is_fine: bool) -> None:
    half = draw_picture(PictureRequest(file, 40, 30, canvas=HalfBlocks()))
    finer = draw_picture(PictureRequest(file, 40, 30, canvas=Mosaic(is_fine)))
    cell = (12, 24)
    at_best = photo().resize((480, 312), Image.Resampling.BILINEAR)
    one, other = (shown(each, OTHER, cell).crop((0, 0, 480, 312)) for each in (half, finer))
    assert other.size == one.size
    assert difference(other, at_best) < difference(one, at_best) * 0.9


def test_256_colours_are_those_the_eye_takes_them_for() -> None:
    asked = np.array([(255, 140, 30), (8, 8, 8), (250, 250, 250), (255, 140, 30), (200, 40, 50)], np.uint8)
    assert nearest(asked).tolist() == [
        [255, 135, 0],
        [8, 8, 8],
        [255, 255, 255],
        [255, 135, 0],
        [215, 0, 0],
    ]
    image = Mosaic(is_plain=True).drawn(photo())
    text = "".join(strip.render(Console(color_system="256")) for strip in image.strips)
    shades = {part for part in text.split("m") if ";5;" in part}
    assert len(shades) > 20


@pytest.mark.parametrize(
    ("canvas", "limit"),
    [
        (KittyCanvas(CELL), 140_000),
        (Iterm2Canvas(CELL), 70_000),
        (SixelCanvas(CELL), 260_000),
        (Mosaic(), 60_000),
        (Mosaic(is_fine=True), 60_000),
        (HalfBlocks(), 50_000),
    ],
)
def test_bytes_of_a_preview_stay_within_bounds(canvas: Canvas, limit: int, file: Path) -> None:
    photo(600, 900).save(file.with_name("tall.png"))
    picture = draw_picture(PictureRequest(file.with_name("tall.png"), 40, 30, canvas=canvas))
    assert len(written(picture).encode()) < limit
    if picture.upload:
        assert len(written(picture).encode()) - len(picture.upload.data) * 1.01 < 9_000  # the cells


@pytest.mark.parametrize("canvas", [KittyCanvas(CELL), Iterm2Canvas(CELL), SixelCanvas(CELL), Mosaic()])
def test_the_crop_is_outlined_where_the_pixels_are_fine(canvas: Canvas, tmp_path: Path) -> None:
    Image.new("RGB", (256, 128), (90, 90, 90)).save(tmp_path / "p.png")
    placement = place((256, 128), BucketRule(128, 128, 128, 128, 64))
    picture = draw_picture(PictureRequest(tmp_path / "p.png", 40, 20, placement, canvas=canvas))
    brand = KITTY if picture.upload else ITERM2
    line = np.asarray(shown(picture, brand).convert("L"))[100].astype(int)
    assert abs(line[:40] - 30).max() < 12  # cut away: dark
    assert abs(line[180:220] - 90).max() < 12
    edge = line[90:110]
    assert edge.max() > 140 or edge.min() < 25
