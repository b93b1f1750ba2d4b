"""Half blocks: turned as EXIF says, alpha on white, broken files with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from curator.contract.buckets import BucketRule, place
from curator.tui.drawing.picture_request import PictureRequest
from curator.tui.drawing.pictures import draw_picture
from tests import flat_pictures


def saved(tmp_path: Path, image: Image.Image, name: str = "p.png", **how: object) -> Path:
    image.save(tmp_path / name, **how)
    return tmp_path / name


def colours(path: Path, columns: int = 8, lines: int = 4) -> set[tuple[int, int, int]]:
    strips = draw_picture(PictureRequest(path, columns, lines)).strips
    return {tuple(segment.style.color.triplet) for strip in strips for segment in strip}


def test_a_picture_fits_its_box_and_keeps_its_shape(tmp_path):
    picture = draw_picture(PictureRequest(saved(tmp_path, Image.new("RGB", (200, 100))), 40, 30))
    assert len(picture.strips) == 10
    assert {strip.cell_length for strip in picture.strips} == {40}


def test_exif_turns_the_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = draw_picture(PictureRequest(saved(tmp_path, Image.new("RGB", (200, 100)), exif=exif), 20, 20))
    assert {strip.cell_length for strip in picture.strips} == {20}
    assert len(picture.strips) == 20


def test_what_is_transparent_is_white(tmp_path):
    assert colours(saved(tmp_path, Image.new("RGBA", (16, 16), (255, 0, 0, 0)))) == {(255, 255, 255)}
    palette = Image.new("P", (16, 16))
    assert colours(saved(tmp_path, palette, "q.png", transparency=0)) == {(255, 255, 255)}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "CMYK", "P"])
def test_every_mode_is_drawn(tmp_path, mode):
    name = "p.jpg" if mode == "CMYK" else "p.png"
    assert draw_picture(PictureRequest(saved(tmp_path, Image.new(mode, (16, 16)), name), 8, 4)).strips


def test_sixteen_bits_keep_their_greys(tmp_path):
    assert colours(saved(tmp_path, Image.new("I;16", (16, 16), 0x8000))) == {(128, 128, 128)}


def test_the_crop_box_darkens_what_is_cut_away(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (256, 128), (90, 90, 90)))
    placement = place((256, 128), BucketRule(128, 128, 128, 128, 64))
    strips = draw_picture(PictureRequest(path, 40, 20, placement)).strips
    line = strips[len(strips) // 2]
    seen = [tuple(s.style.color.triplet) for s in line for _ in s.text]
    assert seen[0] == (30, 30, 30)
    assert seen[20] == (90, 90, 90)
    assert {(0, 0, 0), (255, 255, 255)} & set(seen)


def test_a_bad_file_says_why(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "broken" in draw_picture(PictureRequest(bad, 8, 4)).problem
    assert "gone" in draw_picture(PictureRequest(tmp_path / "no.png", 8, 4)).problem
    whole = saved(tmp_path, Image.effect_noise((64, 64), 50), "half.png")
    whole.write_bytes(whole.read_bytes()[:500])
    assert "cannot be read" in draw_picture(PictureRequest(whole, 8, 4)).problem


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("curator.tui.drawing.pictures.MAX_PIXELS", 100)
    assert (
        "too large" in draw_picture(PictureRequest(saved(tmp_path, Image.new("L", (50, 50))), 8, 4)).problem
    )


def test_only_the_cut_is_shown_as_it_is_trained(tmp_path: Path) -> None:
    """The middle of three colours is all that is left of a wide image in a square bucket."""
    picture = Image.new("RGB", (300, 100), (255, 0, 0))
    picture.paste((0, 255, 0), (100, 0, 200, 100))
    picture.save(tmp_path / "wide.png")
    placement = place((300, 100), BucketRule(64, 64, 64, 64, 64))
    drawn = draw_picture(PictureRequest(tmp_path / "wide.png", 20, 10, placement, cut=True))
    colours = {
        (segment.style.color.triplet, segment.style.bgcolor.triplet)
        for strip in drawn.strips
        for segment in strip
        if segment.style and segment.style.color and segment.style.bgcolor
    }
    inner = drawn.strips[len(drawn.strips) // 2]
    assert inner.cell_length == 20
    assert all(upper.green > 100 for upper, _ in colours)


@pytest.mark.parametrize("kind", flat_pictures.KINDS)
def test_a_picture_is_drawn_as_it_is_trained(tmp_path: Path, kind: str) -> None:
    def brightness(name: str) -> list[int]:
        picture = draw_picture(PictureRequest(flat_pictures.saved(tmp_path, name), 64, 24))
        assert picture.problem == ""
        parts = [part for strip in picture.strips for part in strip]
        return [
            colour.triplet.red
            for part in parts
            for _ in part.text
            for colour in (part.style.color, part.style.bgcolor)
        ]

    one, other = brightness("RGB.png"), brightness(kind)
    assert len(one) == len(other) == 64 * 48
    assert all(abs(a - b) <= 1 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("size", [(100, 9000), (9000, 100), (3, 2000), (1, 1)])
@pytest.mark.parametrize("cells", [(34, 18), (80, 22), (2, 1)])
def test_a_strip_is_drawn(tmp_path: Path, size: tuple[int, int], cells: tuple[int, int]) -> None:
    """One pixel wide at least, with its crop outlined and cut too."""
    path = saved(tmp_path, Image.new("RGB", size, "red"))
    placement = place(size, BucketRule(512, 512, 256, 1024, 64))
    for crop, cut in ((None, False), (placement, False), (placement, True)):
        picture = draw_picture(PictureRequest(path, *cells, crop, False, cut))
        assert picture.strips, picture.problem
        assert max(strip.cell_length for strip in picture.strips) <= cells[0]
        assert len(picture.strips) <= cells[1]


def test_whatever_a_decoder_raises_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Image.Image:
        raise IndexError

    path = saved(tmp_path, Image.new("RGB", (8, 8)))
    monkeypatch.setattr("curator.tui.drawing.pictures._decode", broken)
    assert draw_picture(PictureRequest(path, 8, 8)).problem == "cannot be read: IndexError"
